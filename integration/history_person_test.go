//go:build unix

package integration_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/reevehq/reeve/integration/history"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// person is a user of several tenants. They do one thing after the other, each by any
// instance.
type person struct {
	*historyFixture
	user session.UserID

	doing sync.Mutex // they do one thing after the other

	mu      sync.Mutex
	holding []*login // sessions that they take for live
	former  []*login // those that they do not
	signIns []*providerSignIn

	barred []tenant.ID // where they were blocked
}

// login is a session as its user has it. Only the user changes what follows the bearer.
type login struct {
	id     string
	ref    session.Ref
	bearer string

	tokens []session.RefreshToken // every one there was; the last is the newest
	step   int                    // the last one that they tried to make
}

// keepFormer is how many former sessions of one person are still asked with.
const keepFormer = 100

// call returns a call on behalf of a session.
func (h *login) call(kind history.Kind, g *front) history.Call {
	return history.Call{Kind: kind, By: g.name, Session: h.id, Tenant: h.ref.Tenant.String(), User: h.ref.User.String()}
}

// some returns a session that they have or had, and nil when there was none.
func (p *person) some() *login {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := rand.N(10)
	switch {
	case len(p.holding) > 0 && (n < 5 || len(p.former) == 0):
		return p.holding[rand.N(len(p.holding))]
	case len(p.former) == 0:
		return nil
	case n < 8: // one of late
		return p.former[len(p.former)-1-rand.N(min(3, len(p.former)))]
	}
	return p.former[rand.N(len(p.former))]
}

func (p *person) hold(s session.Session, refresh session.RefreshToken, step int) {
	var tokens []session.RefreshToken
	if refresh != (session.RefreshToken{}) {
		tokens = append(tokens, refresh)
	}
	signed, err := p.signer.Sign(s)
	if err != nil {
		p.tb.Errorf("Sign: %v", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holding = append(p.holding, &login{id: s.ID.Fingerprint(), ref: s.Ref(), bearer: signed.Reveal(), tokens: tokens, step: step})
}

// drop is for a session that they take for live no longer.
func (p *person) drop(which func(h *login) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.holding {
		if which(h) {
			p.former = append(p.former, h)
		}
	}
	p.holding = slices.DeleteFunc(p.holding, which)
	if n := len(p.former); n > keepFormer {
		p.former = slices.Clone(p.former[n-keepFormer:])
	}
}

// live does one thing.
func (p *person) live() {
	p.doing.Lock()
	defer p.doing.Unlock()
	p.mu.Lock()
	n := len(p.holding)
	var h *login
	if n > 0 {
		h = p.holding[rand.N(n)]
	}
	p.mu.Unlock()
	g := p.anyFront()
	if p.roles != ofSession {
		p.liveGranted(g, h, n)
		return
	}
	if n == 0 || n < 3 && rand.N(4) == 0 {
		p.signIn(g, h)
		return
	}
	switch n := rand.N(100); {
	case n < 26:
		p.update(g, h)
	case n < 38:
		p.rotate(g, h, n < 32)
	case n < 44:
		p.switchTenant(g, h)
	case n < 64:
		p.refresh(g, h)
	case n < 73:
		p.steal(g, h)
	case n < 81:
		p.list(g, h)
	case n < 89:
		p.end(g, h, history.Revoke)
	case n < 96:
		p.end(g, h, history.RevokeOthers)
	default:
		p.end(g, h, history.RevokeUser)
	}
}

// somewhere is the tenant of h as often as not.
func (p *person) somewhere(h *login) tenant.ID {
	switch n := rand.N(4); {
	case h != nil && n < 2:
		return h.ref.Tenant
	case n == 2:
		return p.operators[0].tenant // which is always served
	}
	return p.operators[rand.N(len(p.operators))].tenant
}

// signIn is for another session of the tenant of h as often as not.
func (p *person) signIn(g *front, h *login) {
	tenant := p.somewhere(h)
	c := history.Call{Kind: history.Create, By: g.name, Tenant: tenant.String(), User: p.user.String(), Made: 1, Role: writes(1)}
	p.log.Call(c, func(c *history.Call) {
		roles, attributes := stateOf(1)
		s, refresh, err := g.manager.Create(context.Background(), session.SignIn{Tenant: tenant, User: p.user, Roles: roles, Attributes: attributes})
		if c.Answer = p.answer(err); err == nil {
			c.Session = s.ID.Fingerprint()
			p.hold(s, refresh, 1)
		}
	})
}

// after drops a session that a call has found gone.
func (p *person) after(h *login, c history.Call) {
	if c.Answer == history.Ended || c.Answer == history.Reused {
		p.drop(func(other *login) bool { return other == h })
	}
}

func (p *person) update(g *front, h *login) {
	c := h.call(history.Update, g)
	h.step++
	c.Made, c.Role = h.step, writes(h.step)
	p.after(h, p.log.Call(c, func(c *history.Call) {
		_, err := g.manager.Update(context.Background(), h.ref, func(s *session.Session) error {
			c.Saw = stepOf(*s)
			s.Roles, s.Attributes = stateOf(c.Made)
			return nil
		})
		c.Answer = p.answer(err)
	}))
}

// rotate steps the session up, or moves it with another role.
func (p *person) rotate(g *front, h *login, stepUp bool) {
	c := h.call(history.Move, g)
	c.Graced = p.roles != ofSession && stepUp
	p.moved(h, p.log.Call(c, func(c *history.Call) {
		var s session.Session
		var refresh session.RefreshToken
		var err error
		if stepUp {
			var methods session.Methods
			if methods, err = session.NewMethods("otp"); err == nil {
				s, refresh, err = g.manager.StepUp(context.Background(), h.ref, methods)
			}
			c.Saw, c.Made = stepOf(s), stepOf(s)
		} else {
			c.Made = h.step + 1
			s, refresh, err = g.manager.Rotate(context.Background(), h.ref, func(s *session.Session) error {
				c.Saw = stepOf(*s)
				s.Roles, s.Attributes = stateOf(c.Made)
				return nil
			})
		}
		p.take(c, s, refresh, err)
	}))
}

func (p *person) switchTenant(g *front, h *login) {
	to := p.operators[rand.N(len(p.operators))].tenant
	if to == h.ref.Tenant {
		return
	}
	c := h.call(history.Move, g)
	c.To, c.Made, c.Graced = to.String(), h.step+1, p.roles != ofSession
	p.moved(h, p.log.Call(c, func(c *history.Call) {
		roles, attributes := stateOf(c.Made)
		switch p.roles {
		case ofUser:
			roles, attributes = stateOf(p.book.step(to, p.user))
		case ofService:
			roles, attributes = session.Roles{}, session.Attributes{}
		}
		s, refresh, err := g.manager.SwitchTenant(context.Background(), h.ref, to, roles, attributes)
		p.take(c, s, refresh, err)
		if c.Answer == history.Inactive || c.Answer == history.Blocked {
			c.Answer = history.Nothing // either tenant may be meant
		}
	}))
}

func (p *person) take(c *history.Call, s session.Session, refresh session.RefreshToken, err error) {
	c.Role = writes(c.Made)
	if c.Answer = p.answer(err); err == nil {
		c.Next = s.ID.Fingerprint()
		p.hold(s, refresh, c.Made)
	}
}

func (p *person) moved(h *login, c history.Call) {
	if c.Answer == history.Done {
		p.drop(func(other *login) bool { return other == h })
		return
	}
	h.step = max(h.step, c.Made)
	p.after(h, c)
}

// refresh exchanges the newest token.
func (p *person) refresh(g *front, h *login) {
	if len(h.tokens) == 0 {
		return // the provider refreshes it
	}
	p.after(h, p.present(g, h, len(h.tokens)-1))
}

// steal presents a token that has been used, or one of a session that has ended.
func (p *person) steal(g *front, h *login) {
	p.mu.Lock()
	for _, other := range p.holding {
		if len(other.tokens) > len(h.tokens) {
			h = other
		}
	}
	var former *login
	if n := len(p.former); n > 0 {
		former = p.former[rand.N(n)]
	}
	p.mu.Unlock()
	switch n := len(h.tokens); {
	case n > 1:
		p.after(h, p.present(g, h, rand.N(n-1)))
	case former != nil && len(former.tokens) > 0:
		p.present(g, former, rand.N(len(former.tokens)))
	}
}

func (p *person) present(g *front, h *login, n int) history.Call {
	c := h.call(history.Refresh, g)
	c.Presented = n
	return p.log.Call(c, func(c *history.Call) {
		s, next, err := g.manager.Refresh(context.Background(), h.tokens[n].Reveal())
		if c.Answer = p.answer(err); err == nil {
			c.Saw = stepOf(s)
			if n == len(h.tokens)-1 {
				h.tokens = append(h.tokens, next)
			}
		}
	})
}

// list looks up what sessions they have. One that is not among them has ended.
func (p *person) list(g *front, h *login) {
	p.mu.Lock()
	mine := slices.DeleteFunc(slices.Clone(p.holding), func(other *login) bool { return other.ref.Tenant != h.ref.Tenant })
	p.mu.Unlock()
	var calls []history.Call
	listed := p.log.Now()
	sessions, err := g.manager.List(context.Background(), h.ref.Tenant, p.user)
	returned := p.log.Now()
	if err != nil {
		p.answer(err)
		return
	}
	for _, one := range mine {
		c := one.call(history.List, g)
		c.Answer, c.Invoked, c.Returned = history.Ended, listed, returned
		for _, s := range sessions {
			if s.ID == one.ref.ID {
				c.Answer = history.Done
				if !s.Stale {
					c.Saw = stepOf(s)
				}
			}
		}
		calls = append(calls, c)
	}
	for i, c := range calls {
		p.log.Add(c)
		p.after(mine[i], c)
	}
}

// end ends sessions. They try again, elsewhere, when they get no answer, or leave it.
func (p *person) end(g *front, h *login, kind history.Kind) {
	for range 3 {
		c := h.call(kind, g)
		if kind == history.RevokeUser {
			c.Session = ""
		}
		c = p.log.Call(c, func(c *history.Call) {
			ctx := context.Background()
			switch kind {
			case history.Revoke:
				c.Answer = p.answer(g.manager.Revoke(ctx, h.ref))
			case history.RevokeOthers:
				c.Answer = p.answer(g.manager.RevokeOthers(ctx, h.ref))
			case history.RevokeUser:
				c.Answer = p.answer(g.manager.RevokeUser(ctx, h.ref.Tenant, h.ref.User))
			}
		})
		p.after(h, c)
		if c.Answer == history.Done {
			p.drop(func(other *login) bool {
				switch kind {
				case history.Revoke:
					return other == h
				case history.RevokeOthers:
					return other != h && other.ref.Tenant == h.ref.Tenant
				default:
					return other.ref.Tenant == h.ref.Tenant
				}
			})
		}
		if c.Answer != history.Unknown || rand.N(3) == 0 || !p.pause(50*time.Millisecond) {
			return
		}
		g = p.anyFront()
	}
}
