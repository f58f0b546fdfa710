package jwks

import (
	"context"
	"errors"
	"io"
	"sync"
)

// The limits of bodies.
const (
	maxBody   = 1 << 20  // of one
	maxBodies = 32 << 20 // of all that are held at a time
	firstRoom = 4 << 10  // for one; most key sets fit
)

// bodies reads the bodies of all fetches into memory, of which providers that trickle
// could otherwise hold 1 MiB each. When they are too many together, the longest is given
// up. So no number of providers keeps another's waiting, and a thousand that send what
// they can leave each other 16 KiB. The zero bodies is ready for use.
type bodies struct {
	mu    sync.Mutex
	held  map[*body]bool
	total int
}

// body is one, with how much memory is set aside for it.
type body struct {
	room int
	end  context.CancelFunc
}

// read reads a body. end ends the fetch that it belongs to, from any goroutine.
func (b *bodies) read(r io.Reader, end context.CancelFunc) ([]byte, error) {
	p := &body{end: end}
	defer b.leave(p)
	var text []byte
	for {
		if len(text) == cap(text) {
			room := min(max(2*cap(text), firstRoom), maxBody+1)
			if !b.widen(p, room) {
				return nil, errors.New("the answer gave way to those of others")
			}
			text = append(make([]byte, 0, room), text...)
		}
		n, err := r.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case len(text) > maxBody:
			return nil, errors.New("an answer of more than 1 MiB")
		case err == io.EOF:
			return text, nil
		case err != nil:
			return nil, errors.New("the answer was cut short")
		}
	}
}

// widen sets memory aside for a body, and gives up the longest ones until there is enough
// for all. It reports whether the body itself was not among them.
func (b *bodies) widen(p *body, room int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held == nil {
		b.held = map[*body]bool{}
	}
	if p.room > 0 && !b.held[p] {
		return false // given up since
	}
	b.total += room - p.room
	p.room = room
	b.held[p] = true
	for b.total > maxBodies {
		longest := p
		for other := range b.held {
			if other.room > longest.room {
				longest = other
			}
		}
		b.drop(longest)
		longest.end()
	}
	return b.held[p]
}

func (b *bodies) leave(p *body) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(p)
}

func (b *bodies) drop(p *body) {
	if b.held[p] {
		delete(b.held, p)
		b.total -= p.room
	}
}
