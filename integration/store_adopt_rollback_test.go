//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

const provider = "https://id.example"

// adoption returns the call of a Manager to a store.
func adoption(stranger session.Stranger) session.Adoption {
	s := draft()
	s.Tenant, s.User, s.AuthTime = stranger.Tenant, stranger.User, stranger.SignIn()
	s.Provider = session.NewProvider(session.ProviderClaims{Issuer: stranger.Issuer, IssuedAt: stranger.IssuedAt})
	return session.Adoption{Stranger: stranger, Session: s, Create: session.CreateOptions{Lifetime: time.Hour}}
}

// ends are the ways in which a sign-in at a provider ends.
var ends = []struct {
	name  string
	named bool // for those with a name only
	want  error
	end   func(ctx context.Context, store session.Store, s session.Session, stranger session.Stranger) error
}{
	{"Revoke", false, session.ErrSignedOut, func(ctx context.Context, store session.Store, s session.Session, _ session.Stranger) error {
		return store.Revoke(ctx, s.Ref())
	}},
	{"RevokeUser", false, session.ErrSignedOut, func(ctx context.Context, store session.Store, s session.Session, _ session.Stranger) error {
		return store.RevokeUser(ctx, s.Tenant, s.User)
	}},
	{"RevokeTenant", false, session.ErrSignedOut, func(ctx context.Context, store session.Store, s session.Session, _ session.Stranger) error {
		return store.RevokeTenant(ctx, s.Tenant)
	}},
	{"RevokeAll", false, session.ErrSignedOut, func(ctx context.Context, store session.Store, _ session.Session, _ session.Stranger) error {
		return store.RevokeAll(ctx)
	}},
	{"RevokePerson", false, session.ErrSignedOut, func(ctx context.Context, store session.Store, _ session.Session, stranger session.Stranger) error {
		return store.RevokePerson(ctx, stranger.Issuer, stranger.User)
	}},
	{"EndSignIn", true, session.ErrSignedOut, func(ctx context.Context, store session.Store, _ session.Session, stranger session.Stranger) error {
		return store.EndSignIn(ctx, stranger.Issuer, stranger.Name)
	}},
	{"Block", false, session.ErrBlocked, func(ctx context.Context, store session.Store, s session.Session, _ session.Stranger) error {
		return store.Block(ctx, s.Tenant, s.User)
	}},
}

// kinds are sign-ins of the providers that can be told from later ones.
var kinds = map[string]session.Stranger{
	"named":           {Issuer: provider, Name: "sso", Tenant: acme, User: alice},
	"named and timed": {Issuer: provider, Name: "sso", Tenant: acme, User: alice, AuthTime: time.Now().Add(-time.Hour)},
	"timed":           {Issuer: provider, Tenant: acme, User: alice, AuthTime: time.Now().Add(-time.Hour)},
}

// An end or a block that was acknowledged stays when Redis loses it: neither a restart from a
// snapshot nor a replica that is promoted before it hears of it lets the provider's next token in,
// on the instance that knows at once, and on others once that one has met the server.
func TestAnEndedSignInStaysEndedWhenRedisForgetsIt(t *testing.T) {
	t.Parallel()
	for _, e := range ends {
		for kind, stranger := range kinds {
			if e.named && stranger.Name == "" {
				continue
			}
			for _, before := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, snapshot before the adoption %v", e.name, kind, before), func(t *testing.T) {
					t.Parallel()
					b := newSetBack(t)
					lose := func() { b.server.Save() }
					endedStays(t, e.end, stranger, e.want, before, before, b.instance, lose, b.crash)
				})
			}
			t.Run(fmt.Sprintf("%s, %s, lossy failover", e.name, kind), func(t *testing.T) {
				p := newPair(t)
				instance := func(bool) session.Store { return p.instance() }
				lose := func() { p.inStep(); p.replica.Promote() }
				endedStays(t, e.end, stranger, e.want, false, false, instance, lose, func() { p.current.Store(p.replica); p.primary.Kill() })
			})
		}
	}
}

// shortOfSkew is how much earlier than MaxSkew from now a token is issued that is as late as is
// believed, since Redis is asked a little later.
const shortOfSkew = 20 * time.Millisecond

func endedStays(t *testing.T, end func(context.Context, session.Store, session.Session, session.Stranger) error, stranger session.Stranger, want error, before, unasked bool, instance func(bool) session.Store, lose, crash func()) {
	ctx := context.Background()
	acting, other := instance(false), instance(false)
	eventually(t, "the tenant is set up", func() error { return acting.SetTenantStatus(ctx, acme, tenant.Active) })
	bystander := draft()
	bystander.User = session.MustParseUserID("bystander")
	eventually(t, "a session of another user", func() (err error) {
		bystander, err = acting.Create(ctx, bystander, session.CreateOptions{Lifetime: time.Hour})
		return err
	})
	if before {
		lose()
	}
	stranger.IssuedAt = time.Now()
	var s session.Session
	eventually(t, "the sign-in is adopted", func() (err error) { s, err = acting.Adopt(ctx, adoption(stranger)); return err })
	if !before {
		lose()
	}
	eventually(t, "the end", func() error { return end(ctx, acting, s, stranger) })
	// The next token is later than the end by more than MaxSkew, so that its time lets it in.
	time.Sleep(2 * shortOfSkew)
	crash()

	refreshed := func() session.Stranger {
		next := stranger
		next.IssuedAt = time.Now().Add(session.MaxSkew - shortOfSkew) // as late as is believed
		return next
	}
	if unasked { // nobody asks the instance that knows: it meets the server while it loads sessions
		for range 60 { // for longer than a second, which what it was told of the server may be old
			_, _ = acting.Load(ctx, bystander.Ref())
			time.Sleep(25 * time.Millisecond)
		}
		if got, err := other.Adopt(ctx, adoption(refreshed())); !errors.Is(err, want) {
			t.Fatalf("an instance that knows of nothing: %v, %v, want %v", got.ID, err, want)
		}
	}
	testwait.Until(t, "the instance that knows refuses the provider's next token", func() bool {
		got, err := acting.Adopt(ctx, adoption(refreshed()))
		if err == nil {
			t.Fatalf("after the rollback the sign-in has the session %v", got.ID)
		}
		return errors.Is(err, want)
	})
	if got, err := acting.Load(ctx, s.Ref()); err == nil {
		t.Fatalf("after the rollback the session is live: %v", got.ID)
	}
	testwait.Until(t, "an instance that knows of nothing refuses it too", func() bool {
		_, _ = acting.Load(ctx, bystander.Ref())
		_, err := other.Adopt(ctx, adoption(refreshed()))
		return errors.Is(err, want)
	})
	for range 20 {
		if got, err := other.Adopt(ctx, adoption(refreshed())); err == nil {
			t.Fatalf("later an instance that knows of nothing adopts the sign-in: %v", got.ID)
		}
		_, _ = acting.Load(ctx, bystander.Ref())
	}
}
