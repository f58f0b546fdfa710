//go:build unix

package integration_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/history"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// historyFixture is two instances and those who use them: people who sign in and out and change what
// they have, operators of tenants, and clients that go on asking with whatever token there
// ever was. Every call is in the log.
type historyFixture struct {
	tb        testing.TB
	log       *history.Log
	fronts    []*front
	signer    *token.Signer
	people    []*person
	operators []*operator
	stalls    *stalls
	rules     history.Rules
	interval  time.Duration // of a person: up to twice as long until they do something again
	roles     authority
	book      *book // of the service, where it is the authority on roles

	change  sync.RWMutex // held for reading by every change, and for writing while there is to be none
	done    chan struct{}
	running sync.WaitGroup
}

const (
	historyPeople  = 40
	historyClients = 4 // of each instance
)

// clientPause is up to twice as long.
const clientPause = 4 * time.Millisecond

// newHistoryFixture returns a fixture on the stores of two instances. lease is how late they may be.
func newHistoryFixture(t *testing.T, roles authority, lease time.Duration, stores ...session.Store) *historyFixture {
	t.Helper()
	w := &historyFixture{tb: t, log: history.New(), signer: newSigner(t), done: make(chan struct{}), stalls: watchStalls(t), interval: 400 * time.Millisecond, roles: roles, book: newBook()}
	window := time.Second
	if lease == 0 {
		window += 300 * time.Millisecond // without a feed a load asks once a second, and puts back then
	}
	w.rules = history.Rules{
		Lease: lease, Window: window, Loss: 3 * time.Second, Grace: refreshGrace, Late: 10 * time.Second, Share: 32,
		RotateGrace: rotateGrace, Granted: roles != ofSession,
	}
	for i, store := range stores {
		w.fronts = append(w.fronts, newFront(t, string(rune('a'+i)), store, w.signer, w.config()))
	}
	for _, name := range []string{"acme", "globex", "initech", "hooli"} {
		w.operators = append(w.operators, &operator{historyFixture: w, tenant: tenant.MustParse(name), status: tenant.Active})
	}
	for i := range historyPeople {
		w.people = append(w.people, &person{historyFixture: w, user: session.MustParseUserID(fmt.Sprintf("user-%d", i))})
	}
	for _, o := range w.operators {
		testwait.Until(t, "a tenant is set up", func() bool { return o.set(w.anyFront(), tenant.Active) == history.Done })
	}
	return w
}

func (w *historyFixture) anyFront() *front { return w.fronts[rand.N(len(w.fronts))] }

// pause waits for up to twice a time. It returns false when the fixture ends.
func (w *historyFixture) pause(d time.Duration) bool {
	select {
	case <-w.done:
		return false
	case <-time.After(rand.N(2 * d)):
		return true
	}
}

// begin lets the fixture go on until end.
func (w *historyFixture) begin() {
	for _, p := range w.people {
		w.running.Go(func() {
			for w.pause(w.interval) {
				w.change.RLock()
				p.live()
				w.change.RUnlock()
			}
		})
	}
	for _, o := range w.operators {
		w.running.Go(o.work)
	}
	for _, g := range w.fronts {
		for range historyClients {
			w.running.Go(func() {
				for w.pause(clientPause) {
					w.ask(g)
				}
			})
		}
	}
}

func (w *historyFixture) end() {
	close(w.done)
	w.running.Wait()
}

// calm waits until no change is under way, and lets none begin until the function that it
// returns is called. Clients go on.
func (w *historyFixture) calm() (resume func()) {
	w.change.Lock()
	return w.change.Unlock
}

// stir has everybody do so many things now, so that a fault that undoes changes finds some,
// also on a busy machine.
func (w *historyFixture) stir(things int) {
	for range things {
		var all sync.WaitGroup
		for _, p := range w.people {
			all.Go(p.live)
		}
		for _, o := range w.operators {
			all.Go(o.do)
		}
		all.Wait()
	}
}

// ask makes a request with some token.
func (w *historyFixture) ask(g *front) {
	p := w.people[rand.N(len(w.people))]
	if in := p.someSignIn(); in != nil && rand.N(4) == 0 {
		p.presentTo(g, in)
		return
	}
	h := p.some()
	if h == nil {
		return
	}
	method := http.MethodGet
	if rand.N(3) == 0 {
		method = http.MethodPut
	}
	w.request(g, h, method)
}

func (w *historyFixture) request(g *front, h *login, method string) history.Call {
	return w.log.Call(h.call(history.Act, g), func(c *history.Call) {
		status, a := g.request(method, h.bearer)
		c.Saw, c.Needs = a.step, method == http.MethodPut
		c.Answer = w.answer(a.cause)
		if c.Answer == history.Done && status != http.StatusNoContent {
			w.tb.Errorf("a request without a cause is answered %d", status)
		}
	})
}

// answer is answerOf that lets nothing pass that a caller should not get.
func (w *historyFixture) answer(err error) history.Answer {
	answer, known := answerOf(err)
	if !known {
		w.tb.Errorf("a call fails with %v", err)
	}
	return answer
}

// requests returns how many requests there were.
func (w *historyFixture) requests() int { return w.log.Count("", history.Act) }

// isServed waits until every instance lets somebody in again.
func (w *historyFixture) isServed() {
	w.tb.Helper()
	for _, g := range w.fronts {
		testwait.Until(w.tb, g.name+" serves somebody", func() bool {
			for _, p := range w.people {
				if h := p.some(); h != nil && w.request(g, h, http.MethodGet).Answer == history.Done {
					return true
				}
			}
			return false
		})
	}
}

// row judges the history. Each finding is an error of the test, unless the row is only to be
// told.
func (w *historyFixture) row(fault, store string) history.Row {
	w.rules.Slack = w.stalls.slack()
	return history.RowOf(fault, store, w.log, w.rules)
}
