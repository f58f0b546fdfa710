package authz_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

func serveOn(h http.Handler, method, target string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, target, nil))
	return rec
}

// standardTimeout leaves the timeout to the config's own default.
func standardTimeout(c *authz.Config) { c.Timeout = 0 }

type verifierFunc func(ctx context.Context, raw string) (*token.Verified, error)

func (f verifierFunc) Verify(ctx context.Context, raw string) (*token.Verified, error) {
	return f(ctx, raw)
}

// In the bubble of synctest time stands still but for waiting, and the test fails when a
// goroutine is left.
func TestAStageThatHangsIsAnOutageAfterTheTimeoutAndNotLater(t *testing.T) {
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, tt := range map[string]struct {
		break_  option
		timeout time.Duration
	}{
		"the loader": {func(c *authz.Config) {
			c.Sessions = loaderFunc(func(ctx context.Context, _ session.Ref) (session.Session, error) {
				return session.Session{}, hangs(ctx)
			})
		}, 250 * time.Millisecond},
		"the keys": {func(c *authz.Config) {
			c.Tokens = verifierFunc(func(ctx context.Context, _ string) (*token.Verified, error) { return nil, hangs(ctx) })
		}, 250 * time.Millisecond},
		"the keys, then the loader": {func(c *authz.Config) {
			c.Timeout = 100 * time.Millisecond
			verifier := c.Tokens
			c.Tokens = verifierFunc(func(ctx context.Context, raw string) (*token.Verified, error) {
				time.Sleep(90 * time.Millisecond)
				return verifier.Verify(ctx, raw)
			})
			c.Sessions = loaderFunc(func(ctx context.Context, _ session.Ref) (session.Session, error) {
				return session.Session{}, hangs(ctx)
			})
		}, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFixture(t, standardTimeout, tt.break_)
				bearer, _ := w.login(acme, alice, "viewer")
				start, before := time.Now(), runtime.NumGoroutine()
				w.want(w.do("GET", "/me", bearer), 503, "auth-unavailable")
				if took := time.Since(start); took != tt.timeout {
					t.Errorf("answered after %v", took)
				}
				synctest.Wait()
				if n := runtime.NumGoroutine() - before; n > 0 {
					t.Errorf("%d goroutines are left", n)
				}
				start = time.Now()
				if rec := w.do("GET", "/public", ""); rec.Code != 200 || time.Since(start) != 0 {
					t.Errorf("an anonymous request gets %d after %v", rec.Code, time.Since(start))
				}
			})
		})
	}
}

func TestEveryStageHasTheRequestsContext(t *testing.T) {
	type key struct{}
	seen := 0
	check := func(ctx context.Context) {
		if ctx.Value(key{}) != "v" {
			t.Error("a value of the request's context is missing")
		}
		if d, ok := ctx.Deadline(); !ok || time.Until(d) > 250*time.Millisecond {
			t.Error("no deadline")
		}
		seen++
	}
	w := newFixture(t, standardTimeout, func(c *authz.Config) {
		verifier, loader, observer := c.Tokens, c.Sessions, c.Observer
		c.Tokens = verifierFunc(func(ctx context.Context, raw string) (*token.Verified, error) {
			check(ctx)
			return verifier.Verify(ctx, raw)
		})
		c.Sessions = loaderFunc(func(ctx context.Context, ref session.Ref) (session.Session, error) {
			check(ctx)
			return loader.Load(ctx, ref)
		})
		c.Observer = func(ctx context.Context, e authz.Event) {
			if ctx.Value(key{}) != "v" {
				t.Error("the observer has another context")
			}
			observer(ctx, e)
		}
	})
	bearer, _ := w.login(acme, alice, "viewer")
	r := newRequest(context.WithValue(t.Context(), key{}, "v"), "GET", "/me")
	r.Header.Set("Authorization", "Bearer "+bearer)
	if rec := w.serve(r); rec.Code != 200 || seen != 2 {
		t.Errorf("got %d, %d stages", rec.Code, seen)
	}
}

// The time of the stages is not the time of the handler.
func TestTheHandlerHasTheRequestsOwnDeadline(t *testing.T) {
	w := newFixture(t)
	bearer, _ := w.login(acme, alice, "viewer")
	w.inside(bearer, func(ctx context.Context) {
		if _, ok := ctx.Deadline(); ok || ctx.Err() != nil {
			t.Errorf("a deadline, %v", ctx.Err())
		}
	})
}

func TestAClientThatLeavesEndsTheLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("nothing yet")
		w := newFixture(t, func(c *authz.Config) {
			c.Sessions = loaderFunc(func(ctx context.Context, _ session.Ref) (session.Session, error) {
				<-ctx.Done()
				cause = ctx.Err()
				return session.Session{}, cause
			})
		})
		bearer, _ := w.login(acme, alice, "viewer")
		ctx, cancel := context.WithCancel(t.Context())
		r := newRequest(ctx, "GET", "/me")
		r.Header.Set("Authorization", "Bearer "+bearer)
		time.AfterFunc(time.Millisecond, cancel)
		w.want(w.serve(r), 503, "auth-unavailable")
		if !errors.Is(cause, context.Canceled) {
			t.Errorf("it ended by %v", cause)
		}
	})
}

// TestAPolicyThatCannotDecideIsAnOutage: neither a refusal of the caller nor a demand to
// sign in, for nobody knows what the policy would have said.
func TestAPolicyThatCannotDecideIsAnOutage(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) { c.Policy = new(policy.Engine) })
	bearer, _ := w.login(acme, alice, "editor")
	w.want(w.do("GET", "/public", ""), 503, "auth-unavailable")
	w.want(w.do("GET", "/me", ""), 503, "auth-unavailable")
	w.want(w.do("GET", "/me", bearer), 503, "auth-unavailable")
	w.want(w.do("DELETE", "/me", bearer), 503, "auth-unavailable")

	w = newFixture(t)
	bearer, _ = w.login(acme, alice, "editor")
	w.echo.GET("/notes/:id", func(c echo.Context) error {
		ctx, cancel := context.WithCancel(c.Request().Context())
		cancel()
		_, err := authz.Check(ctx, "read", authz.Object{Type: "note", ID: "1", Tenant: acme})
		return err
	})
	w.want(w.do("GET", "/notes/1", bearer), 503, "auth-unavailable")
}
