package faultproxy

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// The faults of replies.
const (
	Swapped   = "swapped"    // with the next one of the connection
	Exchanged = "exchanged"  // with the last one of its shape, of whatever connection
	Repeated  = "repeated"   // so that every later reply is one behind
	Dropped   = "dropped"    // so that every later reply is one ahead
	Late      = "late"       // and everything behind it
	Cut       = "cut"        // in two, of which the second is lost
	Misplaced = "outofplace" // an earlier one of the connection comes before it
)

var faults = []string{
	Exchanged, Exchanged, Exchanged, Exchanged, Exchanged, Exchanged, Repeated, Repeated, Misplaced, Misplaced, Swapped, Dropped, Late, Cut,
}

// swapPause is how long a reply waits for the next one, which never comes when the client
// waits for this one first.
const swapPause = 2 * time.Millisecond

// garbling is shared by all connections of a proxy.
type garbling struct {
	oneIn int
	late  time.Duration

	mu    sync.Mutex
	seeds *rand.Rand
	kept  map[string][]byte // the last reply of each shape
	done  map[string]int    // faults
}

// Garble makes about one of so many replies of Redis, on connections made from now on, go
// wrong at random: swapped with the next, exchanged with one of the same shape that
// another request got, repeated, dropped, late or cut short.
func (p *Proxy) Garble(seed uint64, oneIn int, late time.Duration) {
	p.set(func() {
		p.garbling = &garbling{
			oneIn: oneIn, late: late, seeds: rand.New(rand.NewPCG(seed, 0)), kept: map[string][]byte{}, done: map[string]int{},
		}
	})
}

// Garbled returns how many replies went wrong in which way.
func (p *Proxy) Garbled() map[string]int {
	p.mu.Lock()
	g := p.garbling
	p.mu.Unlock()
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.done)
}

func (g *garbling) next() *garbler {
	g.mu.Lock()
	defer g.mu.Unlock()
	return &garbler{garbling: g, random: rand.New(rand.NewPCG(g.seeds.Uint64(), g.seeds.Uint64()))}
}

func (g *garbling) note(fault string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done[fault]++
}

// exchange keeps a reply and returns the one of its shape that was kept before.
func (g *garbling) exchange(shape string, reply []byte) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.kept[shape]
	g.kept[shape] = bytes.Clone(reply)
	return before
}

// garbler passes on the replies of one connection.
type garbler struct {
	*garbling
	random *rand.Rand
	held   []byte // it waits to be swapped
	last   []byte // the last that was passed on
}

// forward passes replies on until a connection ends.
func (g *garbler) forward(to, from net.Conn, pass func() bool) {
	var unread []byte
	buffer := make([]byte, 64<<10)
	for {
		if g.held != nil {
			_ = from.SetReadDeadline(time.Now().Add(swapPause))
		} else {
			_ = from.SetReadDeadline(time.Time{})
		}
		n, err := from.Read(buffer)
		unread = append(unread, buffer[:n]...)
		var out []byte
		for {
			size, shape, whole := reply(unread)
			if !whole {
				break
			}
			passed, wait := g.garble(unread[:size], shape)
			out = append(out, passed...)
			unread = unread[size:]
			if wait > 0 {
				<-time.After(wait)
			}
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			out, g.held, err = append(out, g.held...), nil, nil
		}
		if len(out) > 0 {
			if !pass() {
				return
			}
			if _, err := to.Write(out); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// garble returns what is passed on for a reply, and how late.
func (g *garbler) garble(reply []byte, shape string) ([]byte, time.Duration) {
	fault := ""
	if g.random.IntN(g.oneIn) == 0 {
		fault = faults[g.random.IntN(len(faults))]
	}
	kept := g.exchange(shape, reply)
	var out []byte
	var wait time.Duration
	switch fault {
	case "":
		out = reply
	case Swapped:
		if g.held != nil {
			return g.pass(reply), 0
		}
		g.held = bytes.Clone(reply)
		g.note(fault)
		return nil, 0
	case Exchanged:
		out = kept
		if bytes.Equal(kept, reply) || kept == nil {
			return g.pass(reply), 0
		}
	case Repeated:
		out = append(bytes.Clone(reply), reply...)
	case Misplaced:
		if g.last == nil {
			return g.pass(reply), 0
		}
		out = append(bytes.Clone(g.last), reply...)
	case Late:
		out, wait = reply, g.late
	case Cut:
		out = reply[:len(reply)/2]
	case Dropped:
	}
	if fault != "" {
		g.note(fault)
	}
	return g.pass(out), wait
}

// pass returns a reply and the one that waited for it.
func (g *garbler) pass(reply []byte) []byte {
	out := append(bytes.Clone(reply), g.held...)
	g.held = nil
	if len(reply) > 0 {
		g.last = bytes.Clone(reply)
	}
	return out
}

// reply returns the size of the first reply in b, of RESP 2 or 3, and its shape: what it is
// made of, without any content.
func reply(b []byte) (size int, shape string, whole bool) {
	var kinds []byte
	for missing := 1; missing > 0; missing-- {
		end := bytes.Index(b[min(size, len(b)):], []byte("\r\n"))
		if end < 1 {
			return 0, "", false
		}
		line := b[size : size+end]
		size += end + 2
		kinds = append(kinds, line[0])
		n, _ := strconv.Atoi(string(line[1:]))
		switch line[0] {
		case '$', '=', '!':
			if n >= 0 {
				size += n + 2
			}
		case '*', '~', '>', '%', '|':
			kinds = append(kinds, line[1:]...)
			if line[0] == '%' || line[0] == '|' {
				n *= 2
			}
			if line[0] == '|' { // what it is an attribute of follows
				n++
			}
			missing += max(0, n)
		}
	}
	return size, string(kinds), size <= len(b)
}
