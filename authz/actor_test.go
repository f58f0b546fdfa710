package authz_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

var (
	bob   = session.MustParseUserID("bob")
	carol = session.MustParseUserID("carol")
)

// actAs makes the user of a session act as another one, as a viewer, and returns the token of
// that session.
func (w *fixture) actAs(from session.Session, u session.UserID) (string, session.Session) {
	w.t.Helper()
	s, err := w.manager.Impersonate(context.Background(), from.Ref(), session.Impersonation{
		User: u, Roles: session.MustRoles("viewer"), Reason: "ticket 7", MaxAge: time.Hour,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.sign(s), s
}

// actors are the names of those who act.
func actors(e authz.Event) string {
	var names []string
	for a := range e.Actors.All() {
		names = append(names, a.User.String()+" ("+a.Reason+")")
	}
	return strings.Join(names, ", ")
}

// Each kind of decision that is made in somebody's name, also a refusal, is recorded with who did it.
func TestEveryDecisionNamesWhoActsAsTheCaller(t *testing.T) {
	w := newFixture(t)
	own, s := w.login(acme, alice, "viewer")
	w.do("GET", "/notes/1", own)
	first, s := w.actAs(s, bob)
	second, _ := w.actAs(s, carol)
	w.do("GET", "/notes/1", second)
	w.do("GET", "/notes/13", second)
	w.do("GET", "/unruled", second)
	w.do("GET", "/me", second, headers{"X-Tenant": "globex"})
	w.do("GET", "/me", first) // acts as carol meanwhile
	if err := w.manager.SetTenantStatus(t.Context(), acme, tenant.Suspended); err != nil {
		t.Fatal(err)
	}
	w.do("GET", "/me", second)
	chain := "bob (ticket 7), alice (ticket 7)"
	want := []struct {
		kind   authz.DecisionKind
		status int
		user   session.UserID
		actors string
	}{
		{authz.RouteDecision, 0, alice, ""}, {authz.ObjectDecision, 0, alice, ""},
		{authz.RouteDecision, 0, carol, chain}, {authz.ObjectDecision, 0, carol, chain},
		{authz.RouteDecision, 0, carol, chain}, {authz.ObjectDecision, 403, carol, chain},
		{authz.RouteDecision, 403, carol, chain},
		{authz.RouteDecision, 403, carol, chain}, // another tenant
		{authz.RouteDecision, 401, bob, ""},
		{authz.RouteDecision, 403, carol, ""}, // before the session is known
	}
	for i, e := range w.events {
		if i >= len(want) {
			break
		}
		if want := want[i]; e.Kind != want.kind || e.Status != want.status || e.User != want.user || actors(e) != want.actors {
			t.Errorf("decision %d: %s, status %d, %s by %q, want %+v", i, e.Kind, e.Status, e.User, actors(e), want)
		}
	}
	if len(w.events) != len(want) {
		t.Errorf("%d decisions", len(w.events))
	}
}

func TestASignInDecisionNamesWhoActsAsTheCaller(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) { c.Policy = engine(t, rules+"p, role:viewer, *, /fresh, GET, true, allow\n") })
	w.echo.GET("/fresh", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, authz.RequireMaxAge(time.Minute), authz.RequireAMR("otp"))
	_, s := w.login(acme, alice, "viewer")
	bearer, _ := w.actAs(s, bob)
	w.do("GET", "/fresh", bearer)
	if len(w.events) != 3 {
		t.Fatalf("%d decisions", len(w.events))
	}
	for _, e := range w.events {
		if actors(e) != "alice (ticket 7)" {
			t.Errorf("%s by %q", e.Kind, actors(e))
		}
	}
}

func TestALogLineNamesWhoActsAsTheCaller(t *testing.T) {
	line := func(chain ...session.Actor) string {
		a, err := session.NewActors(chain...)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("decided", "", authz.Event{User: carol, Actors: a})
		return out.String()
	}
	if got := line(); strings.Contains(got, "actor") {
		t.Errorf("nobody acts: %s", got)
	}
	if got := line(session.Actor{User: alice, Reason: "secret"}); !strings.Contains(got, " actor=alice") || strings.Contains(got, "actors") || strings.Contains(got, "secret") {
		t.Errorf("one acts: %s", got)
	}
	got := line(session.Actor{User: bob, Reason: "x"}, session.Actor{User: alice, Reason: "y"})
	if !strings.Contains(got, "actor=bob") || !strings.Contains(got, `actors="[bob alice]"`) {
		t.Errorf("two act: %s", got)
	}
}

const actorRules = rules + `
p, role:authenticated, *, /account,   DELETE, true,                   allow
p, role:authenticated, *, /account,   DELETE, r.env.actor != '',      deny
p, role:authenticated, *, /help,      GET,    r.env.actor == 'bob',   allow
p, role:authenticated, *, note,       export, r.env.actor == '',      allow
`

// The rule that nobody changes a password as somebody else hits them, and only them, and what
// counts is who acts now.
func TestConditionsAskWhoActsAsTheCaller(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) { c.Policy = engine(t, actorRules) })
	ok := func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }
	w.echo.DELETE("/account", ok)
	w.echo.GET("/help", ok)
	w.echo.GET("/notes/:id/export", func(c echo.Context) error {
		_, err := authz.Check(c.Request().Context(), "export", authz.Object{Type: "note", ID: c.Param("id")})
		if err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	w.engine = nil
	own, s := w.login(acme, alice, "viewer")
	codes := func(bearer string) []int {
		return []int{w.do("DELETE", "/account", bearer).Code, w.do("GET", "/help", bearer).Code}
	}
	if got := codes(own); !slices.Equal(got, []int{204, 403}) {
		t.Errorf("nobody acts: %v", got)
	}
	first, s := w.actAs(s, bob)
	if got := codes(first); !slices.Equal(got, []int{403, 403}) {
		t.Errorf("alice acts as bob: %v", got)
	}
	second, _ := w.actAs(s, carol)
	if got := codes(second); !slices.Equal(got, []int{403, 204}) {
		t.Errorf("bob acts as carol, through whom alice does: %v", got)
	}
}

func TestACheckInAHandlerAsksWhoActsAsTheCaller(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) { c.Policy = engine(t, actorRules) })
	w.echo.POST("/me", func(c echo.Context) error {
		if !authz.Can(c.Request().Context(), "export", authz.Object{Type: "note", ID: "1", Tenant: acme}) {
			return c.NoContent(http.StatusConflict)
		}
		return c.NoContent(http.StatusNoContent)
	})
	own, s := w.login(acme, alice, "viewer")
	if rec := w.do("POST", "/me", own); rec.Code != 204 {
		t.Errorf("nobody acts: %d", rec.Code)
	}
	bearer, _ := w.actAs(s, bob)
	if rec := w.do("POST", "/me", bearer); rec.Code != 409 {
		t.Errorf("alice acts as bob: %d", rec.Code)
	}
}

// A change that ends the actor ends the streams that they opened as somebody else, within the second
// in which their own would end. A stream that they opened as themselves ends when they begin to act.
func TestAStreamOfAnImpersonationEndsWithItsActor(t *testing.T) {
	ctx := context.Background()
	for name, end := range map[string]func(m *session.Manager, own, acted session.Session) error{
		"RevokeUser": func(m *session.Manager, own, _ session.Session) error { return m.RevokeUser(ctx, acme, alice) },
		"Revoke":     func(m *session.Manager, own, _ session.Session) error { return m.Revoke(ctx, own.Ref()) },
		"fewer roles": func(m *session.Manager, own, _ session.Session) error {
			_, err := m.Update(ctx, own.Ref(), func(s *session.Session) error { s.Roles = session.Roles{}; return nil })
			return err
		},
		"stopping": func(m *session.Manager, _, acted session.Session) error {
			_, _, err := m.StopImpersonating(ctx, acted.Ref(), func(own session.Session) (session.Roles, session.Attributes, error) {
				return own.Roles, own.Attributes, nil
			})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var events []authz.Event
				s := newStreams(t, authz.StreamGuardConfig{}, func(c *authz.Config) {
					c.Observer = func(_ context.Context, e authz.Event) {
						mu.Lock()
						defer mu.Unlock()
						if e.Kind == authz.StreamDecision {
							events = append(events, e)
						}
					}
				})
				bearer, own := s.login(acme, alice, "viewer")
				mine := s.open("/events", bearer)
				other, _ := s.login(acme, bob, "viewer")
				theirs := s.open("/events", other)
				began := time.Now()
				token, acted := s.actAs(own, bob)
				if rec := <-mine.answer; rec.Code != 401 || mine.ended.Sub(began) > time.Second {
					t.Errorf("the actor's own stream: %d after %v", rec.Code, mine.ended.Sub(began))
				}
				stream := s.open("/events", token)
				if !stream.alive(5 * time.Second) {
					t.Fatal("the stream ended by itself")
				}
				began = time.Now()
				if err := end(s.manager, own, acted); err != nil {
					t.Fatal(err)
				}
				if rec := <-stream.answer; rec.Code != 401 || stream.ended.Sub(began) > time.Second {
					t.Errorf("%d after %v", rec.Code, stream.ended.Sub(began))
				}
				if !theirs.alive(2 * time.Second) {
					t.Error("the stream of the user acted as ended too")
				}
				mu.Lock()
				defer mu.Unlock()
				if len(events) != 2 || actors(events[0]) != "" || actors(events[1]) != "alice (ticket 7)" {
					t.Errorf("%d ends of streams: %+v", len(events), events)
				}
			})
		})
	}
}

// A rule that is changed while streams are open is asked who acts, as it is for a request.
func TestARuleAboutWhoActsEndsTheirOpenStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		own, mine := s.login(acme, alice, "viewer")
		bobs, _ := s.login(acme, bob, "viewer")
		token, _ := s.actAs(mine, bob)
		acting, theirs := s.open("/events", token), s.open("/events", bobs)
		if err := s.reload(streamRules + "p, role:authenticated, *, /events, GET, r.env.actor != '', deny\n"); err != nil {
			t.Fatal(err)
		}
		if rec := <-acting.answer; rec.Code != 403 {
			t.Errorf("the stream of who acts: %d", rec.Code)
		}
		if !theirs.alive(2 * time.Second) {
			t.Error("the stream of the user acted as ended too")
		}
		if rec := s.do("GET", "/events", own); rec.Code != 401 {
			t.Errorf("the actor's own session: %d", rec.Code)
		}
	})
}

// A session that is bound to a key is used with it alone, whoever signed a token that is not:
// another issuer, or an instance of an earlier version.
func TestATokenThatIsNotBoundToItsSessionsKeyIsRefused(t *testing.T) {
	w := newFixture(t)
	bearer, s := w.login(acme, alice)
	w.want(w.do("GET", "/me", bearer), 200, "")
	w.reached.Store(0)
	_, err := w.manager.Update(t.Context(), s.Ref(), func(s *session.Session) (err error) {
		s.Attributes, err = session.NewAttributes(map[string]any{session.KeyAttribute: "key"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.want(w.do("GET", "/me", bearer), 401, "invalid-token")
}

// Also what leaves no session behind, made in a handler by somebody who acts as the user, names
// them for ever.
func TestWhatARequestDoesToSessionsNamesWhoActs(t *testing.T) {
	w := newFixture(t)
	w.echo.POST("/me", func(c echo.Context) error {
		caller, _ := authz.FromContext(c.Request().Context())
		if err := w.manager.RevokeUser(c.Request().Context(), caller.Tenant(), caller.User()); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	bobs, _ := w.login(acme, bob)
	_, s := w.login(acme, alice)
	acting, _ := w.actAs(s, bob)
	w.do("POST", "/me", acting)
	bobs2, _ := w.login(acme, bob)
	w.do("POST", "/me", bobs2)
	events, err := w.manager.Events(t.Context(), acme, bob)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		got = append(got, string(e.Kind)+" "+e.Actor.String())
	}
	want := []string{"created ", "created alice", "user-revoked alice", "created ", "user-revoked "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	w.want(w.do("GET", "/me", bobs), 401, "")
}
