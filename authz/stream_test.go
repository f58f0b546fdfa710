package authz_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// TestAStreamEndsWithWhatLetItIn ends everything that lets a request in, one by one, and
// measures how long a declared stream and an undeclared upgrade go on. A stream of another
// tenant goes on.
func TestAStreamEndsWithWhatLetItIn(t *testing.T) {
	ctx := context.Background()
	for name, tt := range map[string]struct {
		end      func(s *streams, of session.Session) error
		after    time.Duration // from the call of end
		status   int           // of an answer that has not begun
		everyone bool          // whether other tenants' streams end too
	}{
		"the token expires":         {func(*streams, session.Session) error { return nil }, time.Minute, 401, true},
		"the session is signed out": {func(s *streams, of session.Session) error { return s.manager.Revoke(ctx, of.Ref()) }, 0, 401, false},
		"the session is rotated": {func(s *streams, of session.Session) error {
			_, _, err := s.manager.Rotate(ctx, of.Ref(), nil)
			return err
		}, 0, 401, false},
		"the user is signed out everywhere": {func(s *streams, of session.Session) error { return s.manager.RevokeUser(ctx, of.Tenant, of.User) }, 0, 401, false},
		"the tenant's sessions are revoked": {func(s *streams, of session.Session) error { return s.manager.RevokeTenant(ctx, of.Tenant) }, 0, 401, false},
		"every session is revoked":          {func(s *streams, of session.Session) error { return s.manager.RevokeAll(ctx) }, 0, 401, true},
		"the tenant is suspended": {func(s *streams, of session.Session) error {
			return s.manager.SetTenantStatus(ctx, of.Tenant, tenant.Suspended)
		}, 0, 403, false},
		"the role is taken away": {func(s *streams, of session.Session) error {
			_, err := s.manager.Update(ctx, of.Ref(), func(s *session.Session) error { s.Roles = session.Roles{}; return nil })
			return err
		}, 0, 403, false},
		"the rule is taken away": {func(s *streams, _ session.Session) error { return s.reload(rules) }, 0, 403, true},
		"the session is idle": {func(s *streams, of session.Session) error {
			_, err := s.manager.Update(ctx, of.Ref(), func(s *session.Session) error { s.IdleTimeout = 30 * time.Second; return nil })
			return err
		}, 30 * time.Second, 401, false},
		"the store fails for longer than the grace": {func(s *streams, _ session.Session) error { s.sessions.fail.Store(&errDown); return nil }, 5 * time.Second, 503, true},
		"the store hangs for longer than the grace": {func(s *streams, _ session.Session) error { s.sessions.hang.Store(true); return nil }, 5 * time.Second, 503, true},
		"the watch is closed":                       {func(s *streams, _ session.Session) error { return s.watch.Close() }, 0, 503, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStreams(t, authz.StreamGuardConfig{})
				bearer, of := s.login(acme, alice, "viewer")
				other, _ := s.login(globex, alice, "viewer")
				declared := s.open("/events", bearer)
				upgrade := s.open("/socket", bearer, headers{"Connection": "Upgrade", "Upgrade": "websocket"})
				foreign := s.open("/events", other)
				start := time.Now()
				if err := tt.end(s, of); err != nil {
					t.Fatal(err)
				}
				if tt.after > 0 && (!declared.alive(tt.after-1100*time.Millisecond) || !upgrade.alive(0)) {
					t.Fatal("the stream ended early")
				}
				for kind, o := range map[string]*stream{"declared": declared, "upgrade": upgrade} {
					rec := <-o.answer
					if took := o.ended.Sub(start); took > tt.after+time.Second {
						t.Errorf("a %s stream ended after %v", kind, took)
					}
					if rec.Code != tt.status {
						t.Errorf("a %s stream is answered %d %s, want %d", kind, rec.Code, rec.Body, tt.status)
					}
				}
				if goesOn := foreign.alive(2 * time.Second); goesOn == tt.everyone {
					t.Errorf("the stream of another tenant goes on: %v", goesOn)
				}
				s.sessions.hang.Store(false)
				if err := s.watch.Close(); err != nil {
					t.Fatal(err)
				}
				if n := s.watch.Stats().Streams; n != 0 {
					t.Errorf("%d streams are left in the watch", n)
				}
			})
		})
	}
}

// TestTheCauseSaysWhy reads context.Cause, also from a child and through a handler that
// returns the plain error of its context.
func TestTheCauseSaysWhy(t *testing.T) {
	ctx := context.Background()
	for name, tt := range map[string]struct {
		end   func(s *streams, of session.Session) error
		cause error
	}{
		"expired token":   {nil, authz.ErrTokenExpired},
		"signed out":      {func(s *streams, of session.Session) error { return s.manager.Revoke(ctx, of.Ref()) }, authz.ErrSessionRevoked},
		"expired session": {func(*streams, session.Session) error { return nil }, authz.ErrSessionExpired},
		"idle session": {func(s *streams, of session.Session) error {
			_, err := s.manager.Update(ctx, of.Ref(), func(s *session.Session) error { s.IdleTimeout = 30 * time.Second; return nil })
			return err
		}, authz.ErrSessionIdle},
		"suspended tenant": {func(s *streams, of session.Session) error {
			return s.manager.SetTenantStatus(ctx, of.Tenant, tenant.Suspended)
		}, tenant.ErrSuspended},
		"lost role": {func(s *streams, of session.Session) error {
			_, err := s.manager.Update(ctx, of.Ref(), func(s *session.Session) error { s.Roles = session.Roles{}; return nil })
			return err
		}, authz.ErrDenied},
		"outage":       {func(s *streams, _ session.Session) error { s.sessions.fail.Store(&errDown); return nil }, session.ErrUnavailable},
		"closed watch": {func(s *streams, _ session.Session) error { return s.watch.Close() }, authz.ErrStreamGuardClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStreams(t, authz.StreamGuardConfig{})
				bearer, of := s.login(acme, alice, "viewer")
				if errors.Is(tt.cause, authz.ErrSessionExpired) {
					var err error
					of.ID = session.NewID()
					if of, err = s.store.Create(ctx, of, session.CreateOptions{Lifetime: 20 * time.Second}); err != nil {
						t.Fatal(err)
					}
					longer := of // an issuer that knows nothing of sessions
					longer.ExpiresAt = of.ExpiresAt.Add(time.Hour)
					bearer = s.sign(longer)
				}
				causes := make(chan error, 2)
				s.echo.GET("/slow", func(c echo.Context) error {
					child, cancel := context.WithTimeout(c.Request().Context(), time.Hour)
					defer cancel()
					s.opened <- struct{}{}
					<-child.Done()
					causes <- context.Cause(child)
					causes <- context.Cause(c.Request().Context())
					return child.Err()
				}, authz.Stream())
				open := s.open("/slow", bearer)
				if tt.end != nil {
					if err := tt.end(s, of); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 {
					if cause := <-causes; !errors.Is(cause, tt.cause) {
						t.Errorf("the cause is %v, want %v", cause, tt.cause)
					}
				}
				if rec := <-open.answer; rec.Code == 200 || rec.Code == 500 {
					t.Errorf("a handler that returns the context's error is answered %d", rec.Code)
				}
			})
		})
	}
}

// TestTheEndOfAStreamIsObserved: an operator sees who was put out, and why.
func TestTheEndOfAStreamIsObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen []authz.Event
		s := newStreams(t, authz.StreamGuardConfig{}, func(c *authz.Config) {
			c.Observer = func(_ context.Context, e authz.Event) {
				mu.Lock()
				defer mu.Unlock()
				if e.Kind == authz.StreamDecision {
					seen = append(seen, e)
				}
			}
		})
		bearer, of := s.login(acme, alice, "viewer")
		open := s.open("/events", bearer)
		time.Sleep(10 * time.Second)
		if err := s.manager.Revoke(t.Context(), of.Ref()); err != nil {
			t.Fatal(err)
		}
		<-open.answer
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if len(seen) != 1 {
			t.Fatalf("the end of one stream was told %d times", len(seen))
		}
		e := seen[0]
		if e.Kind.String() != "stream" || e.Outcome() != "deny" || e.Status != 401 || e.Object != "/events" || e.User != alice ||
			e.Session != of.ID.Fingerprint() || !errors.Is(e.Err, authz.ErrSessionRevoked) || e.Elapsed < 10*time.Second {
			t.Errorf("the event is %+v", e)
		}
	})
}

// TestARoleThatChangesIsSeenInsideAStream asks about an object from a stream whose route
// stays allowed.
func TestARoleThatChangesIsSeenInsideAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		may := make(chan bool)
		note := authz.Object{Type: "note", ID: "1", Tenant: acme, Attributes: authz.Values{"owner": "alice"}}
		s.echo.GET("/events", func(c echo.Context) error {
			s.opened <- struct{}{}
			ctx := c.Request().Context()
			for ctx.Err() == nil {
				may <- authz.Can(ctx, "update", note)
				time.Sleep(time.Second)
			}
			return nil
		}, authz.Stream())
		bearer, of := s.login(acme, alice, "editor")
		s.open("/events", bearer)
		if !<-may {
			t.Fatal("an editor may update")
		}
		if _, err := s.manager.Update(t.Context(), of.Ref(), func(s *session.Session) error {
			s.Roles = session.MustRoles("viewer")
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if <-may {
			t.Error("a stream is still allowed what its user lost a second ago")
		}
		if err := s.manager.Revoke(t.Context(), of.Ref()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
	})
}
