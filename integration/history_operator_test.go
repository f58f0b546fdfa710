//go:build unix

package integration_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/reevehq/reeve/integration/history"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// operator suspends a tenant and activates it again, and now and then ends its sessions.
type operator struct {
	*historyFixture
	tenant tenant.ID
	status tenant.Status // as they want it

	doing sync.Mutex // they do one thing after the other
}

// operatorPauses are how long a status stands.
var operatorPauses = []time.Duration{200 * time.Millisecond, 700 * time.Millisecond, 2 * time.Second}

func (o *operator) work() {
	for o.pause(operatorPauses[rand.N(len(operatorPauses))]) {
		o.change.RLock()
		o.do()
		o.change.RUnlock()
	}
}

func (o *operator) do() {
	o.doing.Lock()
	defer o.doing.Unlock()
	g := o.anyFront()
	switch n := rand.N(20); {
	case o.roles == ofService && n > 16:
		o.makeStale(g)
	case o == o.operators[0] && n == 0:
		o.end(g, history.RevokeAll)
	case o == o.operators[0] && n > 1: // there is always one that is served
		o.lookAfter(g)
	case n < 4:
		o.end(g, history.RevokeTenant)
	default:
		o.toggle(g)
	}
}

// lookAfter sets a status again that is lost altogether.
func (o *operator) lookAfter(g *front) {
	if status, err := g.manager.TenantStatus(context.Background(), o.tenant); err == nil && status == tenant.Unknown {
		o.set(g, o.status)
	}
}

// toggle wants the other status. Without an answer they may try again, or want the first one
// after all, by another instance: what was on its way must not win then.
func (o *operator) toggle(g *front) {
	o.flip()
	for range 4 {
		if o.set(g, o.status) != history.Unknown || !o.pause(50*time.Millisecond) {
			return
		}
		if rand.N(2) == 0 {
			o.flip()
		}
		g = o.anyFront()
	}
}

func (o *operator) flip() {
	if o.status == tenant.Active {
		o.status = tenant.Suspended
	} else {
		o.status = tenant.Active
	}
}

func (o *operator) set(g *front, status tenant.Status) history.Answer {
	kind := history.Activate
	if status == tenant.Suspended {
		kind = history.Suspend
	}
	return o.log.Call(history.Call{Kind: kind, By: g.name, Tenant: o.tenant.String()}, func(c *history.Call) {
		c.Answer = o.answer(g.manager.SetTenantStatus(context.Background(), o.tenant, status))
	}).Answer
}

// makeStale gives every user of the tenant the next step, in the book and then in all sessions.
func (o *operator) makeStale(g *front) {
	c := history.Call{Kind: history.StaleTenant, By: g.name, Tenant: o.tenant.String(), Invoked: o.log.Now()}
	steps := map[string]int{}
	for _, p := range o.people {
		steps[p.user.String()] = o.book.change(o.tenant, p.user)
	}
	c.Answer = o.answer(g.manager.Stale(context.Background(), o.tenant, session.UserID{}))
	c.Returned = o.log.Now()
	for user, step := range steps {
		c.User, c.Made, c.Role = user, step, writes(step)
		o.log.Add(c)
	}
}

func (o *operator) end(g *front, kind history.Kind) {
	o.log.Call(history.Call{Kind: kind, By: g.name, Tenant: o.tenant.String()}, func(c *history.Call) {
		if kind == history.RevokeAll {
			c.Answer = o.answer(g.manager.RevokeAll(context.Background()))
			return
		}
		c.Answer = o.answer(g.manager.RevokeTenant(context.Background(), o.tenant))
	})
}
