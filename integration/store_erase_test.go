//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// erika is the person who is erased, and what nobody may read of them afterwards.
var (
	erika       = session.MustParseUserID("erika.mustermann")
	erikasTexts = []string{"erika", "mustermann", "203.0.113.77", "pixel-of-e", "surgeon", "ward-nine", "ticket-4711", "idp-subject"}
)

// erikasSignIn is their sign-in at a provider.
func erikasSignIn() session.Stranger {
	return session.Stranger{Issuer: provider, Name: "idp-subject", Tenant: acme, User: erika, IssuedAt: time.Now()}
}

// erikasSessions gives erika something of each kind that the store keeps, and returns their sessions.
func erikasSessions(t *testing.T, store session.Store) []session.Ref {
	t.Helper()
	ctx := t.Context()
	var refs []session.Ref
	create := func(change func(s *session.Session)) session.Session {
		s := draft()
		s.User, s.UserAgent, s.Address = erika, "pixel-of-e", "203.0.113.77"
		s.Roles = session.MustRoles("surgeon")
		s.Attributes, _ = session.NewAttributes(map[string]any{"ward": "ward-nine"})
		if change != nil {
			change(&s)
		}
		s, err := store.Create(ctx, s, session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first"), Limit: session.SessionLimit{Sessions: 500, Policy: session.RejectNew}})
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, s.Ref())
		return s
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	adopted, err := store.Adopt(ctx, adoption(erikasSignIn()))
	must(err)
	refs = append(refs, adopted.Ref())
	for range 3 {
		create(nil) // the first of all are ended together, and their records stay until they expire
	}
	must(store.RevokeUser(ctx, acme, erika))
	for range 120 {
		create(nil)
	}
	create(func(s *session.Session) {
		s.Actors, _ = session.NewActors(session.Actor{User: session.MustParseUserID("support"), Reason: "ticket-4711"})
	})
	rotated := create(nil)
	next := rotated
	next.ID = session.NewID()
	_, err = store.RotateWithGrace(ctx, rotated.Ref(), next, digest("rotated"), session.MaxRotateGrace)
	must(err)
	refs = append(refs, next.Ref())
	roles := session.MustRoles("surgeon", "head-surgeon")
	must(store.UpdateUser(ctx, acme, erika, session.UserChange{Roles: &roles}))
	create(nil)
	return refs
}

// everything returns each key of a server with all that it holds, as somebody reads it who may read
// everything.
func everything(t *testing.T, raw *redis.Client) map[string]string {
	t.Helper()
	ctx := context.Background()
	all := map[string]string{}
	iter := raw.Scan(ctx, 0, "*", 1000).Iterator()
	for iter.Next(ctx) {
		key := iter.Val()
		var value any
		var err error
		switch kind := raw.Type(ctx, key).Val(); kind {
		case "string":
			value, err = raw.Get(ctx, key).Result()
		case "hash":
			value, err = raw.HGetAll(ctx, key).Result()
		case "zset":
			value, err = raw.ZRangeWithScores(ctx, key, 0, -1).Result()
		case "stream":
			value, err = raw.XRange(ctx, key, "-", "+").Result()
		case "none": // it expired meanwhile
			continue
		default:
			t.Fatalf("a %s, which this test cannot read", kind)
		}
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
		all[key] = fmt.Sprint(value)
	}
	if err := iter.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

var slotOfUser = regexp.MustCompile(`^[^:]+:\{u-[^}]+\}:`)

// kindsOf returns which kinds of keys a user has of whom a key begins with base.
func kindsOf(all map[string]string, base string) []string {
	var kinds []string
	for key := range all {
		if rest, own := strings.CutPrefix(key, base); own {
			kind, _, more := strings.Cut(rest, ":")
			if more {
				kind += ":"
			}
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// whatStays are the kinds of keys of a user that an erasure leaves, with the fields of each and why.
var whatStays = map[string]struct{ fields, because string }{
	"b":  {`^map\[b:1 v:\d+\]$`, "the block keeps the user from coming back"},
	"e":  {`^\d+$`, "records that are brought back are dead by the epoch"},
	"q":  {`^\d+$`, "and by the number of the last change"},
	"n":  {`^map\[(cut|n|lost|[\w-]+):\d+( (cut|n|lost|[\w-]+):\d+)*\]$`, "sign-ins from before make no session"},
	"n:": {`(?s)^map\[c:\d+ d:.* m:[\w-]+ s:-?\d+ x:\d+\]$`, "nor does the one that is linked"},
}

// erasedOf fails the test unless a server has nothing of erika but what stays.
func erasedOf(t *testing.T, raw *redis.Client, base string) {
	t.Helper()
	ctx := context.Background()
	all := everything(t, raw)
	for key, value := range all {
		for _, text := range erikasTexts {
			if strings.Contains(strings.ToLower(key+" "+value), text) {
				t.Errorf("%s tells of %q", key, text)
			}
		}
		kinds := kindsOf(map[string]string{key: value}, base)
		if len(kinds) == 0 {
			continue
		}
		stays, known := whatStays[kinds[0]]
		if !known {
			t.Errorf("%s is left, and nothing says why", key)
		} else if !regexp.MustCompile(stays.fields).MatchString(value) {
			t.Errorf("%s is left with %q", key, value)
		}
		if ttl := raw.TTL(ctx, key).Val(); kinds[0] != "b" && ttl <= 0 {
			t.Errorf("%s is left for ever", key)
		}
	}
}

// An operator who reads the whole server after an erasure finds nothing of the user in any key or
// value, and of the user's keys those alone that stay for a reason.
func TestAfterAnErasureAnOperatorFindsNothingOfTheUser(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	ctx := t.Context()
	refs := erikasSessions(t, f.store)
	before := everything(t, f.raw)
	base := ""
	for key := range before {
		if slot := slotOfUser.FindString(key); slot != "" && slot != base {
			if base != "" {
				t.Fatalf("two users: %s, %s", base, slot)
			}
			base = slot
		}
	}
	if kinds := kindsOf(before, base); !slices.Equal(kinds, []string{"a:", "e", "g", "i", "l", "n", "n:", "o", "q", "r:", "s:", "w"}) {
		t.Fatalf("the user has keys of the kinds %v", kinds)
	}
	bob := draft()
	bob.User = session.MustParseUserID("bob")
	bob, err := f.store.Create(ctx, bob, session.CreateOptions{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	others := everything(t, f.raw)

	stopped := 0
	for limit := 300 * time.Microsecond; ; limit += 300 * time.Microsecond {
		short, cancel := context.WithTimeout(ctx, limit)
		err := f.store.EraseUser(short, acme, erika)
		cancel()
		if err == nil {
			break
		}
		if stopped++; !errors.Is(err, session.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if stopped == 0 {
		t.Error("no erasure was stopped")
	}
	erasedOf(t, f.raw, base)
	if _, err := f.store.Load(ctx, bob.Ref()); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	left := everything(t, f.raw)
	for key := range others {
		if _, there := left[key]; !there && slotOfUser.FindString(key) != base {
			t.Errorf("%s of somebody else is gone", key)
		}
	}
	for _, ref := range refs {
		if _, err := f.store.Load(ctx, ref); !errors.Is(err, session.ErrNotFound) {
			t.Fatalf("Load: %v", err)
		}
	}
	if _, err := f.store.Adopt(ctx, adoption(erikasSignIn())); !errors.Is(err, session.ErrBlocked) {
		t.Errorf("Adopt: %v", err)
	}
	erasedOf(t, f.raw, base)
}

// A restart from a snapshot from before the erasure brings records back, and nobody signs in by
// them; the same call erases them again.
func TestNobodySignsInByWhatASnapshotBringsBackOfAnErasedUser(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newSetBack(t)
	acting := b.instance(false)
	eventually(t, "the tenant is set up", func() error { return acting.SetTenantStatus(ctx, acme, tenant.Active) })
	refs := erikasSessions(t, acting)
	raw := b.server.Client()
	defer raw.Close()
	base := ""
	for key := range everything(t, raw) {
		base = max(base, slotOfUser.FindString(key))
	}
	b.server.Save()
	if err := acting.EraseUser(ctx, acme, erika); err != nil {
		t.Fatal(err)
	}
	erasedOf(t, raw, base)
	b.crash()
	eventually(t, "the server is back", func() error { return raw.Ping(ctx).Err() })
	if kinds := kindsOf(everything(t, raw), base); !slices.Contains(kinds, "s:") {
		t.Fatalf("the snapshot brings back %v", kinds)
	}
	denied := func(what string, store session.Store) {
		t.Helper()
		for _, ref := range refs {
			testwait.Until(t, what+" refuses", func() bool {
				_, err := store.Load(ctx, ref)
				if err == nil && store == acting {
					t.Fatalf("%s signs an erased user in", what)
				}
				return errors.Is(err, session.ErrNotFound)
			})
		}
		fresh := draft()
		fresh.User = erika
		testwait.Until(t, what+" lets nobody sign in", func() bool {
			_, err := store.Create(ctx, fresh, session.CreateOptions{Lifetime: time.Hour})
			return errors.Is(err, session.ErrBlocked)
		})
		if _, err := store.Adopt(ctx, adoption(erikasSignIn())); !errors.Is(err, session.ErrBlocked) {
			t.Errorf("%s: Adopt: %v", what, err)
		}
	}
	denied("an instance that knows", acting)
	denied("an instance that knows of nothing", b.instance(false))
	eventually(t, "the user is erased again", func() error { return acting.EraseUser(ctx, acme, erika) })
	erasedOf(t, raw, base)
}

// A tenant is erased in the same way, and is not opened by a snapshot either.
func TestAfterAnErasureOfATenantAnOperatorFindsNothingOfItsUsers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newSetBack(t)
	acting := b.instance(false)
	eventually(t, "the tenant is set up", func() error { return acting.SetTenantStatus(ctx, acme, tenant.Active) })
	refs := erikasSessions(t, acting)
	raw := b.server.Client()
	defer raw.Close()
	base := ""
	for key := range everything(t, raw) {
		base = max(base, slotOfUser.FindString(key))
	}
	b.server.Save()
	users := func(yield func(session.UserID, error) bool) { yield(erika, nil) }
	if err := acting.EraseTenant(ctx, acme, users); !errors.Is(err, session.ErrNotSuspended) {
		t.Fatalf("an active tenant: %v", err)
	}
	kinds := func(store session.Store) (all []session.EventKind) {
		t.Helper()
		eventually(t, "the events of the tenant are read", func() error {
			events, err := store.Events(ctx, acme, session.UserID{})
			all = nil
			for _, e := range events {
				all = append(all, e.Kind)
			}
			return err
		})
		return all
	}
	before := kinds(acting)
	eventually(t, "the tenant is suspended", func() error { return acting.SetTenantStatus(ctx, acme, tenant.Suspended) })
	if err := acting.EraseTenant(ctx, acme, users); err != nil {
		t.Fatal(err)
	}
	erasedOf(t, raw, base)
	for key := range everything(t, raw) {
		if strings.Contains(key, "{t-") && strings.HasSuffix(key, ":l") {
			t.Errorf("the events of the tenant are left: %s", key)
		}
	}
	if told := kinds(acting); len(told) > 0 {
		t.Errorf("the events of the tenant are told: %v", told)
	}
	b.crash()
	for _, ref := range refs {
		testwait.Until(t, "the tenant is suspended after the restart", func() bool {
			_, err := acting.Load(ctx, ref)
			if err == nil {
				t.Fatal("an erased tenant is served")
			}
			return errors.Is(err, tenant.ErrSuspended)
		})
	}
	// The suspension is put back and is no event; what the snapshot had is erased again.
	if told := kinds(b.instance(false)); !slices.Equal(told, before) {
		t.Errorf("after the restart the events of the tenant are %v, and %v in the snapshot", told, before)
	}
	eventually(t, "the tenant is erased again", func() error { return acting.EraseTenant(ctx, acme, users) })
	erasedOf(t, raw, base)
	if told := kinds(b.instance(false)); len(told) > 0 {
		t.Errorf("erased again, the events of the tenant are told: %v", told)
	}
}

// An operator who opens a tenant at the last moment of its erasure is told of in its events, and the
// erasure is refused: it deletes none but of a tenant that is suspended, in one step.
func TestTheOpeningOfATenantBesideItsErasureKeepsItsEvent(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	ctx := t.Context()
	hook := &nth{do: func() {
		if err := f.store.SetTenantStatus(ctx, acme, tenant.Active); err != nil {
			t.Error(err)
		}
	}}
	slow := hooked(t, f.server.Addr(), f.opts, hook)
	erased := func(store session.Store) {
		t.Helper()
		if err := errors.Join(f.store.SetTenantStatus(ctx, acme, tenant.Suspended), store.EraseTenant(ctx, acme, nil)); err != nil {
			t.Fatal(err)
		}
	}
	erased(slow) // which has the server know the scripts
	for trip := int32(1); ; trip++ {
		erased(f.store)
		hook.left.Store(trip)
		err := slow.EraseTenant(ctx, acme, nil)
		if hook.left.Load() > 0 { // it was over before
			if err != nil || trip < 4 {
				t.Errorf("%d round trips: %v", trip-1, err)
			}
			return
		}
		if !errors.Is(err, session.ErrNotSuspended) {
			t.Errorf("opened before round trip %d: %v", trip, err)
		}
		events, err := f.store.Events(ctx, acme, session.UserID{})
		if err != nil || !slices.ContainsFunc(events, func(e session.Event) bool { return e.Kind == session.EventTenantActivated }) {
			t.Errorf("opened before round trip %d, the events are %v, %v", trip, events, err)
		}
	}
}

// On a cluster each script has its keys in one slot, and at most 100.
func TestAUserIsErasedOnACluster(t *testing.T) {
	t.Parallel()
	client := clusterClient(t, redisserver.StartCluster(t))
	store := storeOn(t, client, storeOptions())
	eventually(t, "the tenant is set up", func() error { return store.SetTenantStatus(t.Context(), acme, tenant.Active) })
	refs := erikasSessions(t, store)
	if err := store.EraseUser(t.Context(), acme, erika); err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		if _, err := store.Load(t.Context(), ref); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Load: %v", err)
		}
	}
}
