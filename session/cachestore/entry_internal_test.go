package cachestore

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/tenant"
)

// A field of a session that an entry leaves out would be gone from every session of the cache.
func TestAnEntryKeepsEveryFieldOfASession(t *testing.T) {
	ref := session.Ref{Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"), ID: session.NewID()}
	actors, err := session.NewActors(session.Actor{User: session.MustParseUserID("bob"), Reason: "a ticket"})
	if err != nil {
		t.Fatal(err)
	}
	acting, err := session.NewActing(session.MustParseUserID("carol"), "a ticket")
	if err != nil {
		t.Fatal(err)
	}
	attributes, err := session.NewAttributes(map[string]any{"clearance": int64(3)})
	if err != nil {
		t.Fatal(err)
	}
	methods, err := session.NewMethods("pwd")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	s := session.Session{
		ID: ref.ID, Tenant: ref.Tenant, User: ref.User, Roles: session.MustRoles("admin"), Attributes: attributes,
		AuthTime: now, AMR: methods, UserAgent: "agent", Address: "192.0.2.1", Actors: actors,
		Origin: session.NewOrigin(session.NewID(), 2), Acting: acting,
		Provider: session.NewProvider(session.ProviderClaims{Issuer: "https://id.example", IssuedAt: now}), Stale: true,
		MovedTo: session.NewSuccessor(ref), CreatedAt: now.Add(-time.Hour), ExpiresAt: now.Add(time.Hour), LastSeenAt: now.Add(-time.Minute),
		IdleTimeout: time.Minute, Version: 7,
	}
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the test leaves %s zero", v.Type().Field(i).Name)
		}
	}
	kept := new(Store).entryOf(s, counterIndex{}, 0, 0)
	if !kept.Value.ID.IsZero() {
		t.Error("the handle of the ID is kept")
	}
	if got := as(ref, kept); !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v, want %+v", got, s)
	}
}

// TestWhatWasReadAnewIsFoundByAHandle: an entry that another has replaced, or of which the store has
// said that there is none, is not served to those who found it before, though nothing was announced.
func TestWhatWasReadAnewIsFoundByAHandle(t *testing.T) {
	c, err := New(Config{Store: memstore.New(), Feed: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.lease.Store(&lease{now, now})
	ref := session.Ref{Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"), ID: session.NewID()}
	read := func(version uint64) *entry {
		return c.entryOf(session.Session{
			Tenant: ref.Tenant, User: ref.User, ExpiresAt: now.Add(time.Hour), LastSeenAt: now, IdleTimeout: time.Hour, Version: version,
		}, counterIndex{}, 0, 0)
	}
	c.entries.Set(keyOf(ref.ID), read(1))
	found := c.Recall(ref)
	if found == nil || !c.servesFound(found) {
		t.Fatal("the entry is not recalled")
	}
	c.entries.Set(keyOf(ref.ID), read(2))
	if c.servesFound(found) {
		t.Error("an entry is served that was read anew")
	}
	if found = c.Recall(ref); found == nil || found.Value.Version != 2 {
		t.Fatal("the new entry is not recalled")
	}
	c.entries.Invalidate(keyOf(ref.ID))
	if c.servesFound(found) {
		t.Error("an entry is served of which the store has said that there is none")
	}
	c.entries.Set(keyOf(ref.ID), read(3))
	found = c.Recall(ref)
	for name, l := range map[string]*lease{
		"no lease":           nil,
		"a lease that ended": {now.Add(-time.Hour), now.Add(-time.Hour)},
		"its last use long ago by the store's clock": {now, now.Add(session.TouchInterval)},
		"its end by the store's clock":               {now, now.Add(time.Hour)},
	} {
		c.lease.Store(&lease{now, now})
		if !c.servesFound(found) {
			t.Fatal("what was found is not served")
		}
		c.lease.Store(l)
		if c.servesFound(found) {
			t.Errorf("served with %s", name)
		}
	}
	c.lease.Store(&lease{now, now})
	for what, outdate := range map[string]func(){
		"the session": func() { c.outdate(session.ScopeSession, ref) }, "the user": func() { c.outdate(session.ScopeUser, ref) },
		"the tenant": func() { c.outdate(session.ScopeTenant, ref) }, "everyone": func() { c.outdate(session.ScopeAll, ref) },
	} {
		at := c.stamps.indexOf(c.feed.Topics(ref))
		c.entries.Set(keyOf(ref.ID), c.entryOf(found.Value, at, c.stamps.stamp(at), 0))
		if found = c.Recall(ref); found == nil || !c.servesFound(found) {
			t.Fatal("the entry is not recalled")
		}
		if outdate(); c.servesFound(found) {
			t.Errorf("served after a change of %s", what)
		}
	}
	other, err := New(Config{Store: memstore.New(), Feed: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	other.lease.Store(&lease{now, now})
	at := other.stamps.indexOf(other.feed.Topics(ref))
	other.count.hit(at.session) // else it would look the session up
	for cache, want := range map[*Store]bool{other: true, c: false} {
		if e := cache.entryOf(found.Value, at, other.stamps.stamp(at), 0); other.RecallsFound(e) != want {
			t.Errorf("an entry of the cache itself: %t, and it is served: %t", want, !want)
		}
	}
}

// TestWhatGaveWayIsFoundByNoHandle: an entry that gave way to others is not served to those who found
// it before, as it is not to those who look it up: what is read of the session since counts.
func TestWhatGaveWayIsFoundByNoHandle(t *testing.T) {
	c, err := New(Config{Store: memstore.New(), Feed: silent{}, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.lease.Store(&lease{now, now})
	read := func() session.Ref {
		now := time.Now()
		c.lease.Store(&lease{now, now})
		ref := session.Ref{Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"), ID: session.NewID()}
		c.entries.Set(keyOf(ref.ID), c.entryOf(session.Session{
			Tenant: ref.Tenant, User: ref.User, ExpiresAt: now.Add(time.Hour), LastSeenAt: now, IdleTimeout: time.Hour, Version: 1,
		}, counterIndex{}, 0, 0))
		return ref
	}
	gone := 0
	for range 100 {
		ref := read()
		found := c.Recall(ref)
		if found == nil {
			continue // it gave way at once
		}
		for range 100 {
			other := read()
			for range 20 {
				c.Recall(other)
			}
		}
		if c.Recall(ref) != nil {
			continue
		}
		if gone++; c.servesFound(found) {
			t.Fatal("an entry is served that gave way")
		}
	}
	if gone == 0 {
		t.Fatal("no entry gave way")
	}
}

// silent is a feed that says nothing.
type silent struct{}

func (silent) Topics(session.Ref) session.Topics              { return session.Topics{} }
func (silent) Listen(ctx context.Context, _ session.Listener) { <-ctx.Done() }
