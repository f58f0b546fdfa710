package insecureedge

import (
	"crypto/ed25519"
	"time"

	"github.com/reevehq/reeve/session"
)

// Clock is a clock of tests: both hands are moved by hand.
type Clock struct {
	Wall time.Time
	Mono time.Duration
}

// Pass lets time pass.
func (c *Clock) Pass(d time.Duration) { c.Wall, c.Mono = c.Wall.Add(d), c.Mono+d }

// SetClock has n read c.
func SetClock(n *Node, c *Clock) { n.clock = func() instant { return instant{c.Wall, c.Mono} } }

// SetPublisherClock has p read c, and returns what a heartbeat of now does.
func SetPublisherClock(p *Publisher, c *Clock) (heartbeat func()) {
	p.clock = func() instant { return instant{c.Wall, c.Mono} }
	return func() {
		listener{p}.Heartbeat(p.start.Add(c.Mono), time.Time{})
		p.mu.Lock()
		defer p.mu.Unlock()
		p.wall = c.Wall // which a time.Time cannot have apart from its monotonic clock
	}
}

// Heard has p hear of a change of a user.
func Heard(p *Publisher, user string) { listener{p}.Changed(session.ScopeUser, user) }

// Change is one change of a list.
type Change = change

// List is the signed text of a list.
type List = listText

// SignList signs any list, as a thief of the key could.
func SignList(key session.SecretKey, feed session.Feed, l List) []byte {
	if l.Store == nil {
		l.Store = storeOf(feed)
	}
	signed, err := sign(key, kindRevocations, l)
	if err != nil {
		panic(err)
	}
	return signed
}

// ListOf reads a signed list without a check.
func ListOf(signed []byte, keys ...[]byte) (l List) {
	for _, key := range keys {
		if open([]ed25519.PublicKey{key}, kindRevocations, signed, &l) == nil {
			return l
		}
	}
	return List{}
}

// SetNow has h read a clock of tests.
func SetNow(h *Handler, now func() time.Time) { h.now = now }
