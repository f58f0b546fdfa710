package authz_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// blocking is a verifier and a loader that answer nobody until they are told to.
type blocking struct {
	middleware.Verifier
	middleware.Loader
	calls, verifies chan struct{}
}

func (b *blocking) Verify(ctx context.Context, raw string) (*token.Verified, error) {
	<-b.verifies
	return b.Verifier.Verify(ctx, raw)
}

func (b *blocking) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	<-b.calls
	return b.Loader.Load(ctx, ref)
}

// TestAFloodIsAnswered503 fills the slots for loads and for verifications in turn.
func TestAFloodIsAnswered503(t *testing.T) {
	for name, tt := range map[string]struct{ loads, verifications int }{
		"loads":         {1, 100},
		"verifications": {100, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &blocking{calls: make(chan struct{}), verifies: make(chan struct{})}
				w := newFixture(t, func(c *authz.Config) {
					b.Verifier, b.Loader = c.Tokens, c.Sessions
					c.Tokens, c.Sessions, c.MaxLoads, c.MaxVerifications = b, b, tt.loads, tt.verifications
					c.Observer = nil
				})
				if tt.loads == 1 {
					close(b.verifies)
				} else {
					close(b.calls)
				}
				bearer, _ := w.login(acme, alice, "viewer")
				first := make(chan int)
				go func() { first <- w.do("GET", "/me", bearer).Code }()
				synctest.Wait()
				// The second has less time than the first, and spends all of it.
				const budget = 100 * time.Millisecond
				ctx, cancel := context.WithTimeout(t.Context(), budget)
				defer cancel()
				start := time.Now()
				r := httptest.NewRequestWithContext(ctx, "GET", "/me", nil)
				r.Header.Set("Authorization", "Bearer "+bearer)
				rec := httptest.NewRecorder()
				w.echo.ServeHTTP(rec, r)
				w.want(rec, 503, "auth-unavailable")
				if waited := time.Since(start); waited != budget {
					t.Errorf("a request that has %v is answered after %v", budget, waited)
				}
				if rec.Header().Get("Retry-After") == "" || rec.Header().Get("WWW-Authenticate") != "" {
					t.Errorf("headers are %v", rec.Header())
				}
				w.want(w.do("GET", "/me", ""), 401, "authentication-required") // a request without a credential needs no slot
				if tt.loads == 1 {
					close(b.calls)
				} else {
					close(b.verifies)
				}
				if code := <-first; code != 200 {
					t.Errorf("the request that had the place is answered %d", code)
				}
				if rec := w.do("GET", "/me", bearer); rec.Code != 200 {
					t.Errorf("after the flood a request is answered %d", rec.Code)
				}
			})
		})
	}
}
