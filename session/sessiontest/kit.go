package sessiontest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// The cast. Both tenants have users of the same names.
var (
	acme   = tenant.MustParse("acme")
	globex = tenant.MustParse("globex")
	alice  = session.MustParseUserID("alice")
	bob    = session.MustParseUserID("bob")
)

// pause is how long a real store gets for what must happen soon, on a busy machine too.
const pause = 30 * time.Second

// kit is a harness within one test.
type kit struct {
	*testing.T
	Harness
	ctx context.Context
}

// newKit sets up the two tenants of the cast.
func newKit(t *testing.T, h Harness) *kit {
	k := &kit{T: t, Harness: h, ctx: t.Context()}
	for _, id := range []tenant.ID{acme, globex} {
		k.setStatus(id, tenant.Active)
	}
	return k
}

// tick is the unit of the cases about time.
func (k *kit) tick() time.Duration {
	if k.Advance == nil {
		return 100 * time.Millisecond
	}
	return time.Minute
}

// pass lets d pass on the store's clock.
func (k *kit) pass(d time.Duration) {
	if k.Advance != nil {
		k.Advance(d)
		return
	}
	<-time.After(d)
}

// until passes time in small steps until done, and fails the test when it never is.
func (k *kit) until(limit time.Duration, what string, done func() bool) {
	k.Helper()
	step := max(limit/1000, 5*time.Millisecond)
	if k.Advance == nil {
		limit += pause
	}
	for waited := time.Duration(0); !done(); waited += step {
		if waited > limit {
			k.Fatalf("after %v: %s", waited, what)
		}
		k.pass(step)
	}
}

// steady plays an attempt that a busy machine can spoil on a real clock: it plays again
// when the attempt says that it came too late to prove anything.
func (k *kit) steady(attempt func() (tooLate bool)) {
	k.Helper()
	for range 20 {
		if !attempt() {
			return
		}
		if k.Advance != nil {
			k.Fatal("a session ended too early on a clock that the test controls")
		}
	}
	k.Fatal("the machine is too busy for 20 attempts in a row, or sessions end too early")
}

// draft is a new session, not stored yet.
func draft(t tenant.ID, u session.UserID) session.Session {
	return session.Session{ID: session.NewID(), Tenant: t, User: u, IdleTimeout: time.Hour}
}

// create stores a fresh session with digest(1) as its refresh digest.
func (k *kit) create(t tenant.ID, u session.UserID) session.Session {
	k.Helper()
	return k.createFor(draft(t, u), time.Hour)
}

func (k *kit) createFor(s session.Session, lifetime time.Duration) session.Session {
	k.Helper()
	created, err := k.Store.Create(k.ctx, s, session.CreateOptions{Lifetime: lifetime, Refresh: digest(1)})
	if err != nil {
		k.Fatalf("Create: %v", err)
	}
	return created
}

func (k *kit) setStatus(t tenant.ID, status tenant.Status) {
	k.Helper()
	if err := k.Store.SetTenantStatus(k.ctx, t, status); err != nil {
		k.Fatalf("SetTenantStatus: %v", err)
	}
}

// ok fails the test on an error.
func (k *kit) ok(what string, err error) {
	k.Helper()
	if err != nil {
		k.Fatalf("%s: %v", what, err)
	}
}

// refused fails the test when err is not want.
func (k *kit) refused(what string, err, want error) {
	k.Helper()
	if !errors.Is(err, want) {
		k.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// live loads the session of ref, which must be live.
func (k *kit) live(what string, ref session.Ref) session.Session {
	k.Helper()
	s, err := k.Store.Load(k.ctx, ref)
	if err != nil {
		k.Fatalf("%s: Load of a session that must be live: %v", what, err)
	}
	return s
}

// dead fails the test when the session of ref is not gone for every method.
func (k *kit) dead(what string, ref session.Ref) {
	k.Helper()
	for _, c := range calls() {
		k.refused(what+": "+c.name, c.do(k.ctx, k.Store, ref, 1), session.ErrNotFound)
	}
}

// isLive reports whether the session of ref is live, and fails the test when the store
// cannot tell.
func (k *kit) isLive(ref session.Ref) bool {
	k.Helper()
	_, err := k.Store.Load(k.ctx, ref)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		k.Fatalf("Load: %v", err)
	}
	return err == nil
}

// same compares two sessions field by field, times to the millisecond. On a real clock a
// load may come later than TouchInterval, and then writes down the use.
func (k *kit) same(what string, got, want session.Session) {
	k.Helper()
	if k.Advance == nil && got.LastSeenAt.After(want.LastSeenAt) {
		want.LastSeenAt = got.LastSeenAt
	}
	if got, want := describe(got), describe(want); !reflect.DeepEqual(got, want) {
		for field := range want {
			if !reflect.DeepEqual(got[field], want[field]) {
				k.Errorf("%s: %s = %v, want %v", what, field, got[field], want[field])
			}
		}
	}
}

func describe(s session.Session) map[string]any {
	return map[string]any{
		"ID": s.ID.Reveal(), "Tenant": s.Tenant, "User": s.User,
		"Roles": s.Roles.Names(), "Attributes": maps.Collect(s.Attributes.All()), "AMR": s.AMR.Names(),
		"AuthTime": s.AuthTime.UnixMilli(), "CreatedAt": s.CreatedAt.UnixMilli(),
		"ExpiresAt": s.ExpiresAt.UnixMilli(), "LastSeenAt": s.LastSeenAt.UnixMilli(),
		"IdleTimeout": s.IdleTimeout, "Version": s.Version,
		"UserAgent": s.UserAgent, "Address": s.Address, "Actors": slices.Collect(s.Actors.All()),
		"Origin": s.Origin, "Acting": s.Acting, "Provider": providerOf(s),
	}
}

// providerOf is the provider of a session, its times to the millisecond.
func providerOf(s session.Session) session.ProviderClaims {
	p := s.Provider.Claims()
	p.IssuedAt, p.Since = p.IssuedAt.UTC().Truncate(time.Millisecond), p.Since.UTC().Truncate(time.Millisecond)
	return p
}

// call is one method that works only on a live session.
type call struct {
	name string
	do   func(ctx context.Context, store session.Store, ref session.Ref, version uint64) error
}

// calls returns every method that works only on a live session.
func calls() []call {
	as := func(ref session.Ref, version uint64) session.Session {
		s := draft(ref.Tenant, ref.User)
		s.ID, s.Version, s.AuthTime = ref.ID, version, time.UnixMilli(1_700_000_000_000)
		return s
	}
	return []call{
		{"Load", func(ctx context.Context, store session.Store, ref session.Ref, _ uint64) error {
			s, err := store.Load(ctx, ref)
			return leaked(s, err)
		}},
		{"Update", func(ctx context.Context, store session.Store, ref session.Ref, version uint64) error {
			s, err := store.Update(ctx, as(ref, version))
			return leaked(s, err)
		}},
		{"Rotate", func(ctx context.Context, store session.Store, ref session.Ref, version uint64) error {
			next := as(ref, version)
			next.ID = session.NewID()
			s, err := store.Rotate(ctx, ref, next, digest(9))
			return leaked(s, err)
		}},
		{"Touch", func(ctx context.Context, store session.Store, ref session.Ref, _ uint64) error {
			return store.Touch(ctx, ref)
		}},
		{"Refresh", func(ctx context.Context, store session.Store, ref session.Ref, _ uint64) error {
			out, err := store.Refresh(ctx, ref, step(1, 2))
			return leaked(out.Session, err)
		}},
	}
}

// leaked replaces an error by a complaint when a session came with it: a caller that
// forgets the error must not hold somebody's session.
func leaked(s session.Session, err error) error {
	if err != nil && !s.ID.IsZero() {
		return fmt.Errorf("a session was returned together with the error %q", err)
	}
	return err
}

// digest is the digest of the n-th refresh secret of a family.
func digest(n int) session.Digest { return sha256.Sum256(fmt.Appendf(nil, "sessiontest secret %d", n)) }

// salt is the salt of the step to the n-th refresh secret.
func salt(n int) [32]byte { return sha256.Sum256(fmt.Appendf(nil, "sessiontest salt %d", n)) }

// step exchanges secret from for secret to, with a grace that no test outlasts.
func step(from, to int) session.RefreshStep {
	return session.RefreshStep{Presented: digest(from), Next: digest(to), Salt: salt(to), Grace: time.Minute}
}

// together runs the functions at once, in no order, and returns when all are done.
func together(fs ...func()) {
	start := make(chan struct{})
	var done sync.WaitGroup
	for _, i := range rand.Perm(len(fs)) {
		pauses := rand.IntN(4)
		done.Go(func() {
			<-start
			for range pauses {
				runtime.Gosched()
			}
			fs[i]()
		})
	}
	close(start)
	done.Wait()
}

// rounds is n, a tenth of it with -short, or all of them in full.
func (k *kit) rounds(n, full int) int {
	switch {
	case k.Full:
		return full
	case testing.Short():
		return max(1, n/10)
	}
	return n
}

func refs(sessions []session.Session) []session.Ref {
	var out []session.Ref
	for _, s := range sessions {
		out = append(out, s.Ref())
	}
	return slices.Clip(out)
}

// longName is the i-th of many names of the greatest length.
func longName(i int) string { return fmt.Sprintf("%0*d", session.MaxNameLength, i) }

func mustMethods(k *kit, names ...string) session.Methods {
	k.Helper()
	m, err := session.NewMethods(names...)
	k.ok("NewMethods", err)
	return m
}

func mustAttributes(k *kit, values map[string]any) session.Attributes {
	k.Helper()
	a, err := session.NewAttributes(values)
	k.ok("NewAttributes", err)
	return a
}
