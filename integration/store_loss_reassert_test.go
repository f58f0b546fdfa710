//go:build unix

package integration_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// The knowledge of an instance comes back also when the same server loses its keys, within the
// second in which that is seen: others, that know of nothing, let nobody in whom it has shut out. It
// is seen by a feed, and without one by whatever else is loaded.
func TestWhatAFlushTakesIsPutBackForThoseWhoKnowOfNothing(t *testing.T) {
	t.Parallel()
	sees := map[string]func(t *testing.T, store *redisstore.Store, bystander session.Ref){
		"by its feed": func(t *testing.T, store *redisstore.Store, _ session.Ref) {
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { defer close(done); redisstore.NewFeed(store).Listen(ctx, nobody{}) }()
			t.Cleanup(func() { stop(); <-done })
		},
		"by loads of another user": func(t *testing.T, store *redisstore.Store, bystander session.Ref) {
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				for ctx.Err() == nil {
					_, _ = store.Load(ctx, bystander)
					select {
					case <-ctx.Done():
					case <-time.After(20 * time.Millisecond):
					}
				}
			}()
			t.Cleanup(func() { stop(); <-done })
		},
	}
	stranger := session.Stranger{Issuer: provider, Name: "sso", Tenant: acme, User: alice}
	for what, c := range map[string]struct {
		end  func(ctx context.Context, store session.Store, s session.Session) error
		want error
		back string // the key by which it is back
	}{
		"a block": {func(ctx context.Context, store session.Store, s session.Session) error {
			return store.Block(ctx, s.Tenant, s.User)
		}, session.ErrBlocked, "*}:b"},
		"the end of a session that it has not adopted": {func(ctx context.Context, store session.Store, s session.Session) error {
			return store.Revoke(ctx, s.Ref())
		}, session.ErrSignedOut, "*}:n:*"},
		"an adoption, whose session nobody has ended": {nil, session.ErrSignedOut, "*}:n:*"},
	} {
		for how, see := range sees {
			t.Run(what+", seen "+how, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, 5*time.Second)
				adopting, knowing, other := f.instance(), f.instance(), f.instance()
				stranger := stranger
				stranger.IssuedAt = time.Now()
				s, err := adopting.Adopt(t.Context(), adoption(stranger))
				if err != nil {
					t.Fatal(err)
				}
				bystander := f.create()
				if c.end == nil {
					knowing = adopting
				} else if err := c.end(t.Context(), knowing, s); err != nil {
					t.Fatal(err)
				}
				see(t, knowing, bystander.Ref())
				testwait.Until(t, "the server was seen", func() bool { return !knowing.Server().CheckedAt.IsZero() })
				lost := knowing.Server().Losses
				keys := f.raw.Keys(t.Context(), c.back).Val()
				if len(keys) != 1 {
					t.Fatalf("%d keys are %s", len(keys), c.back)
				}
				f.do("flushall")
				if err := other.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil { // as an operator does
					t.Fatal(err)
				}
				began := time.Now()
				testwait.Until(t, "the loss is seen", func() bool { return knowing.Server().Losses > lost })
				testwait.Until(t, "what the instance knows is back", func() bool { return f.raw.Exists(t.Context(), keys...).Val() > 0 })
				t.Logf("it is back %v after the flush", time.Since(began).Round(time.Millisecond))
				stranger.IssuedAt = time.Now()
				if got, err := other.Adopt(t.Context(), adoption(stranger)); !errors.Is(err, c.want) {
					t.Errorf("one that knows of nothing: %v, %v; want %v", got.ID, err, c.want)
				}
			})
		}
	}
}

// A list is of what is live: where the order of a user's sessions was evicted, those are found by what
// else lists them, so that nobody misses the session of a thief.
func TestAListHasTheSessionsWhoseOrderWasEvicted(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	want := map[session.ID]bool{}
	for range 3 {
		want[f.create().ID] = true
	}
	lists := func(when string) {
		t.Helper()
		listed, err := f.store.List(t.Context(), acme, alice)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range listed {
			if !want[s.ID] {
				t.Errorf("%s: %v is listed", when, s.ID)
			}
		}
		if len(listed) != len(want) {
			t.Errorf("%s: %d sessions are listed, want %d", when, len(listed), len(want))
		}
	}
	lists("before")
	for _, key := range f.raw.Keys(t.Context(), "*}:o").Val() {
		f.do("del", key)
	}
	lists("without the order")
	for id := range want {
		if _, err := f.store.Load(t.Context(), session.Ref{Tenant: acme, User: alice, ID: id}); err != nil {
			t.Errorf("what is listed is not live: %v", err)
		}
	}
	want[f.create().ID] = true
	lists("with an order of the last one alone")
	last := f.create()
	if err := f.store.Revoke(t.Context(), last.Ref()); err != nil {
		t.Fatal(err)
	}
	lists("after one of them has ended")
}

// An instance that was told that a user is blocked knows it: when Redis loses the block, that
// instance lets nobody in, and puts it back.
func TestABlockThatWasSeenHoldsWhenRedisForgetsIt(t *testing.T) {
	t.Parallel()
	stranger := session.Stranger{Issuer: provider, Name: "sso", Tenant: acme, User: alice, IssuedAt: time.Now()}
	for how, signIn := range map[string]func(ctx context.Context, store session.Store) error{
		"Create": func(ctx context.Context, store session.Store) error {
			_, err := store.Create(ctx, draft(), session.CreateOptions{Lifetime: time.Hour})
			return err
		},
		"Adopt": func(ctx context.Context, store session.Store) error {
			_, err := store.Adopt(ctx, adoption(stranger))
			return err
		},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 5*time.Second)
			blocking, told := f.store, open(t, f.server.URL(), f.opts)
			if err := blocking.Block(t.Context(), acme, alice); err != nil {
				t.Fatal(err)
			}
			if err := signIn(t.Context(), told); !errors.Is(err, session.ErrBlocked) {
				t.Fatalf("before: %v", err)
			}
			keys := f.raw.Keys(t.Context(), "*}:b").Val()
			if len(keys) != 1 {
				t.Fatalf("%d blocks", len(keys))
			}
			f.do("del", keys[0])
			if err := signIn(t.Context(), told); !errors.Is(err, session.ErrBlocked) {
				t.Errorf("without the block: %v", err)
			}
			if f.raw.Exists(t.Context(), keys[0]).Val() != 1 {
				t.Error("the block is not put back")
			}
			if err := blocking.Unblock(t.Context(), acme, alice); err != nil {
				t.Fatal(err)
			}
			if how == "Create" { // the provider's sign-in is from before the block
				if err := signIn(t.Context(), told); err != nil {
					t.Errorf("after it was lifted: %v", err)
				}
			}
		})
	}
}
