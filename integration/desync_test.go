//go:build unix

package integration_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/faultproxy"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// desync counts the findings of callers of a store whose replies are garbled.
type desync struct {
	*testing.T
	store    *redisstore.Store
	answered atomic.Int64 // calls with an answer
	outages  atomic.Int64 // that said unavailable
	alarms   atomic.Int64 // that said corrupt
	wrong    atomic.Int64
}

// outage reports that a call had no answer.
func (d *desync) outage(err error) bool {
	switch {
	case errors.Is(err, session.ErrCorrupt):
		d.alarms.Add(1)
	case errors.Is(err, session.ErrUnavailable):
		d.outages.Add(1)
		<-time.After(time.Millisecond)
	default:
		d.answered.Add(1)
		return false
	}
	return true
}

// lie reports an answer that was not to the call.
func (d *desync) lie(format string, args ...any) {
	if d.wrong.Add(1) <= 20 {
		d.Errorf(format, args...)
	}
}

// held is a session as its only caller knows it.
type held struct {
	session.Session
	role     string // nobody else has it
	unsure   bool   // a change had no answer: the version may be one ahead
	revoked  bool
	maybe    bool      // revoked or not
	late     time.Time // until when a call that had no answer may still be carried out
	refreshs uint64
}

// unanswered notes a call that had no answer: its command may still be on its way.
func (h *held) unanswered() {
	late := time.Second
	if testneed.Soak() {
		late = 5 * time.Second // other proofs run meanwhile
	}
	h.late = time.Now().Add(late)
}

// settled reports whether every call was carried out or never will be.
func (h *held) settled() bool { return time.Now().After(h.late) }

// caller is one user of one tenant. Nobody else changes their sessions, so they know what each
// answer must be.
type caller struct {
	*desync
	tenant tenant.ID
	user   session.UserID
	random *rand.Rand
	list   []*held
	used   map[[32]byte]bool // whether the use is known to be recorded
}

// mostHeld is how many sessions a caller has, far below the number at which the oldest gives way.
const mostHeld = 20

// live returns how many sessions the caller may have.
func (c *caller) live() (n int) {
	for _, h := range c.list {
		if !h.revoked {
			n++
		}
	}
	return n
}

func (c *caller) secret(h *held, n uint64) session.Digest {
	return digest(fmt.Sprint(c.tenant, c.user, h.role, n))
}

func (c *caller) create(ctx context.Context) {
	role := fmt.Sprintf("r%x", c.random.Uint64())
	h := &held{role: role}
	h.Session = session.Session{ID: session.NewID(), Tenant: c.tenant, User: c.user, IdleTimeout: time.Hour, Roles: session.MustRoles(role)}
	made, err := c.store.Create(ctx, h.Session, session.CreateOptions{Lifetime: 5 * time.Hour, Refresh: c.secret(h, 0)})
	switch {
	case c.outage(err):
		h.maybe, h.Version = true, 1
		h.unanswered()
	case err != nil:
		c.lie("Create: %v", err)
		return
	case made.Ref() != h.Ref() || made.Version != 1 || !made.Roles.Has(role):
		c.lie("Create of %v returned %v", h.Ref(), made.Ref())
		return
	default:
		h.Session = made
	}
	c.list = append(c.list, h)
}

// check compares a session that was read with what is known of it.
func (c *caller) check(what string, h *held, got session.Session, err error) {
	switch {
	case c.outage(err):
		h.unanswered()
	case errors.Is(err, session.ErrNotFound) && !h.settled():
		h.maybe = true
	case errors.Is(err, session.ErrNotFound):
		if !h.revoked && !h.maybe {
			c.lie("%s: a live session is gone", what)
		}
		h.revoked = true
	case err != nil:
		c.lie("%s: %v", what, err)
	case got.Ref() != h.Ref() || got.Roles.Len() != 1 || !got.Roles.Has(h.role):
		c.lie("%s: asked for %v of %v, and got %v of %v", what, h.Ref(), h.role, got.Ref(), got.Roles.Names())
	case h.revoked:
		c.lie("%s: a revoked session is live", what)
	case got.Version < h.Version || got.Version > h.Version && !h.unsure:
		c.lie("%s: version %d, want %d", what, got.Version, h.Version)
	case !h.settled():
		h.Session = got
	default:
		h.Session, h.unsure, h.maybe = got, false, false
	}
}

func (c *caller) step(ctx context.Context) {
	h := c.list[c.random.IntN(len(c.list))]
	switch n := c.random.IntN(100); {
	case n < 60:
		got, err := c.store.Load(ctx, h.Ref())
		c.check("Load", h, got, err)
	case n < 70:
		got, err := c.store.Update(ctx, h.Session)
		switch {
		case errors.Is(err, session.ErrConflict):
			c.answered.Add(1)
			if !h.unsure || h.revoked {
				c.lie("Update: a conflict with nobody")
			}
		case err == nil:
			if got.Version != h.Version+1 {
				c.lie("Update: version %d after %d", got.Version, h.Version)
			}
			h.Version++
			fallthrough
		default:
			c.check("Update", h, got, err)
			h.unsure = h.unsure || noAnswer(err)
		}
	case n < 78:
		var salt [32]byte
		binary.BigEndian.PutUint64(salt[:], h.refreshs+1)
		copy(salt[8:], h.role)
		out, err := c.store.Refresh(ctx, h.Ref(), session.RefreshStep{
			Presented: c.secret(h, h.refreshs), Next: c.secret(h, h.refreshs+1), Salt: salt, Grace: time.Hour,
		})
		if err == nil {
			h.refreshs++
			if out.Salt != salt {
				c.lie("Refresh: the successor of another step")
			}
		}
		c.check("Refresh", h, out.Session, err)
	case n < 82:
		unsure := h.unsure
		c.check("Touch", h, h.Session, c.store.Touch(ctx, h.Ref()))
		h.unsure = unsure
	case n < 86:
		if c.live() < mostHeld {
			c.create(ctx)
		}
	case n < 89:
		err := c.store.Revoke(ctx, h.Ref())
		if c.outage(err) {
			h.maybe = true
			h.unanswered()
		} else if err != nil {
			c.lie("Revoke: %v", err)
		} else {
			h.revoked = true
		}
	case n < 93:
		c.lists(ctx)
	case n < 95:
		status, err := c.store.TenantStatus(ctx, c.tenant)
		if !c.outage(err) && (err != nil || status != tenant.Active) {
			c.lie("TenantStatus: %v, %v", status, err)
		}
	default:
		c.use(ctx)
	}
	if len(c.list) > 24 { // forget the oldest that is over, which the end of the test need not check
		if i := slices.IndexFunc(c.list, func(h *held) bool { return h.revoked }); i >= 0 {
			c.list = slices.Delete(c.list, i, i+1)
		}
	}
}

func noAnswer(err error) bool {
	return errors.Is(err, session.ErrUnavailable) || errors.Is(err, session.ErrCorrupt)
}

func (c *caller) lists(ctx context.Context) {
	got, err := c.store.List(ctx, c.tenant, c.user)
	if c.outage(err) {
		return
	}
	if err != nil {
		c.lie("List: %v", err)
		return
	}
	for _, s := range got {
		i := slices.IndexFunc(c.list, func(h *held) bool { return h.ID == s.ID })
		if i < 0 || s.Ref() != c.list[i].Ref() || c.list[i].revoked {
			c.lie("List: %v is not a live session of %v at %v", s.Ref(), c.user, c.tenant)
		}
	}
	for _, h := range c.list {
		if !h.revoked && !h.maybe && !slices.ContainsFunc(got, func(s session.Session) bool { return s.ID == h.ID }) {
			c.lie("List: a live session is not listed")
		}
	}
}

// use uses a key, or one that may have been used before.
func (c *caller) use(ctx context.Context) {
	key := digest(fmt.Sprint(c.tenant, c.user, c.random.IntN(64)))
	known, seen := c.used[key]
	fresh, err := c.store.Replay().Use(ctx, key, time.Hour)
	switch {
	case c.outage(err):
		c.used[key] = known // it may have been recorded
	case err != nil:
		c.lie("Use: %v", err)
	case fresh && known:
		c.lie("Use: what was used is taken for fresh")
	case !fresh && !seen:
		c.lie("Use: what nobody used is taken for used")
	default:
		c.used[key] = true
	}
}

// A connection that is out of step gives each caller the answer to another (CVE-2023-28858,
// CVE-2025-29923). Here a proxy swaps, exchanges, repeats, drops, delays and cuts replies on every
// connection. Each caller knows what the answers must be, and asserts that every one is right or an
// outage: never another session, never a revoked one, never gone when it is not, never done when it
// was not.
func TestAConnectionOutOfStepMakesNobodySomebodyElse(t *testing.T) {
	t.Parallel()
	// The short proof ends after its time, with fewer requests on a busy machine.
	requests, least, within := int64(20_000), int64(1_000), 20*time.Second
	if testneed.Soak() {
		requests, least, within = 1_000_000, 1_000_000, time.Hour
	}
	server := redisserver.Start(t)
	proxy := faultproxy.Start(t, server.Addr())
	seed := uint64(time.Now().UnixNano())
	proxy.Garble(seed, 150, 400*time.Millisecond)
	t.Logf("seed %d", seed)

	opts := storeOptions()
	clean := open(t, server.URL(), opts)
	tenants := []tenant.ID{acme, tenant.MustParse("globex"), tenant.MustParse("initech")}
	for _, id := range tenants {
		if err := clean.SetTenantStatus(t.Context(), id, tenant.Active); err != nil {
			t.Fatal(err)
		}
	}
	suspended := tenant.MustParse("suspended")
	for _, status := range []tenant.Status{tenant.Active, tenant.Suspended} {
		if err := clean.SetTenantStatus(t.Context(), suspended, status); err != nil {
			t.Fatal(err)
		}
	}
	opts.Timeout = 250 * time.Millisecond
	d := &desync{T: t, store: open(t, "redis://"+proxy.Addr(), opts)}
	ctx := t.Context()
	deadline := time.Now().Add(within)
	var callers []*caller
	var running sync.WaitGroup
	for i := range 24 {
		c := &caller{
			desync: d, tenant: tenants[i%len(tenants)], user: session.MustParseUserID(fmt.Sprint("user", i/len(tenants))),
			random: rand.New(rand.NewPCG(seed, uint64(i))), used: map[[32]byte]bool{},
		}
		callers = append(callers, c)
		running.Go(func() {
			for len(c.list) < 8 {
				c.create(ctx)
			}
			for d.answered.Load() < requests && d.wrong.Load() == 0 && time.Now().Before(deadline) {
				c.step(ctx)
			}
		})
	}
	running.Go(func() { // somebody of a tenant that nobody may be served in
		ref := session.Ref{Tenant: suspended, User: alice, ID: session.NewID()}
		for d.answered.Load() < requests && d.wrong.Load() == 0 && time.Now().Before(deadline) {
			if _, err := d.store.Load(ctx, ref); !d.outage(err) && !errors.Is(err, tenant.ErrSuspended) {
				d.lie("Load in a suspended tenant: %v", err)
			}
		}
	})
	running.Wait()

	t.Logf("%d answers, %d outages, %d alarms; garbled %v", d.answered.Load(), d.outages.Load(), d.alarms.Load(), proxy.Garbled())
	if n := d.answered.Load(); n < least && d.wrong.Load() == 0 {
		t.Errorf("%d of %d requests were answered in %v", n, least, within)
	}
	if d.alarms.Load() == 0 {
		t.Error("nobody was given the answer to another call: this test tested nothing")
	}
	for _, fault := range []string{
		faultproxy.Swapped, faultproxy.Exchanged, faultproxy.Repeated, faultproxy.Misplaced, faultproxy.Dropped, faultproxy.Late, faultproxy.Cut,
	} {
		if proxy.Garbled()[fault] == 0 {
			t.Errorf("no reply was %s", fault)
		}
	}
	// The callers' beliefs are true.
	after := &desync{T: t, store: clean}
	for _, c := range callers {
		c.desync = after
		for _, h := range c.list {
			got, err := clean.Load(ctx, h.Ref())
			c.check("at the end: Load", h, got, err)
		}
		c.lists(ctx)
	}
	if n := after.outages.Load() + after.alarms.Load(); n > 0 {
		t.Errorf("%d outages without the proxy", n)
	}
}
