// Package faultproxy is a TCP proxy that does to connections what networks do: it delays
// them, stops them without a word, cuts them and refuses new ones. It also does to the replies
// of Redis what clients and proxies with defects do: see [Proxy.Garble].
//
//	proxy := faultproxy.Start(t, server.Addr())
//	proxy.Freeze() // a black hole: nothing arrives, nothing is closed
package faultproxy

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy forwards connections to one address of the loopback interface.
type Proxy struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu          sync.Mutex
	changed     chan struct{} // closed and replaced when what follows changes
	closed      bool
	refuse      bool
	frozen      bool
	feedsFrozen bool
	mute        bool
	delay       time.Duration
	pairs       map[*pair]bool

	garbling *garbling // nil while replies are passed on as they are
}

// pair is one forwarded connection.
type pair struct {
	client, server net.Conn
	subscriber     bool // the client subscribed to a channel; guarded by Proxy.mu
	abandoned      bool // see Abandon; guarded by Proxy.mu
	garbler        *garbler
}

// Start starts a proxy to target that ends with the test.
func Start(tb testing.TB, target string) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("faultproxy: %v", err)
	}
	p := &Proxy{target: target, listener: l, changed: make(chan struct{}), pairs: map[*pair]bool{}}
	p.running.Go(p.accept)
	tb.Cleanup(p.stop)
	return p
}

// Addr returns host and port of the proxy.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Freeze forwards nothing and closes nothing until Thaw. Data that is sent meanwhile arrives
// then.
func (p *Proxy) Freeze() { p.set(func() { p.frozen = true }) }

// FreezeFeeds is Freeze for connections that subscribed to a Redis channel; the others go on.
func (p *Proxy) FreezeFeeds() { p.set(func() { p.feedsFrozen = true }) }

// Mute forwards what clients send and holds back what is answered until Heal: a client's
// requests have their effect, and it does not learn of that.
func (p *Proxy) Mute() { p.set(func() { p.mute = true }) }

// Abandon forwards nothing more, ever, on the connections that there are, and does not close
// them: they are half open, as after a machine between has forgotten them. New ones work.
func (p *Proxy) Abandon() {
	p.set(func() {
		for c := range p.pairs {
			c.abandoned = true
		}
	})
}

// Redirect makes new connections lead to another address. [Proxy.Cut] closes the old ones.
func (p *Proxy) Redirect(target string) { p.set(func() { p.target = target }) }

// Delay makes everything arrive so much later, in both directions.
func (p *Proxy) Delay(d time.Duration) { p.set(func() { p.delay = d }) }

// Refuse closes new connections as soon as they are made.
func (p *Proxy) Refuse() { p.set(func() { p.refuse = true }) }

// Cut closes every connection there is.
func (p *Proxy) Cut() {
	p.set(func() {
		for c := range p.pairs {
			c.close()
		}
	})
}

// Restore ends every fault; those of [Proxy.Garble] on new connections. Abandoned connections stay
// abandoned, and a redirection stays.
func (p *Proxy) Restore() {
	p.set(func() {
		p.frozen, p.feedsFrozen, p.mute, p.refuse, p.delay, p.garbling = false, false, false, false, 0, nil
	})
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) stop() {
	p.listener.Close()
	p.set(func() { p.closed = true })
	p.Cut()
	p.running.Wait()
}

func (c *pair) close() {
	c.client.Close()
	c.server.Close()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		server, err := net.Dial("tcp", target)
		if err != nil {
			client.Close()
			continue
		}
		c := &pair{client: client, server: server}
		p.mu.Lock()
		if p.refuse || p.closed {
			p.mu.Unlock()
			c.close()
			continue
		}
		p.pairs[c] = true
		if p.garbling != nil {
			c.garbler = p.garbling.next()
		}
		p.running.Go(func() { p.forward(c, server, client) })
		p.running.Go(func() { p.forward(c, client, server) })
		p.mu.Unlock()
	}
}

func (p *Proxy) forward(c *pair, to, from net.Conn) {
	defer func() {
		c.close()
		p.mu.Lock()
		delete(p.pairs, c)
		p.mu.Unlock()
	}()
	if from == c.server && c.garbler != nil {
		c.garbler.forward(to, from, func() bool { return p.pass(c, true) })
		return
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if from == c.client && bytes.Contains(bytes.ToLower(buffer[:n]), []byte("subscribe")) {
				p.mu.Lock()
				c.subscriber = true
				p.mu.Unlock()
			}
			if !p.pass(c, from == c.server) {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits until data of a connection, of an answer or not, may go on. It returns false when
// the proxy ends.
func (p *Proxy) pass(c *pair, answer bool) bool {
	p.mu.Lock()
	if p.delay > 0 {
		d := p.delay
		p.mu.Unlock()
		wait(d)
		p.mu.Lock()
	}
	for !p.closed && (p.frozen || c.abandoned || p.feedsFrozen && c.subscriber || p.mute && answer) {
		changed := p.changed
		p.mu.Unlock()
		<-changed
		p.mu.Lock()
	}
	defer p.mu.Unlock()
	return !p.closed
}
