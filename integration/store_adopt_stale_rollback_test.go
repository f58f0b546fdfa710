//go:build unix

package integration_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// That a user's grants are others now holds for the session of a sign-in at a provider also when
// Redis forgets it, on the instance that knows: the sign-in is found stale, or over, and never with
// what it had before.
func TestAnAdoptedSessionStaysStaleWhenRedisForgetsIt(t *testing.T) {
	t.Parallel()
	for kind, stranger := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			b := newSetBack(t)
			acting := b.instance(false)
			eventually(t, "the tenant is set up", func() error { return acting.SetTenantStatus(ctx, acme, tenant.Active) })
			stranger.IssuedAt = time.Now()
			var s session.Session
			eventually(t, "the sign-in is adopted", func() (err error) { s, err = acting.Adopt(ctx, adoption(stranger)); return err })
			b.server.Save()
			eventually(t, "the grants are stale", func() error { return acting.Stale(ctx, acme, alice) })
			b.crash()
			testwait.Until(t, "the instance that knows answers", func() bool {
				got, err := acting.Adopt(ctx, adoption(stranger))
				if err == nil && !got.Stale {
					t.Fatalf("after the rollback the sign-in has a session with the grants of before: %v", got.ID)
				}
				return err == nil || errors.Is(err, session.ErrNotFound)
			})
			if got, err := acting.Load(ctx, s.Ref()); err == nil && !got.Stale {
				t.Fatalf("after the rollback the session loads with the grants of before: %v", got.ID)
			}
		})
	}
}
