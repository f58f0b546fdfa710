package authz_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// A service that forgets the tenant, misspells a type or gives a value as it comes from its
// database has a bug. It is answered 500, and the log says what to write; a 403 would send
// everybody to the policy.
func TestAMisuseOfCheckIsAnsweredBy500AndTheLogSaysWhatToWrite(t *testing.T) {
	type userID string
	for name, c := range map[string]struct {
		obj  authz.Object
		want string
	}{
		"an id without a tenant":          {authz.Object{Type: "note", ID: "1", Attributes: authz.Values{"owner": "alice"}}, "set Object.Tenant to the tenant that is stored with the object"},
		"an attribute of a named string":  {authz.Object{Type: "note", ID: "1", Tenant: acme, Attributes: authz.Values{"owner": userID("alice")}}, "attribute owner of note is declared string, the service gave authz_test.userID"},
		"an attribute that is a number":   {authz.Object{Type: "note", ID: "1", Tenant: acme, Attributes: authz.Values{"owner": int64(7)}}, "attribute owner of note is declared string, the service gave int64"},
		"an attribute that is a pointer":  {authz.Object{Type: "note", ID: "1", Tenant: acme, Attributes: authz.Values{"owner": (*string)(nil)}}, "the service gave *string: give what it points to"},
		"a type in the plural":            {authz.Object{Type: "notes", ID: "1", Tenant: acme}, `no file of the policy names the object type "notes": those of the policy are note`},
		"a type in upper case":            {authz.Object{Type: "Note"}, "is no object type"},
		"a wrong type when it is created": {authz.Object{Type: "note", Attributes: authz.Values{"owner": 7}}, "attribute owner of note is declared string, the service gave int"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t, func(c *authz.Config) { c.HideExistence = authz.HideAlways() })
			editor, _ := w.login(acme, alice, "editor")
			w.echo.POST("/me", func(c echo.Context) error {
				_, err := authz.Check(c.Request().Context(), "update", c.Get("obj").(authz.Object))
				return err
			}, func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(ec echo.Context) error { ec.Set("obj", c.obj); return next(ec) }
			})
			rec := w.do("POST", "/me", editor)
			w.want(rec, 500, "internal-error")
			if strings.Contains(rec.Body.String(), "note") || strings.Contains(rec.Body.String(), "tenant") {
				t.Errorf("the client is told: %s", rec.Body)
			}
			last := w.events[len(w.events)-1]
			if last.Kind != authz.ObjectDecision || last.Status != 500 || !errors.Is(last.Err, middleware.ErrMisused) || !strings.Contains(last.Err.Error(), c.want) {
				t.Errorf("the event says %v\nwant %s", last.Err, c.want)
			}
			w.inside(editor, func(ctx context.Context) {
				if authz.Can(ctx, "update", c.obj) {
					t.Error("Can says yes")
				}
			})
		})
	}
}

func TestRequireOfAnObjectWithoutItsTenantReachesNoHandler(t *testing.T) {
	w := newFixture(t)
	editor, _ := w.login(acme, alice, "editor")
	w.echo.POST("/me", func(echo.Context) error { w.reached.Add(1); return nil }, authz.Require("read", func(echo.Context) (authz.Object, error) {
		return authz.Object{Type: "note", ID: "1"}, nil
	}))
	w.want(w.do("POST", "/me", editor), 500, "internal-error")
}

// Nobody is in the object's tenant by being in none: only rules for role:anyone decide.
func TestAnAnonymousCallerIsAskedAboutInTheObjectsTenant(t *testing.T) {
	w := newFixture(t)
	if err := w.engine.Reload(policyFiles(rules + "p, role:anyone, acme, note:1, read, true, allow\np, role:authenticated, acme, note:2, read, true, allow\n")); err != nil {
		t.Fatal(err)
	}
	at := func(id string, of tenant.ID) authz.Object { return authz.Object{Type: "note", ID: id, Tenant: of} }
	w.inside("", func(ctx context.Context) {
		for _, c := range []struct {
			obj authz.Object
			err error
		}{
			{at("1", acme), nil},
			{at("2", acme), middleware.ErrAuthenticationRequired},
			{at("1", globex), middleware.ErrAuthenticationRequired},
			{authz.Object{Type: "note"}, middleware.ErrAuthenticationRequired},
			{at("1", tenant.ID{}), middleware.ErrMisused},
		} {
			if d, err := authz.Check(ctx, "read", c.obj); !errors.Is(err, c.err) || d.Allowed() != (c.err == nil) {
				t.Errorf("%v: %v %v, want %v", c.obj, d, err, c.err)
			}
		}
		if _, ok := tenant.FromContext(ctx); ok {
			t.Error("the caller is in a tenant now")
		}
	})
}

// A session's attributes may be old, or come from a provider: what is odd about them refuses
// their user, is told to the log, and is never a 500 or a 503 for which somebody is woken.
func TestASessionsAttributeOfTheWrongTypeIs403WithTheCauseInTheLog(t *testing.T) {
	w := newFixture(t)
	files := policyFiles(rules + "p, role:viewer, *, /unruled, GET, r.sub.level > 1, allow\np, role:viewer, *, note, share, r.sub.level > 1, allow\n")
	files["attributes.csv"] = &fstest.MapFile{Data: []byte(attributes + "sub, level, int, no,\n")}
	if err := w.engine.Reload(files); err != nil {
		t.Fatal(err)
	}
	attributes, err := session.NewAttributes(map[string]any{"level": "5"})
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := w.manager.Create(t.Context(), session.SignIn{Tenant: acme, User: alice, Roles: session.MustRoles("viewer"), Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	w.want(w.do("GET", "/unruled", w.sign(s)), 403, "forbidden")
	if last := w.events[len(w.events)-1]; !strings.Contains(last.Err.Error(), "the session's r.sub.level is string, declared int") {
		t.Errorf("the route's event says %v", last.Err)
	}
	w.inside(w.sign(s), func(ctx context.Context) {
		if _, err := authz.Check(ctx, "share", note("alice")); !errors.Is(err, authz.ErrDenied) || !strings.Contains(err.Error(), "r.sub.level is string") {
			t.Errorf("got %v", err)
		}
		if _, err := authz.Check(ctx, "read", note("alice")); err != nil {
			t.Errorf("what does not ask for it: %v", err)
		}
	})
}

// An action that no rule has may be misspelt, or withdrawn by the policy's editor. It is a
// denial either way, and the log tells.
func TestAnActionThatNoRuleHasIsADenialWithACause(t *testing.T) {
	w := newFixture(t)
	editor, _ := w.login(acme, alice, "editor")
	w.inside(editor, func(ctx context.Context) {
		if _, err := authz.Check(ctx, "updte", note("alice")); !errors.Is(err, authz.ErrDenied) || !strings.Contains(err.Error(), `no rule about note has the action "updte"`) {
			t.Errorf("got %v", err)
		}
		if _, err := authz.Check(ctx, "update", note("bob")); !errors.Is(err, authz.ErrDenied) || strings.Contains(err.Error(), "no rule") {
			t.Errorf("an action that a rule has: %v", err)
		}
	})
}

func TestAClosedTenantIsAnsweredBy503AndTheOthersAreServed(t *testing.T) {
	w := newFixture(t)
	viewer, _ := w.login(acme, alice, "viewer")
	other, _ := w.login(globex, alice, "viewer")
	files := policyFiles(rules)
	files["tenants/acme.csv"] = &fstest.MapFile{Data: []byte("p, role:viewer, acme, note, read, true, denny\n")}
	if err := w.engine.Reload(files); !errors.Is(err, policy.ErrTenantHeld) {
		t.Fatal(err)
	}
	w.want(w.do("GET", "/notes/1", viewer), 503, "auth-unavailable")
	w.want(w.do("GET", "/me", viewer), 503, "auth-unavailable")
	if rec := w.do("GET", "/me", other); rec.Code != 200 {
		t.Errorf("globex is answered %d", rec.Code)
	}
	if rec := w.do("GET", "/public", ""); rec.Code != 200 {
		t.Errorf("an anonymous caller is answered %d", rec.Code)
	}
	if err := w.engine.Reload(policyFiles(rules)); err != nil {
		t.Fatal(err)
	}
	if rec := w.do("GET", "/notes/1", viewer); rec.Code != 200 {
		t.Errorf("acme is answered %d once its file is gone", rec.Code)
	}
}
