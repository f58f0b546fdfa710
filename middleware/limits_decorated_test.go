package middleware_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// metered is a Verifier and a Loader with a decorator around it, as for metrics, that hides
// everything but the two methods.
type metered struct {
	middleware.Verifier
	middleware.Loader
}

// busy notes how many of its calls run at once.
type busy struct{ now, most atomic.Int64 }

func (b *busy) work() {
	n := b.now.Add(1)
	defer b.now.Add(-1)
	for most := b.most.Load(); n > most && !b.most.CompareAndSwap(most, n); most = b.most.Load() {
	}
	time.Sleep(time.Second)
}

func (b *busy) Verify(context.Context, string) (*token.Verified, error) {
	b.work()
	return nil, token.ErrInvalid
}

func (b *busy) Load(context.Context, session.Ref) (session.Session, error) {
	b.work()
	return session.Session{}, session.ErrNotFound
}

// TestWhatIsDecoratedIsLimitedAsWell: limits are the Authenticator's, whatever is around the
// verifier and the loader.
func TestWhatIsDecoratedIsLimitedAsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier, loader := &busy{}, &busy{}
		decorated := metered{metered{verifier, loader}, metered{verifier, loader}}
		a := authenticator(t, middleware.AuthenticatorConfig{
			Tokens: decorated, Sessions: decorated, MaxVerifications: 3, MaxLoads: 4, MaxTenantLoads: 4,
		})
		var all sync.WaitGroup
		var refused atomic.Int64
		for range 50 {
			all.Go(func() {
				r := httptest.NewRequest("GET", "/", nil)
				r.Header.Set("Authorization", "Bearer x")
				if _, err := a.Identify(httptest.NewRecorder(), r, nil); errors.Is(err, middleware.ErrOverloaded) {
					refused.Add(1)
				}
			})
			all.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
				defer cancel()
				if _, err := a.Load(ctx, victim); errors.Is(err, middleware.ErrOverloaded) {
					refused.Add(1)
				}
			})
		}
		all.Wait()
		if v, l := verifier.most.Load(), loader.most.Load(); v != 3 || l != 4 {
			t.Errorf("%d verifications and %d loads ran at once", v, l)
		}
		if n := refused.Load(); n != 47+46 {
			t.Errorf("%d are refused", n)
		}
	})
}
