package authz_test

import (
	"context"
	"errors"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// inside runs f as the handler of GET /me for a caller with the given roles; with no
// token it runs as the handler of GET /public.
func (w *fixture) inside(bearer string, f func(ctx context.Context)) {
	w.t.Helper()
	ran := false
	h := func(c echo.Context) error {
		ran = true
		f(c.Request().Context())
		return nil
	}
	w.echo.GET("/me", h)
	w.echo.GET("/public", h)
	target := "/me"
	if bearer == "" {
		target = "/public"
	}
	if rec := w.do("GET", target, bearer); !ran {
		w.t.Fatalf("the handler did not run: %d %s", rec.Code, rec.Body)
	}
}

func note(owner string) authz.Object {
	return authz.Object{Type: "note", ID: "1", Tenant: acme, Attributes: authz.Values{"owner": owner}}
}

func TestCheck(t *testing.T) {
	w := newFixture(t)
	editor, _ := w.login(acme, alice, "editor")
	theirs := note("alice")
	theirs.Tenant = globex
	homeless := note("alice")
	homeless.Tenant = tenant.ID{}
	denied := note("alice")
	denied.ID = "13"
	w.inside(editor, func(ctx context.Context) {
		for name, tt := range map[string]struct {
			action authz.Action
			obj    authz.Object
			err    error
		}{
			"what a rule allows":             {"update", note("alice"), nil},
			"an id without a tenant":         {"update", homeless, middleware.ErrMisused},
			"a type as a whole":              {"read", authz.Object{Type: "note"}, nil},
			"another tenant's type":          {"read", authz.Object{Type: "note", Tenant: globex}, authz.ErrHidden},
			"through the role's hierarchy":   {"read", note("bob"), nil},
			"a condition that does not hold": {"update", note("bob"), authz.ErrDenied},
			"a missing attribute":            {"update", authz.Object{Type: "note", ID: "1", Tenant: acme}, authz.ErrDenied},
			"an attribute of another kind":   {"update", authz.Object{Type: "note", ID: "1", Tenant: acme, Attributes: authz.Values{"owner": []string{"alice"}}}, middleware.ErrMisused},
			"an action without a rule":       {"delete", note("alice"), authz.ErrDenied},
			"an unknown type":                {"read", authz.Object{Type: "memo", ID: "1", Tenant: acme}, middleware.ErrMisused},
			"a deny rule":                    {"read", denied, authz.ErrDenied},
			"an id that cannot be one":       {"update", authz.Object{Type: "note", ID: "1\n", Tenant: acme, Attributes: authz.Values{"owner": "alice"}}, authz.ErrDenied},
			"another tenant's object":        {"read", theirs, authz.ErrHidden},
			"no action":                      {"", note("alice"), authz.ErrDenied},
			"no object":                      {"read", authz.Object{}, authz.ErrDenied},
		} {
			d, err := authz.Check(ctx, tt.action, tt.obj)
			if !errors.Is(err, tt.err) {
				t.Errorf("%s: got %v, want %v", name, err, tt.err)
			}
			if d.Allowed() != (err == nil) {
				t.Errorf("%s: decision %v and error %v disagree", name, d, err)
			}
			if authz.Can(ctx, tt.action, tt.obj) != (tt.err == nil) {
				t.Errorf("%s: Can differs from Check", name)
			}
		}
	})
}

func TestCheckByAnAnonymousCallerAsksToSignIn(t *testing.T) {
	w := newFixture(t)
	w.inside("", func(ctx context.Context) {
		if _, err := authz.Check(ctx, "read", note("")); !errors.Is(err, middleware.ErrAuthenticationRequired) {
			t.Errorf("got %v", err)
		}
		if _, ok := tenant.FromContext(ctx); ok {
			t.Error("an anonymous caller has a tenant")
		}
		if _, ok := session.FromContext(ctx); ok {
			t.Error("an anonymous caller has a session")
		}
	})
}

func TestCheckOutsideARequestDenies(t *testing.T) {
	for name, ctx := range map[string]context.Context{
		"background": context.Background(),
		"a tenant without a caller": func() context.Context {
			ctx, err := tenant.BindUnchecked(context.Background(), acme)
			if err != nil {
				t.Fatal(err)
			}
			return ctx
		}(),
	} {
		d, err := authz.Check(ctx, "read", note("alice"))
		if !errors.Is(err, authz.ErrNoCaller) || d.Allowed() || authz.Can(ctx, "read", note("alice")) {
			t.Errorf("%s: got %v, %v", name, d, err)
		}
	}
}

func TestTheContextAnswersTenantSessionAndCaller(t *testing.T) {
	w := newFixture(t)
	bearer, s := w.login(acme, alice, "viewer")
	w.inside(bearer, func(ctx context.Context) {
		id, err := tenant.Require(ctx)
		if err != nil || id != acme {
			t.Errorf("tenant: %v, %v", id, err)
		}
		got, ok := session.FromContext(ctx)
		if !ok || got.Ref() != s.Ref() {
			t.Errorf("session: %v, %v", got, ok)
		}
		if _, err := tenant.BindUnchecked(ctx, globex); !errors.Is(err, tenant.ErrMismatch) {
			t.Errorf("a handler left its tenant: %v", err)
		}
	})
}

func TestACallerDoesNotOutliveAnInnerAnonymousRequest(t *testing.T) {
	// A service that calls its own router with the caller's context must not lend the
	// caller to a request without a credential.
	w := newFixture(t)
	bearer, _ := w.login(acme, alice, "viewer")
	w.echo.POST("/public", func(c echo.Context) error {
		if _, ok := session.FromContext(c.Request().Context()); ok {
			t.Error("the inner request inherited a session")
		}
		return nil
	})
	w.inside(bearer, func(ctx context.Context) {
		inner := newRequest(ctx, "POST", "/public")
		w.serve(inner)
	})
}

func TestHideExistenceAnswers404(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) { c.HideExistence = authz.HideAlways() })
	viewer, _ := w.login(acme, alice, "viewer")
	w.want(w.do("GET", "/notes/13", viewer), 404, "not-found")
	w.want(w.do("PUT", "/notes/1", viewer), 403, "forbidden") // the route itself is no secret
}
