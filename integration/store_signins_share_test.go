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

// A user with more sign-ins at the provider than an instance remembers one by one is remembered by
// something coarser, which is stricter: when Redis has lost them, none of them is adopted again, not
// even one that is not remembered and whose tokens do not say when it was. A sign-in of another
// user is as it was.
func TestASignInOverTheShareStaysEndedWhenRedisForgetsIt(t *testing.T) {
	t.Parallel()
	const many = 40
	ctx := context.Background()
	b := newSetBack(t)
	acting, other := b.instance(false), b.instance(false)
	eventually(t, "the tenant is set up", func() error { return acting.SetTenantStatus(ctx, acme, tenant.Active) })
	bystander := session.Stranger{Issuer: provider, Name: "bystander's", Tenant: acme, User: session.MustParseUserID("bystander"), IssuedAt: time.Now()}
	var by session.Session
	eventually(t, "another user's sign-in", func() (err error) { by, err = acting.Adopt(ctx, adoption(bystander)); return err })
	b.server.Save()
	one := func(n int) session.Stranger {
		return session.Stranger{Issuer: provider, Name: fmt.Sprintf("sso-%d", n), Tenant: acme, User: alice, IssuedAt: time.Now()}
	}
	for n := range many {
		var s session.Session
		eventually(t, "a sign-in", func() (err error) { s, err = acting.Adopt(ctx, adoption(one(n))); return err })
		eventually(t, "its end", func() error { return acting.Revoke(ctx, s.Ref()) })
	}
	b.crash()

	refreshed := func(n int) session.Adoption {
		stranger := one(n)
		stranger.IssuedAt = time.Now().Add(session.MaxSkew - 20*time.Millisecond)
		return adoption(stranger)
	}
	for _, c := range []struct {
		user  string
		store session.Store
	}{{"the instance that knows", acting}, {"one that knows of nothing", other}} {
		for n := range many {
			testwait.Until(t, c.user+" refuses each of them", func() bool {
				got, err := c.store.Adopt(ctx, refreshed(n))
				if err == nil {
					t.Fatalf("%s: sign-in %d has the session %v after the rollback", c.user, n, got.ID)
				}
				return errors.Is(err, session.ErrSignedOut)
			})
		}
	}
	timed := one(many)
	timed.AuthTime = time.Now().Add(-time.Minute)
	if got, err := other.Adopt(ctx, adoption(timed)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("one that was before, as it says: %v, %v", got.ID, err)
	}
	if _, err := acting.Load(ctx, by.Ref()); err != nil {
		t.Errorf("the other user's session: %v", err)
	}
	if _, err := other.Adopt(ctx, adoption(bystander)); err != nil {
		t.Errorf("the other user's sign-in: %v", err)
	}
	timed.AuthTime, timed.IssuedAt = time.Now().Add(session.MaxSkew), time.Now()
	testwait.Until(t, "a sign-in that says that it is later is adopted", func() bool {
		timed.AuthTime = time.Now().Add(session.MaxSkew - 20*time.Millisecond)
		_, err := other.Adopt(ctx, adoption(timed))
		return err == nil
	})
}
