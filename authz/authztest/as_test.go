package authztest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func standard(t testing.TB) *policy.Engine {
	t.Helper()
	engine, err := policy.Load(policies.Files(), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

func invoice(owner string) authz.Object {
	return authz.Object{Type: "invoice", ID: "42", Tenant: tenant.MustParse("acme"), Attributes: authz.Values{"owner": owner, "status": "draft", "amount": int64(1), "customer": "x"}}
}

// TestAHandlersTestHasItsCaller: all that a handler can ask of a request is there.
func TestAHandlersTestHasItsCaller(t *testing.T) {
	var events []authz.Event
	ctx := authztest.As(t, standard(t), authztest.Caller{
		Tenant: "acme", User: "alice", Roles: []string{"editor"},
		Attributes: map[string]any{"level": 3},
		AMR:        []string{"pwd", "mfa"}, AuthTime: time.Unix(1, 0), Address: "2001:db8::7",
		Config: authz.Config{Observer: func(_ context.Context, e authz.Event) { events = append(events, e) }},
	})
	caller, ok := authz.FromContext(ctx)
	if !ok || caller.IsAnonymous() || caller.Tenant().String() != "acme" || caller.User().String() != "alice" || caller.Address().String() != "2001:db8::7" {
		t.Errorf("the caller is %v", caller)
	}
	if id, err := tenant.Require(ctx); err != nil || id.String() != "acme" {
		t.Errorf("the tenant is %v, %v", id, err)
	}
	s, ok := session.FromContext(ctx)
	level, _ := s.Attributes.Get("level")
	if !ok || !s.Roles.Has("editor") || level != int64(3) || !s.AMR.Has("mfa") || !s.AuthTime.Equal(time.Unix(1, 0)) {
		t.Errorf("the session is %v", s)
	}
	if _, err := authz.Check(ctx, "update", invoice("alice")); err != nil {
		t.Error(err)
	}
	if authz.Can(ctx, "update", invoice("bob")) {
		t.Error("somebody else's may be updated")
	}
	x, err := authz.Explain(ctx, "update", invoice("bob"))
	if err != nil || len(x.NearMisses) == 0 {
		t.Errorf("got %v, %v", x, err)
	}
	if len(events) != 2 || events[0].Kind != authz.ObjectDecision || events[1].User.String() != "alice" {
		t.Errorf("the observer was told %+v", events)
	}
	if ctx.Err() != nil {
		t.Error(ctx.Err())
	}
}

// TestTheZeroCallerIsAnonymous, and is told to sign in.
func TestTheZeroCallerIsAnonymous(t *testing.T) {
	ctx := authztest.As(t, standard(t), authztest.Caller{})
	caller, ok := authz.FromContext(ctx)
	if !ok || !caller.IsAnonymous() {
		t.Error("somebody is signed in")
	}
	if _, err := authz.Check(ctx, "read", invoice("alice")); !errors.Is(err, authz.ErrHidden) && !errors.Is(err, middleware.ErrAuthenticationRequired) {
		t.Errorf("got %v", err)
	}
	if _, ok := session.FromContext(ctx); ok {
		t.Error("there is a session")
	}
}

// TestARouteThatTheCallerMayNotUseIsNoHindrance: the handler alone is tested, with its own
// middleware.
func TestARouteThatTheCallerMayNotUseIsNoHindrance(t *testing.T) {
	engine := standard(t)
	e := echo.New()
	reached := 0
	handler := func(c echo.Context) error {
		reached++
		caller, ok := authz.FromContext(c.Request().Context())
		if !ok || caller.User().String() != "bob" || c.Request().Header.Get("Authorization") != "Basic x" {
			t.Error("it is another request")
		}
		return nil
	}
	for _, target := range []string{"/invoices/1", "/nowhere", "/"} {
		r := httptest.NewRequest("DELETE", target, nil)
		r.Header.Set("Authorization", "Basic x")
		r = authztest.Request(t, engine, authztest.Caller{Tenant: "acme", User: "bob", Roles: []string{"viewer"}, AMR: []string{"otp"}}, r)
		c := e.NewContext(r, httptest.NewRecorder())
		if err := authz.RequireMaxAge(time.Minute)(authz.RequireAMR("otp")(handler))(c); err != nil {
			t.Error(err)
		}
	}
	if reached != 3 {
		t.Errorf("%d reached the handler", reached)
	}
}

// TestHidingIsThatOfTheCallersConfig.
func TestHidingIsThatOfTheCallersConfig(t *testing.T) {
	engine := standard(t)
	as := func(hide authz.Hiding) context.Context {
		return authztest.As(t, engine, authztest.Caller{Tenant: "acme", User: "bob", Roles: []string{"viewer"}, Config: authz.Config{HideExistence: hide}})
	}
	for hide, want := range map[authz.Hiding]error{{}: authz.ErrDenied, authz.HideAlways(): authz.ErrHidden, authz.HideUnless("read"): authz.ErrDenied} {
		if _, err := authz.Check(as(hide), "delete", invoice("alice")); !errors.Is(err, want) {
			t.Errorf("%v: got %v", hide, err)
		}
	}
}

// TestACallerThatNoSessionCanHaveFailsTheTest, and says which field.
func TestACallerThatNoSessionCanHaveFailsTheTest(t *testing.T) {
	for name, c := range map[string]authztest.Caller{
		"a user without a tenant":     {User: "alice"},
		"a tenant without a user":     {Tenant: "acme"},
		"a tenant that cannot be one": {Tenant: "Acme!", User: "alice"},
		"roles of nobody":             {Roles: []string{"admin"}},
		"a role that cannot be one":   {Tenant: "acme", User: "alice", Roles: []string{"role:admin"}},
		"an attribute of a map":       {Tenant: "acme", User: "alice", Attributes: map[string]any{"x": map[string]int{}}},
		"an address that is a name":   {Tenant: "acme", User: "alice", Address: "localhost"},
	} {
		failed := &failing{TB: t}
		func() {
			defer func() { _ = recover() }()
			authztest.As(failed, standard(t), c)
		}()
		if !failed.fatal {
			t.Errorf("%s passes", name)
		}
	}
}

// failing is a test whose failure is what is wanted.
type failing struct {
	testing.TB
	fatal bool
}

func (f *failing) Fatal(...any)          { f.fatal = true; panic("fatal") }
func (f *failing) Fatalf(string, ...any) { f.fatal = true; panic("fatal") }

// TestAHandlersTestIsOrdinary: what a handler reads of its request is what the test has put
// there, and who asks is the caller.
func TestAHandlersTestIsOrdinary(t *testing.T) {
	update := func(c echo.Context) error {
		caller, ok := authz.FromContext(c.Request().Context())
		if !ok || c.Param("tenant") != caller.Tenant().String() {
			return authz.ErrHidden
		}
		inv := invoice("alice")
		inv.ID = c.Param("id")
		if _, err := authz.Check(c.Request().Context(), "update", inv); err != nil {
			return err
		}
		return c.String(http.StatusOK, c.Request().URL.EscapedPath()+" "+c.FormValue("amount")+" "+c.QueryParam("q"))
	}
	for name, row := range map[string]struct {
		method, target, header, value, want string
	}{
		"a form":                {"POST", "/acme/invoices/42?q=1", "Content-Type", "application/x-www-form-urlencoded", "/acme/invoices/42 5 1"},
		"a spelling":            {"POST", "/acme/invoices/4%3A2?q=1", "Content-Type", "application/x-www-form-urlencoded", "/acme/invoices/4:2 5 1"},
		"a cookie":              {"POST", "/acme/invoices/42?q=1", "Cookie", "a=b", "/acme/invoices/42  1"},
		"two credentials":       {"GET", "/acme/invoices/42?access_token=1", "Authorization", "Basic x", "/acme/invoices/42  "},
		"a proof of another":    {"GET", "/acme/invoices/42?q=1", "DPoP", "x", "/acme/invoices/42  1"},
		"a header of a browser": {"DELETE", "/acme/invoices/42?q=1", "Sec-Fetch-Site", "cross-site", "/acme/invoices/42  1"},
		"an upgrade":            {"GET", "/acme/invoices/42?q=1", "Upgrade", "websocket", "/acme/invoices/42  1"},
		"a name of a host":      {"GET", "http://app.test/acme/invoices/42?q=1", "Host", "app.test", "/acme/invoices/42  1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(row.method, row.target, strings.NewReader("amount=5"))
			r.Header.Set(row.header, row.value)
			r = authztest.Request(t, standard(t), authztest.Caller{Tenant: "acme", User: "alice", Roles: []string{"editor"}}, r)
			rec := httptest.NewRecorder()
			c := echo.New().NewContext(r, rec)
			c.SetPath("/:tenant/invoices/:id")
			c.SetParamNames("tenant", "id")
			c.SetParamValues("acme", "42")
			if err := update(c); err != nil || rec.Body.String() != row.want {
				t.Errorf("got %q, %v, want %q", rec.Body, err, row.want)
			}
		})
	}
}

// TestNoProgramMakesACaller: the package can be imported by any program, and a testing.TB be
// made in one.
func TestNoProgramMakesACaller(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "run", "./testdata/program").CombinedOutput()
	const refused = "authztest: a caller is made outside of a test\n"
	if err != nil || string(out) != refused+refused {
		t.Errorf("got %v, %s", err, out)
	}
}
