//go:build unix

package integration_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/reevehq/reeve/integration/history"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// authority says who says what roles somebody has, and so which fixture it is. In the two fixtures in
// which the session does not, people are blocked and let in again, and former ids have a grace.
type authority string

const (
	ofSession authority = ""
	ofUser    authority = "UpdateUser" // all sessions of a user are changed at once
	ofService authority = "Grants"     // which is asked, and may be by sign-ins at a provider
)

// rotateGrace is how long requests by a former id go on.
const rotateGrace = time.Second

func (w *historyFixture) config() session.Config {
	switch w.roles {
	case ofSession:
		return session.Config{}
	case ofUser:
		return session.Config{RotateGrace: rotateGrace}
	}
	return session.Config{RotateGrace: rotateGrace, Grants: func(_ context.Context, t tenant.ID, u session.UserID) (session.Grants, error) {
		roles, attributes := stateOf(w.book.step(t, u))
		return session.Grants{Roles: roles, Attributes: attributes}, nil
	}}
}

// book is the database of the service: in which step each user of a tenant is.
type book struct {
	mu    sync.Mutex
	steps map[bookKey]int
}

type bookKey struct {
	tenant tenant.ID
	user   session.UserID
}

func newBook() *book { return &book{steps: map[bookKey]int{}} }

// step returns the step of a user: 1 before the first change.
func (b *book) step(t tenant.ID, u session.UserID) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return 1 + b.steps[bookKey{t, u}]
}

// change gives a user the next step.
func (b *book) change(t tenant.ID, u session.UserID) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.steps[bookKey{t, u}]++
	return 1 + b.steps[bookKey{t, u}]
}

// providerSignIn is a sign-in at a provider.
type providerSignIn struct {
	stranger session.Stranger
	key      string
	issued   time.Duration // by the log
}

// keepSignIns is how many sign-ins of one person are presented again and again.
const keepSignIns = 30

// aheadOfUs is how far the clock of the provider is: as far as is believed, so that a sign-in may
// follow an end at once.
const aheadOfUs = session.MaxSkew - 100*time.Millisecond

// liveGranted does one thing in a fixture in which roles are those of the user.
func (p *person) liveGranted(g *front, h *login, holding int) {
	if len(p.barred) > 0 && rand.N(2) == 0 {
		p.unblock(g)
		return
	}
	if holding == 0 || holding < 3 && rand.N(4) == 0 {
		if p.roles == ofService && rand.N(2) == 0 {
			p.signInElsewhere(g, h)
			return
		}
		p.signInGranted(g, h)
		return
	}
	switch n := rand.N(100); {
	case n < 8:
		p.adoptAgain(g, h)
	case n < 34:
		p.regrant(g, h)
	case n < 46:
		p.rotate(g, h, true)
	case n < 54:
		p.switchTenant(g, h)
	case n < 68:
		p.refresh(g, h)
	case n < 75:
		p.steal(g, h)
	case n < 81:
		p.list(g, h)
	case n < 88:
		p.end(g, h, history.Revoke)
	case n < 91:
		p.end(g, h, history.RevokeOthers)
	case n < 92:
		p.end(g, h, history.RevokeUser)
	case n < 95:
		p.revokePerson(g)
	case n < 97:
		p.endSignIn(g)
	default:
		p.block(g, h)
	}
}

// signInGranted is signIn with the roles of the book: under a ticket that was read before, where
// they are not asked for.
func (p *person) signInGranted(g *front, h *login) {
	t := p.somewhere(h)
	c := history.Call{Kind: history.Create, By: g.name, Tenant: t.String(), User: p.user.String()}
	p.log.Call(c, func(c *history.Call) {
		ctx := context.Background()
		in := session.SignIn{Tenant: t, User: p.user}
		var err error
		if p.roles == ofUser {
			if in.Ticket, err = g.manager.Begin(ctx, t, p.user); err != nil {
				c.Answer = p.answer(err)
				return
			}
			in.Roles, in.Attributes = stateOf(p.book.step(t, p.user))
		}
		s, refresh, err := g.manager.Create(ctx, in)
		if c.Answer = p.answer(err); err == nil {
			c.Session, c.Saw = s.ID.Fingerprint(), stepOf(s)
			p.hold(s, refresh, 0)
		}
	})
}

// signInElsewhere is at a provider: one that names its sessions, or one that says when it was.
func (p *person) signInElsewhere(g *front, h *login) {
	now := time.Now().Add(aheadOfUs).Truncate(time.Millisecond) // no token is finer
	stranger := session.Stranger{Issuer: provider, Tenant: p.somewhere(h), User: p.user, IssuedAt: now}
	before := p.someSignIn()
	switch n := rand.N(6); {
	case n < 2:
		stranger.Issuer, stranger.AuthTime = provider+"/timed", now
	case n == 2 && before != nil && before.stranger.Name != "": // of the same session there, in some tenant
		stranger.Name = before.stranger.Name
	default:
		stranger.Name = fmt.Sprintf("sso-%s-%d", p.user, now.UnixMilli())
	}
	in := &providerSignIn{stranger: stranger, issued: p.log.Now(), key: fmt.Sprintf("%s %s %s %s", p.user, stranger.Tenant, stranger.Issuer, stranger.Name)}
	if stranger.Name == "" {
		in.key += fmt.Sprint(now.UnixMilli())
	}
	if stranger.Name != "" && rand.N(20) == 0 { // the provider tells of the end before it shows a token
		p.endThe(g, in)
	}
	p.mu.Lock()
	p.signIns = append(p.signIns, in)
	p.signIns = slices.Clone(p.signIns[max(0, len(p.signIns)-keepSignIns):])
	p.mu.Unlock()
	p.adopt(g, in)
}

// adoptAgain has the provider's next token presented.
func (p *person) adoptAgain(g *front, h *login) {
	if in := p.someSignIn(); in != nil {
		p.adopt(g, in)
		return
	}
	if p.roles == ofService {
		p.signInElsewhere(g, h)
	}
}

// someSignIn returns a sign-in at a provider, and nil where there was none.
func (p *person) someSignIn() *providerSignIn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.signIns); n > 0 {
		return p.signIns[n-1-rand.N(min(n, 1+rand.N(keepSignIns)))] // one of late rather
	}
	return nil
}

// presentTo presents a token of a provider.
func (p *person) presentTo(g *front, in *providerSignIn) (session.Session, history.Call) {
	var adopted session.Session
	c := history.Call{
		Kind: history.Adopt, By: g.name, Tenant: in.stranger.Tenant.String(), User: p.user.String(), SignIn: in.key, Issued: in.issued,
		Issuer: in.stranger.Issuer, Name: in.stranger.Name,
	}
	c = p.log.Call(c, func(c *history.Call) {
		s, err := g.manager.Adopt(context.Background(), in.stranger)
		if c.Answer = p.answer(err); err == nil {
			c.Session, c.Saw = s.ID.Fingerprint(), stepOf(s)
			adopted = s
		}
	})
	return adopted, c
}

// adopt is presentTo by its user, who goes on by the session.
func (p *person) adopt(g *front, in *providerSignIn) {
	s, c := p.presentTo(g, in)
	if c.Answer != history.Done {
		return
	}
	p.mu.Lock()
	held := slices.ContainsFunc(p.holding, func(h *login) bool { return h.ref == s.Ref() })
	p.mu.Unlock()
	if !held {
		p.hold(s, session.RefreshToken{}, 0)
	}
}

// regrant gives the user the next step, in the book and then in all sessions.
func (p *person) regrant(g *front, h *login) {
	t := h.ref.Tenant
	c := history.Call{Kind: history.Regrant, By: g.name, Tenant: t.String(), User: p.user.String()}
	p.log.Call(c, func(c *history.Call) {
		c.Made = p.book.change(t, p.user)
		c.Role = writes(c.Made)
		if p.roles == ofService {
			c.Answer = p.answer(g.manager.Stale(context.Background(), t, p.user))
			return
		}
		roles, attributes := stateOf(c.Made)
		c.Answer = p.answer(g.manager.UpdateUser(context.Background(), t, p.user, session.UserChange{Roles: &roles, Attributes: &attributes}))
	})
}

// endSignIn is the provider's logout of a session there: of the last one as often as not, which has
// a session here rather.
func (p *person) endSignIn(g *front) {
	in := p.someSignIn()
	p.mu.Lock()
	for _, one := range p.signIns {
		if one.stranger.Name != "" && (in == nil || in.stranger.Name == "" || rand.N(2) == 0) {
			in = one
		}
	}
	p.mu.Unlock()
	if in != nil && in.stranger.Name != "" {
		p.endThe(g, in)
	}
}

func (p *person) endThe(g *front, in *providerSignIn) {
	c := history.Call{Kind: history.EndSignIn, By: g.name, User: p.user.String(), Issuer: in.stranger.Issuer, Name: in.stranger.Name}
	p.log.Call(c, func(c *history.Call) {
		c.Answer = p.answer(g.manager.EndSignIn(context.Background(), in.stranger.Issuer, in.stranger.Name))
	})
}

// revokePerson ends what a provider's user has in all tenants.
func (p *person) revokePerson(g *front) {
	issuer := provider
	if rand.N(2) == 0 {
		issuer += "/timed"
	}
	c := history.Call{Kind: history.RevokePerson, By: g.name, User: p.user.String(), Issuer: issuer}
	p.log.Call(c, func(c *history.Call) {
		c.Answer = p.answer(g.manager.RevokePerson(context.Background(), issuer, p.user))
	})
}

// block keeps the user out of the tenant of h, until unblock.
func (p *person) block(g *front, h *login) {
	t := h.ref.Tenant
	p.barred = append(p.barred, t)
	c := p.bar(g, history.Block, t)
	if c.Answer == history.Done {
		p.drop(func(other *login) bool { return other.ref.Tenant == t })
	}
}

// unblock lifts the first block. They try again, or block after all, when they get no answer.
func (p *person) unblock(g *front) {
	t := p.barred[0]
	switch c := p.bar(g, history.Unblock, t); {
	case c.Answer == history.Done:
		p.barred = slices.DeleteFunc(p.barred, func(other tenant.ID) bool { return other == t })
	case rand.N(2) == 0:
		p.bar(p.anyFront(), history.Block, t)
	}
}

func (p *person) bar(g *front, kind history.Kind, t tenant.ID) history.Call {
	return p.log.Call(history.Call{Kind: kind, By: g.name, Tenant: t.String(), User: p.user.String()}, func(c *history.Call) {
		set := g.manager.Block
		if kind == history.Unblock {
			set = g.manager.Unblock
		}
		c.Answer = p.answer(set(context.Background(), t, p.user))
	})
}
