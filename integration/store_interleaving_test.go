//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// gate stops a call between what it reads and what it writes.
type gate struct {
	once    sync.Once
	arrived chan struct{}
	open    chan struct{}
	done    chan struct{}
	err     error
}

func newGate() *gate {
	return &gate{arrived: make(chan struct{}), open: make(chan struct{}), done: make(chan struct{})}
}

type gateKey struct{}

// gates is a hook that stops each call that brings a gate in its context.
type gates struct{ between }

// ProcessPipelineHook stops writes.
func (*gates) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if g, ok := ctx.Value(gateKey{}).(*gate); ok && isWrite(cmds) {
			g.once.Do(func() {
				close(g.arrived)
				<-g.open
			})
		}
		return next(ctx, cmds)
	}
}

// Every change is read, then write. Here all calls of a round have read when the first of them
// writes, and then they and a revocation go on in a random order, some at the same time. In every
// order a revoked session is dead: its key is gone and every later use is refused.
func TestDeleteWinsInEveryInterleavingOfReadsAndWrites(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	slow := hooked(t, f.server.Addr(), f.opts, &gates{})
	f.learn(slow)
	rounds := int64(scale(800, 10_000))
	const workers = 4
	var played, stopped, landed, late, spoilt atomic.Int64
	var running sync.WaitGroup
	for w := range workers {
		home := tenant.MustParse(fmt.Sprint("home", w))
		if err := f.store.SetTenantStatus(t.Context(), home, tenant.Active); err != nil {
			t.Fatal(err)
		}
		running.Go(func() {
			for n := int64(0); played.Add(1) <= rounds && !t.Failed(); n++ {
				r := &interleaving{T: t, slow: slow, other: f.store, keys: f.raw, tenant: home, user: session.MustParseUserID(fmt.Sprint("user", n))}
				before, after := r.play()
				stopped.Add(int64(r.stopped))
				landed.Add(int64(before))
				late.Add(int64(after))
				if r.outage.Load() {
					spoilt.Add(1)
				}
			}
		})
	}
	running.Wait()
	t.Logf("%d rounds: %d writes were stopped, %d landed, %d came too late; the machine was too busy for %d", rounds, stopped.Load(), landed.Load(), late.Load(), spoilt.Load())
	if spoilt.Load() > rounds/10 {
		t.Errorf("%d of %d rounds had an outage", spoilt.Load(), rounds)
	}
	if n := stopped.Load(); n < 2*rounds {
		t.Errorf("in %d rounds %d writes were stopped after they had read", rounds, n)
	}
	if landed.Load() < rounds/4 || late.Load() < rounds/4 {
		t.Errorf("of %d rounds, %d writes landed and %d came too late: they did not interleave", rounds, landed.Load(), late.Load())
	}
}

// interleaving is one round.
type interleaving struct {
	*testing.T
	slow, other *redisstore.Store
	keys        *redis.Client
	tenant      tenant.ID
	user        session.UserID
	stopped     int         // writes, between what they read and what they write
	outage      atomic.Bool // of a machine that is too busy: nothing is proved
}

// failed reports an error that no interleaving explains.
func (r *interleaving) failed(format string, err error, args ...any) {
	if errors.Is(err, session.ErrUnavailable) {
		r.outage.Store(true)
		return
	}
	r.Errorf(format+": %v", append(args, err)...)
}

func (r *interleaving) draft() session.Session {
	s := draft()
	s.Tenant, s.User = r.tenant, r.user
	return s
}

// play returns how many writes landed and how many were refused.
func (r *interleaving) play() (landed, refused int) {
	ctx := r.Context()
	s, err := r.other.Create(ctx, r.draft(), session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")})
	if err != nil {
		r.failed("Create", err)
		return 0, 0
	}
	next, another := s, r.draft()
	next.ID = session.NewID()
	writes := map[string]func(ctx context.Context) error{
		"Create": func(ctx context.Context) error {
			_, err := r.slow.Create(ctx, another, session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")})
			return err
		},
		"Update": func(ctx context.Context) error { _, err := r.slow.Update(ctx, s); return err },
		"Rotate": func(ctx context.Context) error {
			_, err := r.slow.Rotate(ctx, s.Ref(), next, digest("first"))
			return err
		},
		"Touch": func(ctx context.Context) error { return r.slow.Touch(ctx, s.Ref()) },
		"Refresh": func(ctx context.Context) error {
			_, err := r.slow.Refresh(ctx, s.Ref(), session.RefreshStep{Presented: digest("first"), Next: digest("second")})
			return err
		},
		"End":          func(ctx context.Context) error { return r.slow.End(ctx, s.Ref(), s.Version) },
		"RevokeOthers": func(ctx context.Context) error { return r.slow.RevokeOthers(ctx, s.Ref()) },
	}
	revocations := []struct {
		name string
		all  bool // of the user, not only s
		do   func() error
	}{
		{"Revoke", false, func() error { return r.other.Revoke(ctx, s.Ref()) }},
		{"RevokeUser", true, func() error { return r.other.RevokeUser(ctx, r.tenant, r.user) }},
		{"RevokeTenant", true, func() error { return r.other.RevokeTenant(ctx, r.tenant) }},
		{"RevokeAll", true, func() error { return r.other.RevokeAll(ctx) }},
	}
	revocation := revocations[rand.IntN(len(revocations))]

	// Every call reads.
	open := map[string]*gate{}
	for name, do := range writes {
		if rand.IntN(3) == 0 {
			continue
		}
		g := newGate()
		open[name] = g
		go func() {
			defer close(g.done)
			g.err = do(context.WithValue(ctx, gateKey{}, g))
		}()
		select {
		case <-g.arrived:
			r.stopped++
		case <-g.done: // another worker revoked everyone before it read
		}
	}
	// Then they write.
	steps := []func(){func() {
		if err := revocation.do(); err != nil {
			r.failed("%s", err, revocation.name)
		}
	}}
	for _, g := range open {
		steps = append(steps, func() { close(g.open); <-g.done })
	}
	var running sync.WaitGroup
	for _, i := range rand.Perm(len(steps)) {
		if rand.IntN(2) == 0 {
			running.Go(steps[i])
		} else {
			steps[i]()
		}
	}
	running.Wait()
	for name, g := range open {
		switch {
		case g.err == nil:
			landed++
		case errors.Is(g.err, session.ErrNotFound), errors.Is(g.err, session.ErrConflict), errors.Is(g.err, session.ErrRefreshReused):
			refused++
		default:
			r.failed("%s with %s", g.err, name, revocation.name)
		}
	}
	if r.outage.Load() {
		return 0, 0
	}
	ended := map[string]session.Ref{"the session": s.Ref()}
	if revocation.all {
		ended["what it was rotated to"], ended["what was created"] = next.Ref(), another.Ref()
	}
	for what, ref := range ended {
		for _, store := range []*redisstore.Store{r.other, r.slow} {
			if _, err := store.Load(ctx, ref); !errors.Is(err, session.ErrNotFound) {
				r.failed("after %s among %d writes: %s: Load", err, revocation.name, len(open), what)
			}
			if err := store.Touch(ctx, ref); !errors.Is(err, session.ErrNotFound) {
				r.failed("after %s among %d writes: %s: Touch", err, revocation.name, len(open), what)
			}
		}
	}
	if revocation.all {
		if listed, err := r.other.List(ctx, r.tenant, r.user); err != nil || len(listed) != 0 {
			r.Errorf("after %s: %d sessions are listed, %v", revocation.name, len(listed), err)
		}
	} else if n, err := r.keys.Exists(ctx, redisstore.NewFeed(r.other).Topics(s.Ref()).Session).Result(); err != nil || n != 0 {
		r.Errorf("after Revoke among %d writes: EXISTS of the key: %d, %v", len(open), n, err)
	}
	return landed, refused
}
