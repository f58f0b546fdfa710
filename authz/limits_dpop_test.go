package authz_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
)

// slowReplay takes a minute and counts who is inside.
type slowReplay struct {
	token.ReplayStore
	inside, top atomic.Int64
}

func (r *slowReplay) Use(ctx context.Context, _ token.ReplayKey, _ time.Duration) (bool, error) {
	n := r.inside.Add(1)
	defer r.inside.Add(-1)
	for top := r.top.Load(); n > top && !r.top.CompareAndSwap(top, n); top = r.top.Load() {
	}
	<-ctx.Done()
	return false, ctx.Err()
}

// floodedFixture is a boundFixture with five slots for loads and no observer, since those of
// tests are called by one request at a time.
func floodedFixture(t *testing.T, replay token.ReplayStore) *boundFixture {
	proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{publicOrigin}})
	if err != nil {
		t.Fatal(err)
	}
	b := &boundFixture{holder: newHolder(t), dpop: &middleware.DPoP{Proofs: proofs, Replay: replay}}
	b.fixture = newFixture(t, func(c *authz.Config) { c.DPoP, c.Observer, c.MaxLoads = b.dpop, nil, 5 })
	_, b.sess = b.login(acme, alice, "editor")
	b.bound = b.bind(b.sess, b.holder)
	return b
}

// TestProofsAreMarkedUsedWithinTheLimitOfLoads: each proof is a command to the store, which
// nothing bounded while loads were.
func TestProofsAreMarkedUsedWithinTheLimitOfLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowReplay{}
		b := floodedFixture(t, slow)
		var clients sync.WaitGroup
		var unavailable atomic.Int64
		for range 100 {
			clients.Go(func() {
				rec := b.send("GET", "/me", b.bound, b.holder.proof("GET", publicOrigin+"/me", b.bound))
				if rec.Code == 503 && rec.Header().Get("Retry-After") != "" {
					unavailable.Add(1)
				}
			})
		}
		clients.Wait()
		if n := unavailable.Load(); n != 100 || b.reached.Load() != 0 {
			t.Errorf("of 100 requests %d are answered 503, and %d reach a handler", n, b.reached.Load())
		}
		if top := slow.top.Load(); top != 5 {
			t.Errorf("%d proofs are marked at once, the limit is 5", top)
		}
	})
}

// TestBadProofsAreRefusedAtAPace floods with one good token and bad proofs for it. A good
// proof beside them does not wait.
func TestBadProofsAreRefusedAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := floodedFixture(t, memstore.NewReplay(0))
		bad := newHolder(t).proof("GET", publicOrigin+"/elsewhere", b.bound)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		var clients sync.WaitGroup
		var refused atomic.Int64
		for range 50 {
			clients.Go(func() {
				for ctx.Err() == nil && refused.Load() < 5000 { // time stands still while nobody waits
					if rec := b.send("GET", "/me", b.bound, bad); rec.Code == 401 {
						refused.Add(1)
					}
				}
			})
		}
		for range 20 {
			start := time.Now()
			rec := b.send("GET", "/me", b.bound, b.holder.proof("GET", publicOrigin+"/me", b.bound))
			if rec.Code != 200 || time.Since(start) != 0 {
				t.Fatalf("a good proof is answered %d after %v", rec.Code, time.Since(start))
			}
			time.Sleep(10 * time.Millisecond)
		}
		clients.Wait()
		if n := refused.Load(); n < 250 || n > 300+16+50 {
			t.Errorf("%d bad proofs were looked at in 300 ms, about 300 is the pace", n)
		}
	})
}
