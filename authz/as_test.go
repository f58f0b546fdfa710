package authz_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// jobFixture is a fixture with a guard of its own beside the middleware.
func jobFixture(t *testing.T, options ...option) (*fixture, *authz.Guard) {
	t.Helper()
	var guard *authz.Guard
	w := newFixture(t, append(options, func(c *authz.Config) { guard = authz.Must(authz.NewGuard(*c)) })...)
	return w, guard
}

func editorOf(t tenant.ID) authz.Principal {
	return authz.Principal{Tenant: t, User: alice, Roles: session.MustRoles("editor")}
}

func TestAJobDecidesAsSomebody(t *testing.T) {
	tracer := &stages{}
	w, guard := jobFixture(t, func(c *authz.Config) { c.Tracer = tracer })
	ctx, err := guard.As(t.Context(), editorOf(acme))
	if err != nil {
		t.Fatal(err)
	}
	if id, err := tenant.Require(ctx); err != nil || id != acme {
		t.Errorf("the tenant is %q, %v", id, err)
	}
	if _, ok := session.FromContext(ctx); ok {
		t.Error("a job has a session")
	}
	caller, ok := authz.FromContext(ctx)
	if !ok || caller.IsAnonymous() || caller.User() != alice || caller.Tenant() != acme || caller.Thumbprint() != "" || caller.Address().IsValid() {
		t.Errorf("the caller is %v, %v", caller.User(), ok)
	}
	if s, ok := caller.Session(); ok || !s.User.IsZero() {
		t.Errorf("the caller has the session %v", s)
	}
	w.events = nil
	theirs := note("alice")
	theirs.Tenant = globex
	for name, row := range map[string]struct {
		action authz.Action
		obj    authz.Object
		want   error
	}{
		"what a rule allows": {"update", note("alice"), nil}, "what none allows": {"update", note("bob"), authz.ErrDenied},
		"another tenant's": {"update", theirs, authz.ErrHidden}, "no type of the policy": {"update", authz.Object{Type: "nonsense"}, middleware.ErrMisused},
	} {
		if _, err := authz.Check(ctx, row.action, row.obj); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
		e := w.events[len(w.events)-1]
		if e.Kind != authz.ObjectDecision || !e.Principal || e.Tenant != acme || e.User != alice || e.Session != "" || (e.Err == nil) != (row.want == nil) {
			t.Errorf("%s: the event is %+v", name, e)
		}
		if !strings.Contains(e.LogValue().String(), "principal=true") {
			t.Errorf("the record does not say that it is a job: %s", e.LogValue())
		}
	}
	if len(w.events) != 4 || tracer.n["check"] < 3 {
		t.Errorf("%d events, %v traced", len(w.events), tracer.n)
	}
	if x, err := authz.Explain(ctx, "update", note("alice")); err != nil || x.String() == "" {
		t.Errorf("it is not explained: %v", err)
	}
	if _, err := authz.ExplainRoute(ctx); !errors.Is(err, authz.ErrNoCaller) {
		t.Errorf("a route that was not used is explained: %v", err)
	}
}

// stages counts stages.
type stages struct{ n map[string]int }

func (s *stages) StageStart(ctx context.Context, d middleware.TraceStart) context.Context {
	if s.n == nil {
		s.n = map[string]int{}
	}
	s.n[d.Stage.String()]++
	return ctx
}
func (*stages) StageEnd(context.Context, middleware.TraceEnd) {}

// As decides as the request of the same user does.
func TestAJobDecidesAsARequestOfTheSameUser(t *testing.T) {
	w, guard := jobFixture(t)
	for _, roles := range [][]string{nil, {"viewer"}, {"editor"}, {"nonsense"}} {
		bearer, _ := w.login(acme, alice, roles...)
		job, err := guard.As(t.Context(), authz.Principal{Tenant: acme, User: alice, Roles: session.MustRoles(roles...)})
		if err != nil {
			t.Fatal(err)
		}
		w.inside(bearer, func(ctx context.Context) {
			for _, action := range []authz.Action{"read", "update", "delete"} {
				for _, obj := range []authz.Object{note("alice"), note("bob"), {Type: "note"}, {Type: "note", ID: "13", Tenant: acme}, {Type: "note", ID: "1", Tenant: globex}, {Type: "other"}} {
					a, errA := authz.Check(ctx, action, obj)
					b, errB := authz.Check(job, action, obj)
					if a.Allowed() != b.Allowed() || (errA == nil) != (errB == nil) || errors.Is(errA, authz.ErrHidden) != errors.Is(errB, authz.ErrHidden) {
						t.Errorf("%v %s %v: the request %v, the job %v", roles, action, obj, errA, errB)
					}
				}
			}
		})
	}
}

// The worker of an export delivered for a suspended tenant what no request could have had.
func TestAJobOfATenantThatMayNotBeServedIsNobodys(t *testing.T) {
	w, guard := jobFixture(t)
	for name, row := range map[string]struct {
		before func()
		p      authz.Principal
		want   error
	}{
		"suspended":    {func() { _ = w.manager.SetTenantStatus(t.Context(), globex, tenant.Suspended) }, editorOf(globex), tenant.ErrSuspended},
		"never set up": {nil, editorOf(tenant.MustParse("initech")), tenant.ErrUnknown},
		"no tenant":    {nil, authz.Principal{User: alice}, middleware.ErrMisused},
		"no user":      {nil, authz.Principal{Tenant: acme, Roles: session.MustRoles("editor")}, middleware.ErrMisused},
		"nobody":       {nil, authz.Principal{}, middleware.ErrMisused},
	} {
		t.Run(name, func(t *testing.T) {
			if row.before != nil {
				row.before()
			}
			ctx, err := guard.As(t.Context(), row.p)
			if !errors.Is(err, row.want) || ctx != nil {
				t.Errorf("%v, %v", ctx, err)
			}
			if _, known := middleware.FromError(err); !known {
				t.Errorf("%v has no answer", err)
			}
		})
	}
	var down *authz.Guard
	newFixture(t, func(c *authz.Config) {
		c.Sessions = downStatuses{c.Sessions}
		down = authz.Must(authz.NewGuard(*c))
	})
	if ctx, err := down.As(t.Context(), editorOf(acme)); !errors.Is(err, middleware.ErrUnavailable) || !errors.Is(err, errNoAnswer) || ctx != nil {
		t.Errorf("an outage: %v", err)
	}
	var without *authz.Guard
	newFixture(t, func(c *authz.Config) {
		c.Sessions = loadOnly{c.Sessions}
		without = authz.Must(authz.NewGuard(*c))
	})
	if ctx, err := without.As(t.Context(), editorOf(acme)); !errors.Is(err, middleware.ErrMisused) || ctx != nil {
		t.Errorf("sessions that know no status: %v", err)
	}
}

// downStatuses answers with an error, and a status beside it that must not count.
type downStatuses struct{ middleware.Loader }

func (downStatuses) TenantStatus(context.Context, tenant.ID) (tenant.Status, error) {
	return tenant.Active, errNoAnswer
}

var errNoAnswer = errors.New("no answer")

type loadOnly struct{ l middleware.Loader }

func (l loadOnly) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	return l.l.Load(ctx, ref)
}

// A user who is signed in does not become somebody else by As.
func TestARequestDoesNotEscalateByAs(t *testing.T) {
	w, guard := jobFixture(t)
	viewer, _ := w.login(acme, alice, "viewer")
	w.inside(viewer, func(ctx context.Context) {
		below, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		for name, ctx := range map[string]context.Context{"the request": ctx, "below it": below} {
			for what, p := range map[string]authz.Principal{"another tenant": editorOf(globex), "more roles": editorOf(acme), "themselves": {Tenant: acme, User: alice}} {
				if got, err := guard.As(ctx, p); !errors.Is(err, middleware.ErrMisused) || got != nil {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
		}
		if authz.Can(ctx, "update", note("alice")) {
			t.Error("the viewer may update")
		}
	})
	job, err := guard.As(t.Context(), authz.Principal{Tenant: acme, User: alice})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := guard.As(job, editorOf(acme)); !errors.Is(err, middleware.ErrMisused) || got != nil {
		t.Errorf("a job became another: %v", err)
	}
	bound, err := tenant.Bind(t.Context(), acme, w.manager)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := guard.As(bound, editorOf(globex)); !errors.Is(err, tenant.ErrMismatch) || got != nil {
		t.Errorf("the context of another tenant: %v", err)
	}
	if _, err := guard.As(bound, editorOf(acme)); err != nil {
		t.Errorf("the context of the same tenant: %v", err)
	}
	ctx := authztest.As(t, w.engine, authztest.Caller{Tenant: "acme", User: "bob"})
	if got, err := guard.As(ctx, editorOf(acme)); !errors.Is(err, middleware.ErrMisused) || got != nil {
		t.Errorf("below the caller of another guard: %v", err)
	}
}

// A webhook is a request of nobody's until its handler has verified the signature.
func TestAWebhookDecidesAsItsPrincipalAndNotAsTheRequest(t *testing.T) {
	var told []authz.UncheckedAnswer
	w, guard := jobFixture(t, func(c *authz.Config) {
		c.Unchecked = authz.NewUnchecked(authz.UncheckedConfig{Report: func(_ context.Context, a authz.UncheckedAnswer) { told = append(told, a) }})
		c.Policy = engine(t, rules+"p, role:anyone, *, /hooks/:id, POST, true, allow\n")
	})
	w.echo.POST("/hooks/:id", func(c echo.Context) error {
		request := c.Request().Context()
		ctx, err := guard.As(request, editorOf(acme))
		if err != nil {
			return err
		}
		if _, err := authz.Check(ctx, "update", note("alice")); err != nil {
			return err
		}
		if caller, _ := authz.FromContext(request); !caller.IsAnonymous() {
			t.Error("the request became the principal's")
		}
		if _, ok := tenant.FromContext(request); ok {
			t.Error("the request has a tenant")
		}
		return c.NoContent(http.StatusNoContent)
	})
	if rec := w.do("POST", "/hooks/7", ""); rec.Code != http.StatusNoContent {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if len(told) != 0 {
		t.Errorf("a webhook that asked is reported: %v", told)
	}
	if n := len(w.events); n != 2 || w.events[0].Principal || !w.events[1].Principal {
		t.Errorf("%+v", w.events)
	}
}

// A requirement that asks how the caller signed in, or that ends with a session, has no answer for a
// job.
func TestAPrincipalSatisfiesNoRequirementOfASignIn(t *testing.T) {
	_, guard := jobFixture(t)
	ctx, err := guard.As(t.Context(), editorOf(acme))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
	for name, require := range map[string]authz.Requirement{"MaxAge": authz.MaxAge(1e6 * time.Hour), "AMR": authz.AMR("mfa"), "ACR": authz.ACR("x"), "DPoP": authz.BoundToken(), "Stream": authz.Streaming()} {
		if _, err := require(httptest.NewRecorder(), r); err == nil {
			t.Errorf("%s is satisfied", name)
		}
	}
}
