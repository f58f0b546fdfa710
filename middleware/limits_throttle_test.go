package middleware_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// clerk verifies: "good" is accepted, "known" is recalled, "slow" waits for keys, and all
// else is forged, which an absent clerk cannot tell.
type clerk struct {
	verified, refused atomic.Int64
	absent            bool
}

func (c *clerk) Cached(raw string) (*token.Verified, bool) {
	return &token.Verified{}, raw == "known"
}

func (c *clerk) Verify(ctx context.Context, raw string) (*token.Verified, error) {
	switch raw {
	case "good":
		c.verified.Add(1)
		return &token.Verified{}, nil
	case "slow":
		<-ctx.Done()
		return nil, token.ErrUnavailable
	}
	c.refused.Add(1)
	if c.absent {
		return nil, fmt.Errorf("%w: the provider is out", token.ErrUnavailable)
	}
	return nil, fmt.Errorf("%w: forged", token.ErrInvalid)
}

// TestAFloodOfForgedTokensIsRefusedAtAPace runs 100 clients that send forged tokens as
// fast as they are refused, and one that sends good ones beside them.
func TestAFloodOfForgedTokensIsRefusedAtAPace(t *testing.T) {
	t.Run("as forged", func(t *testing.T) { floodWithForged(t, &clerk{}, token.ErrInvalid) })
	t.Run("as what nobody can judge", func(t *testing.T) { floodWithForged(t, &clerk{absent: true}, token.ErrUnavailable) })
}

func floodWithForged(t *testing.T, c *clerk, want error) {
	synctest.Test(t, func(t *testing.T) {
		limited := middleware.LimitVerifier(c, 4)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var clients sync.WaitGroup
		for i := range 100 {
			clients.Go(func() {
				for ctx.Err() == nil && c.refused.Load() < 10_000 { // time stands still while nobody waits
					verified, err := limited.Verify(context.Background(), fmt.Sprintf("forged %d", i))
					if verified != nil || !errors.Is(err, want) {
						t.Errorf("a forged token is answered %v, %v", verified, err)
					}
				}
			})
		}
		for range 500 {
			start := time.Now()
			if _, err := limited.Verify(ctx, "good"); err != nil || time.Since(start) != 0 {
				t.Fatalf("a good token is held for %v beside them: %v", time.Since(start), err)
			}
			time.Sleep(time.Millisecond)
		}
		clients.Wait()
		if n := c.refused.Load(); n < 900 || n > 1000+16+100 {
			t.Errorf("%d forged tokens were looked at in a second, about 1000 is the pace", n)
		}
	})
}

// TestAFewBadTokensAreRefusedAtOnce is the pace from the other side: who makes a mistake
// now and then does not wait.
func TestAFewBadTokensAreRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := middleware.LimitVerifier(&clerk{}, 4)
		for range 50 {
			start := time.Now()
			for range 16 {
				_, _ = limited.Verify(t.Context(), "forged")
			}
			if held := time.Since(start); held != 0 {
				t.Fatalf("16 bad tokens are held for %v", held)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
}

// TestARefusalIsHeld200msAtMost sends 1,000 forged tokens at once: there is no turn for
// most, and what is held does not come back together.
func TestARefusalIsHeld200msAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := middleware.LimitVerifier(&clerk{}, 1000)
		var mu sync.Mutex
		at := map[time.Duration]int{}
		var clients sync.WaitGroup
		start := time.Now()
		for range 1000 {
			clients.Go(func() {
				_, _ = limited.Verify(context.Background(), "forged")
				mu.Lock()
				defer mu.Unlock()
				at[time.Since(start)]++
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		if _, err := limited.Verify(ctx, "forged"); !errors.Is(err, token.ErrInvalid) || time.Since(start) != 30*time.Millisecond {
			t.Errorf("a request that has 30 ms is answered after %v: %v", time.Since(start), err)
		}
		clients.Wait()
		for when, n := range at {
			if when > 200*time.Millisecond || n > 25 {
				t.Errorf("%d are refused after %v", n, when)
			}
		}
		time.Sleep(time.Second) // the flood is over
		start = time.Now()
		if _, _ = limited.Verify(t.Context(), "forged"); time.Since(start) != 0 {
			t.Errorf("a second later a bad token is held for %v", time.Since(start))
		}
	})
}

// TestAFloodIsShedWhenItsTimeIsSpent fills every slot for good. A refused load has waited for its
// whole budget, and not a moment more: its callers are known, and no throttle delays them.
func TestAFloodIsShedWhenItsTimeIsSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := middleware.LimitLoader(&slowLoader{takes: always(time.Minute)}, 1, 1)
		go func() { _, _ = limited.Load(context.Background(), flooder) }()
		synctest.Wait()
		refused := func(ref session.Ref, budget time.Duration) {
			ctx, cancel := context.WithTimeout(context.Background(), budget)
			defer cancel()
			start := time.Now()
			_, err := limited.Load(ctx, ref)
			if held := time.Since(start); !errors.Is(err, middleware.ErrOverloaded) || held != budget {
				t.Errorf("a load of %v that has %v is answered after %v: %v", ref.Tenant, budget, held, err)
			}
		}
		var clients sync.WaitGroup
		for i := range 500 {
			clients.Go(func() {
				for range 4 {
					refused(flooder, time.Duration(10+i)*time.Millisecond)
				}
			})
		}
		for range 20 {
			time.Sleep(40 * time.Millisecond)
			refused(victim, 30*time.Millisecond)
		}
		clients.Wait()
		time.Sleep(time.Minute)
	})
}

// TestATokenThatIsKnownNeedsNoPlace takes every slot for verifications with tokens whose keys do
// not come. Signed-in callers go on, and nobody new comes in.
func TestATokenThatIsKnownNeedsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := middleware.LimitVerifier(&clerk{}, 4)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for range 50 {
			go func() { _, _ = limited.Verify(ctx, "slow") }()
		}
		synctest.Wait()
		start := time.Now()
		if _, err := limited.Verify(t.Context(), "known"); err != nil || time.Since(start) != 0 {
			t.Errorf("a known token is answered after %v: %v", time.Since(start), err)
		}
		if _, err := limited.Verify(t.Context(), "good"); !errors.Is(err, middleware.ErrOverloaded) {
			t.Errorf("a new token is answered %v", err)
		}
		cancel()
		time.Sleep(time.Second)
	})
}

// TestForgedTokensSpendNothingOfTheTenantTheyName floods with tokens that name the victim,
// signed by somebody else, through a real verifier: none of them reaches the loader.
func TestForgedTokensSpendNothingOfTheTenantTheyName(t *testing.T) {
	signed := func() (*token.Signer, string) {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := token.NewSigner(token.SignerConfig{
			Issuer: "https://id.test", Audience: "api", KeyID: "k1", Algorithm: token.EdDSA, Key: session.NewPrivateKey(key), Lifetime: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := signer.Sign(session.Session{ID: victim.ID, Tenant: victim.Tenant, User: victim.User, ExpiresAt: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return signer, raw.Reveal()
	}
	synctest.Test(t, func(t *testing.T) {
		trusted, good := signed()
		_, forged := signed()
		v, err := token.NewVerifier(trusted.Issuer())
		if err != nil {
			t.Fatal(err)
		}
		slow := &slowLoader{takes: always(2 * time.Millisecond)}
		tokens, sessions := middleware.LimitVerifier(v, 4), middleware.LimitLoader(slow, 4, 4)
		identify := func(raw string) error {
			verified, err := tokens.Verify(context.Background(), raw)
			if err != nil {
				return err
			}
			_, err = sessions.Load(context.Background(), verified.Ref())
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var clients sync.WaitGroup
		var sent atomic.Int64
		for range 100 {
			clients.Go(func() {
				for ctx.Err() == nil && sent.Add(1) < 10_000 {
					if err := identify(forged); !errors.Is(err, token.ErrInvalid) && !errors.Is(err, middleware.ErrOverloaded) {
						t.Errorf("a forged token is answered %v", err)
					}
				}
			})
		}
		for i := range 300 {
			start := time.Now()
			if err := identify(good); err != nil || time.Since(start) != 2*time.Millisecond {
				t.Fatalf("request %d of the tenant is answered after %v: %v", i, time.Since(start), err)
			}
		}
		clients.Wait()
		if n := slow.loads[victim.Tenant]; n != 300 || len(slow.loads) != 1 {
			t.Errorf("300 requests of the tenant made %d loads, of all %v", n, slow.loads)
		}
	})
}
