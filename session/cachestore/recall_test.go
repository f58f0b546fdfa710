package cachestore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
)

var asBob = session.Impersonation{User: bob, Reason: "a ticket", MaxAge: time.Minute}

// dimmed is a store that embeds a cache and refuses every load.
type dimmed struct{ *cachestore.Store }

func (dimmed) Load(context.Context, session.Ref) (session.Session, error) {
	return session.Session{}, session.ErrNotFound
}

// TestAManagerRecallsWhatLoadReturnsAtOnce: only what Load would return for the asking, and
// nothing that has to be looked at once more.
func TestAManagerRecallsWhatLoadReturnsAtOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg           session.Config
		wrap          func(*cachestore.Store) session.Store
		change        func(t *testing.T, m *session.Manager, s session.Session) session.Ref
		cold, another bool // not loaded; by another manager
		want          bool
	}{
		"in memory":  {want: true},
		"not loaded": {cold: true},
		"of a store that embeds the cache and may load otherwise": {wrap: func(c *cachestore.Store) session.Store { return dimmed{c} }},
		"of another user": {change: func(_ *testing.T, _ *session.Manager, s session.Session) session.Ref {
			return session.Ref{Tenant: s.Tenant, User: bob, ID: s.ID}
		}},
		"of another tenant": {change: func(_ *testing.T, _ *session.Manager, s session.Session) session.Ref {
			return session.Ref{Tenant: globex, User: s.User, ID: s.ID}
		}},
		"no session": {change: func(*testing.T, *session.Manager, session.Session) session.Ref { return session.Ref{} }},
		"revoked": {change: func(t *testing.T, m *session.Manager, s session.Session) session.Ref {
			if err := m.Revoke(t.Context(), s.Ref()); err != nil {
				t.Fatal(err)
			}
			return s.Ref()
		}},
		"of a tenant whose sessions have ended": {change: func(t *testing.T, m *session.Manager, s session.Session) session.Ref {
			if err := m.RevokeTenant(t.Context(), s.Tenant); err != nil {
				t.Fatal(err)
			}
			return s.Ref()
		}},
		"of a user who acts as another": {change: func(t *testing.T, m *session.Manager, s session.Session) session.Ref {
			if _, err := m.Impersonate(t.Context(), s.Ref(), asBob); err != nil {
				t.Fatal(err)
			}
			_, _ = m.Load(t.Context(), s.Ref())
			return s.Ref()
		}},
		"of somebody as whom another acts": {change: func(t *testing.T, m *session.Manager, s session.Session) session.Ref {
			acted, err := m.Impersonate(t.Context(), s.Ref(), asBob)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := m.Load(t.Context(), acted.Ref()); err != nil {
					t.Fatal(err)
				}
			}
			return acted.Ref()
		}},
		"in a tenant of the directory":                       {cfg: session.Config{Tenants: session.ActiveTenants(acme)}, want: true},
		"in a tenant that the directory was not asked about": {cfg: session.Config{Tenants: session.ActiveTenants(acme)}, another: true},
	} {
		t.Run(name, func(t *testing.T) {
			mem := newStore(t)
			c := startCache(t, mem, &wire{})
			var store session.Store = c
			if tt.wrap != nil {
				store = tt.wrap(c)
			}
			m := newManager(t, store, tt.cfg)
			s, _ := signIn(t, m)
			ref := s.Ref()
			before := session.HandleOf(ref) // has found what was there before the change
			if !tt.cold {
				for range 2 {
					_, _ = c.Load(t.Context(), ref)
					_, _ = m.Recall(&before)
				}
			}
			if tt.change != nil {
				ref = tt.change(t, m, s)
			}
			if tt.another {
				m = newManager(t, store, tt.cfg)
			}
			h := session.HandleOf(ref)
			shared, got := m.Recall(&h)
			if _, again := m.Recall(&h); again != got {
				t.Errorf("recalled: %t, and then %t", got, again)
			}
			if _, found := m.Recall(&before); found != tt.want && ref == s.Ref() {
				t.Errorf("by a handle that had found it before the change: %t", found)
			}
			if got != tt.want || (reqctx.Read(shared) != nil) != tt.want {
				t.Fatalf("recalled: %t", got)
			}
			if !got {
				return
			}
			loaded, err := m.Load(t.Context(), ref)
			recalled := *reqctx.Read(shared)
			if !recalled.ID.IsZero() {
				t.Error("the entry keeps the id")
			}
			if recalled.ID = ref.ID; err != nil || recalled.Ref() != loaded.Ref() || recalled.Version != loaded.Version {
				t.Errorf("recalled %v, loaded %v, %v", recalled, loaded, err)
			}
		})
	}
}

// TestAHandleFindsTheSessionOfWhoeverIsAsked: a token that two services of a process remember has one
// handle, and each service has a store of its own.
func TestAHandleFindsTheSessionOfWhoeverIsAsked(t *testing.T) {
	one, other := newStore(t), newStore(t)
	first, second := startCache(t, one, &wire{}), startCache(t, other, &wire{})
	m, without := newManager(t, first, session.Config{}), newManager(t, second, session.Config{})
	s, _ := signIn(t, m)
	for range 2 {
		if _, err := m.Load(t.Context(), s.Ref()); err != nil {
			t.Fatal(err)
		}
	}
	h := session.HandleOf(s.Ref())
	for range 2 {
		if _, ok := m.Recall(&h); !ok {
			t.Error("the session is not recalled where it is")
		}
		if _, ok := without.Recall(&h); ok {
			t.Error("the session is recalled by a store that has none")
		}
	}
}

// TestAHandleOfNobodyFindsNothing also where there is none.
func TestAHandleOfNobodyFindsNothing(t *testing.T) {
	m := newManager(t, startCache(t, newStore(t), &wire{}), session.Config{})
	if _, ok := m.Recall(nil); ok {
		t.Error("nil finds somebody")
	}
	if _, ok := m.Recall(new(session.Handle)); ok {
		t.Error("the zero handle finds somebody")
	}
}

// TestWhatIsUsedMostStaysThoughHandlesFindIt: a cache that is smaller than the sessions in use keeps
// those that are used most, also where these are found without a look-up.
func TestWhatIsUsedMostStaysThoughHandlesFindIt(t *testing.T) {
	const sessions, size, uses = 5_000, 1_000, 200_000
	reads := func(load func(*session.Manager, *session.Handle) error) uint64 {
		mem := newStore(t)
		c, err := cachestore.New(cachestore.Config{Store: mem, Feed: &wire{}, MaxEntries: size})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		m, handles := newManager(t, c, session.Config{}), make([]session.Handle, sessions)
		for i := range handles {
			s, _, err := m.Create(t.Context(), session.SignIn{Tenant: acme, User: session.MustParseUserID(fmt.Sprintf("user-%d", i))})
			if err != nil {
				t.Fatal(err)
			}
			handles[i] = session.HandleOf(s.Ref())
		}
		draw := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, sessions-1)
		for range uses {
			if err := load(m, &handles[draw.Uint64()]); err != nil {
				t.Fatal(err)
			}
		}
		return c.Stats().Reads
	}
	lookUp := func(m *session.Manager, h *session.Handle) error {
		_, err := m.Load(t.Context(), h.Ref())
		return err
	}
	each := reads(lookUp)
	some := reads(func(m *session.Manager, h *session.Handle) error {
		if _, ok := m.Recall(h); ok {
			return nil
		}
		return lookUp(m, h)
	})
	t.Logf("%d reads of the store where each use looks its session up, %d where handles find them", each, some)
	if some*100 > each*115 {
		t.Errorf("%d reads of the store where handles find the sessions, and %d where each use looks them up", some, each)
	}
}
