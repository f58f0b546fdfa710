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

// endsOfOne end one session, and so the sign-in at a provider that it is of.
var endsOfOne = map[string]func(ctx context.Context, store session.Store, s session.Session) error{
	"Revoke": func(ctx context.Context, store session.Store, s session.Session) error {
		return store.Revoke(ctx, s.Ref())
	},
	"End": func(ctx context.Context, store session.Store, s session.Session) error {
		err := store.End(ctx, s.Ref(), s.Version)
		if errors.Is(err, session.ErrNotFound) {
			return nil // by a call before, without an answer
		}
		return err
	},
	"an eviction": func(ctx context.Context, store session.Store, s session.Session) error {
		one := draft()
		one.Tenant, one.User = s.Tenant, s.User
		_, err := store.Create(ctx, one, session.CreateOptions{Lifetime: time.Hour, Limit: session.SessionLimit{Sessions: 1, Policy: session.EvictOldest}})
		return err
	},
	"a stolen refresh token": func(ctx context.Context, store session.Store, s session.Session) error {
		_, err := store.Refresh(ctx, s.Ref(), session.RefreshStep{Presented: digest("stolen"), Next: digest("next")})
		if errors.Is(err, session.ErrRefreshReused) || errors.Is(err, session.ErrNotFound) {
			return nil
		}
		return fmt.Errorf("not noticed: %w", err)
	},
	"Retire": func(ctx context.Context, store session.Store, s session.Session) error {
		to := session.Ref{Tenant: tenant.MustParse("globex"), User: s.User, ID: session.NewID()}
		err := store.Retire(ctx, s.Ref(), s.Version, to, time.Second)
		if errors.Is(err, session.ErrNotFound) {
			return nil
		}
		return err
	},
}

// An instance that ends a session learns of what sign-in at a provider it was, though another one
// has adopted that: when Redis forgets both, and the one that adopted is gone, the provider's next
// token is refused, and by others once the one that knows has met the server.
func TestASignInStaysEndedByAnInstanceThatHasNotAdoptedIt(t *testing.T) {
	t.Parallel()
	for what, end := range endsOfOne {
		for kind, stranger := range kinds {
			for _, moved := range []bool{false, true} {
				if what != "Revoke" && (kind == "named and timed" || moved != (kind == "timed")) || what == "a stolen refresh token" && !moved {
					continue // nothing in them differs; a provider's session has no refresh token until it moves
				}
				t.Run(fmt.Sprintf("%s, %s, moved %v", what, kind, moved), func(t *testing.T) {
					t.Parallel()
					ctx := t.Context()
					b := newSetBack(t)
					b.opts.Timeout = 5 * time.Second
					adopting, ending, other := b.instance(false), b.instance(false), b.instance(false)
					eventually(t, "the tenant is set up", func() error { return adopting.SetTenantStatus(ctx, acme, tenant.Active) })
					b.server.Save()
					stranger := stranger
					stranger.IssuedAt = time.Now()
					var s session.Session
					eventually(t, "the sign-in is adopted", func() (err error) { s, err = adopting.Adopt(ctx, adoption(stranger)); return err })
					if moved {
						next := s
						next.ID = session.NewID()
						eventually(t, "the session moves", func() (err error) { s, err = adopting.Rotate(ctx, s.Ref(), next, digest("first")); return err })
					}
					eventually(t, "the end", func() error { return end(ctx, ending, s) })
					b.crash()

					token := func() session.Adoption {
						next := stranger
						next.IssuedAt = time.Now().Add(session.MaxSkew - 20*time.Millisecond)
						return adoption(next)
					}
					testwait.Until(t, "the instance that ended the session refuses the next token", func() bool {
						got, err := ending.Adopt(ctx, token())
						if err == nil {
							t.Fatalf("after the rollback the sign-in has the session %v", got.ID)
						}
						return errors.Is(err, session.ErrSignedOut)
					})
					testwait.Until(t, "one that knows of nothing refuses it too", func() bool {
						_, _ = ending.Adopt(ctx, token()) // it has met the server by now, or does
						got, err := other.Adopt(ctx, token())
						if err == nil {
							t.Fatalf("one that knows of nothing adopts the sign-in: %v", got.ID)
						}
						return errors.Is(err, session.ErrSignedOut)
					})
				})
			}
		}
	}
}

// The end of a session that a sign-in had before is no end of the one that it has: neither of a
// former id, nor of a session that ended before, alone or with others, and was followed by a later
// sign-in of the user.
func TestTheEndOfAFormerSessionIsNoEndOfTheSignIn(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(ctx context.Context, store session.Store, s session.Session) error{
		"alone": func(ctx context.Context, store session.Store, s session.Session) error {
			return store.Revoke(ctx, s.Ref())
		},
		"with the tenant": func(ctx context.Context, store session.Store, s session.Session) error {
			return store.RevokeTenant(ctx, s.Tenant)
		},
		"with everyone": func(ctx context.Context, store session.Store, _ session.Session) error { return store.RevokeAll(ctx) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 5*time.Second)
			other := open(t, f.server.URL(), f.opts)
			stranger := session.Stranger{Issuer: provider, Tenant: acme, User: alice, AuthTime: time.Now().Add(-time.Hour), IssuedAt: time.Now()}
			former, err := f.store.Adopt(t.Context(), adoption(stranger))
			if err != nil {
				t.Fatal(err)
			}
			next := former
			next.ID = session.NewID()
			next, err = f.store.RotateWithGrace(t.Context(), former.Ref(), next, digest("first"), 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if err := other.Revoke(t.Context(), former.Ref()); err != nil {
				t.Fatal(err)
			}
			for name, store := range map[string]session.Store{"the instance that ended the former id": other, "the one that adopted": f.store} {
				if got, err := store.Adopt(t.Context(), adoption(stranger)); err != nil || got.ID != next.ID {
					t.Errorf("%s: the sign-in has %v, %v; want %v", name, got.ID, err, next.ID)
				}
			}
			if err := end(t.Context(), f.store, next); err != nil {
				t.Fatal(err)
			}
			var later session.Session
			testwait.Until(t, "the user signs in later", func() bool {
				stranger.AuthTime = time.Now().Add(session.MaxSkew - 20*time.Millisecond)
				stranger.IssuedAt = stranger.AuthTime
				later, err = f.store.Adopt(t.Context(), adoption(stranger))
				return err == nil
			})
			third := open(t, f.server.URL(), f.opts) // which has read none of it
			if err := third.Revoke(t.Context(), next.Ref()); err != nil {
				t.Fatal(err)
			}
			if got, err := third.Adopt(t.Context(), adoption(stranger)); err != nil || got.ID != later.ID {
				t.Errorf("the later sign-in has %v, %v; want %v", got.ID, err, later.ID)
			}
		})
	}
}
