package authz_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

const listRules = rules + `
p, role:viewer, *, field:note/title, read, true, allow
p, role:editor, *, field:note/*, update, true, allow
`

const listAttributes = attributes + `
note, id,  string, no, id
note, org, tenant, no, tenant_id
`

func TestAListIsOfWhatCheckAllows(t *testing.T) {
	w := newFixture(t)
	files := policyFiles(listRules)
	files["attributes.csv"].Data = []byte(listAttributes)
	if err := w.engine.Reload(files); err != nil {
		t.Fatal(err)
	}
	editor, _ := w.login(acme, alice, "editor")
	w.inside(editor, func(ctx context.Context) {
		for _, action := range []authz.Action{"read", "update"} {
			p, err := authz.Filter(ctx, action, "note")
			if err != nil {
				t.Fatal(err)
			}
			for _, owner := range []string{"alice", "bob"} {
				for _, id := range []string{"1", "13"} {
					o := note(owner)
					o.ID = id
					if p.Match(o) != authz.Can(ctx, action, o) {
						t.Errorf("%s note:%s of %s: the list says %t", action, id, owner, p.Match(o))
					}
					if o.Tenant = globex; p.Match(o) {
						t.Error("another tenant's note is listed")
					}
				}
			}
		}
		if got := authz.Allowed(ctx, note("bob"), "update", "read", "delete"); !slices.Equal(got, []authz.Action{"read"}) {
			t.Errorf("what is allowed is %v", got)
		}
		if p, err := authz.Filter(ctx, "delete", "note"); err != nil || !p.None() {
			t.Errorf("an action without a rule: %v", err)
		}
		for typ, want := range map[string]error{"memo": middleware.ErrMisused, "field": policy.ErrNotListed} {
			if p, err := authz.Filter(ctx, "read", typ); !errors.Is(err, want) || !errors.Is(err, middleware.ErrMisused) || !p.None() {
				t.Errorf("%s: %v", typ, err)
			}
		}
		m, err := authz.Fields(ctx, "read", "note")
		if err != nil || !m.Has("title") || m.Has("body") {
			t.Errorf("the fields to read: %v", err)
		}
		if m, err := authz.Fields(ctx, "update", "note"); err != nil || !m.Has("body") {
			t.Errorf("the fields to write: %v", err)
		}
	})
}

// A job lists, masks and offers what a request of the same user does, and is observed as one.
func TestAJobListsAsARequestOfTheSameUser(t *testing.T) {
	w, guard := jobFixture(t)
	files := policyFiles(listRules)
	files["attributes.csv"].Data = []byte(listAttributes)
	if err := w.engine.Reload(files); err != nil {
		t.Fatal(err)
	}
	for _, roles := range [][]string{nil, {"viewer"}, {"editor"}} {
		bearer, _ := w.login(acme, alice, roles...)
		job, err := guard.As(t.Context(), authz.Principal{Tenant: acme, User: alice, Roles: session.MustRoles(roles...)})
		if err != nil {
			t.Fatal(err)
		}
		w.inside(bearer, func(ctx context.Context) {
			for _, action := range []authz.Action{"read", "update", "delete"} {
				a, errA := authz.Filter(ctx, action, "note")
				w.events = nil
				b, errB := authz.Filter(job, action, "note")
				if errA != nil || errB != nil || a.None() != b.None() || a.Tenant() != b.Tenant() {
					t.Fatalf("%v %s: %v, %v", roles, action, errA, errB)
				}
				if len(w.events) != 1 || w.events[0].Kind != authz.ListDecision || !w.events[0].Principal || w.events[0].User != alice {
					t.Errorf("%v %s: the events are %+v", roles, action, w.events)
				}
				for _, o := range []authz.Object{note("alice"), note("bob"), {Type: "note", ID: "13", Tenant: acme}, {Type: "note", ID: "1", Tenant: globex}} {
					if a.Match(o) != b.Match(o) || b.Match(o) != authz.Can(job, action, o) {
						t.Errorf("%v %s note:%s of %v: listed %t, for a job %t", roles, action, o.ID, o.Tenant, a.Match(o), b.Match(o))
					}
					if x, y := authz.Allowed(ctx, o, "read", action), authz.Allowed(job, o, "read", action); !slices.Equal(x, y) {
						t.Errorf("%v %s: offered %v, to a job %v", roles, action, x, y)
					}
				}
				x, errX := authz.Fields(ctx, action, "note")
				y, errY := authz.Fields(job, action, "note")
				if errX != nil || errY != nil || x.Has("title") != y.Has("title") || x.Has("body") != y.Has("body") {
					t.Errorf("%v %s: the fields differ: %v, %v", roles, action, errX, errY)
				}
			}
		})
		r, err := authz.RequestOf(job)
		if err != nil || r.Tenant != acme || r.Subject.ID != alice.String() || r.Subject.Roles.Len() != len(roles) {
			t.Errorf("the request of a job is %+v, %v", r, err)
		}
	}
	if _, err := authz.Filter(t.Context(), "read", "note"); !errors.Is(err, authz.ErrNoCaller) {
		t.Error(err)
	}
}

// Handlers hand the error on, as they do that of Check.
func TestAFieldThatIsNotTheCallersIsForbidden(t *testing.T) {
	w := newFixture(t)
	files := policyFiles(listRules)
	files["attributes.csv"].Data = []byte(listAttributes)
	if err := w.engine.Reload(files); err != nil {
		t.Fatal(err)
	}
	viewer, _ := w.login(acme, alice, "viewer")
	var got error
	w.echo.GET("/me", func(c echo.Context) error {
		m, err := authz.Fields(c.Request().Context(), "read", "note")
		if err != nil {
			return err
		}
		var in struct {
			Title string `json:"title"`
			Owner string `json:"owner"`
		}
		if err := m.Bind([]byte(`{"title": "x"}`), &in); err != nil {
			return err
		}
		got = m.Bind([]byte(`{"title": "x", "owner": "alice"}`), &in)
		return fmt.Errorf("bind: %w", got)
	})
	rec := w.do("GET", "/me", viewer)
	if rec.Code != http.StatusForbidden || !errors.Is(got, policy.ErrField) || strings.Contains(rec.Body.String(), "owner") {
		t.Errorf("%d %s of %v", rec.Code, rec.Body, got)
	}
}

func TestNobodyHasNoList(t *testing.T) {
	if p, err := authz.Filter(t.Context(), "read", "note"); !errors.Is(err, authz.ErrNoCaller) || !p.None() {
		t.Errorf("without a caller: %v", err)
	}
	if m, err := authz.Fields(t.Context(), "read", "note"); !errors.Is(err, authz.ErrNoCaller) || m.Has("title") {
		t.Errorf("without a caller: %v", err)
	}
	w := newFixture(t)
	w.inside("", func(ctx context.Context) {
		p, err := authz.Filter(ctx, "read", "note")
		if problem, ok := middleware.FromError(err); !ok || problem.Status != http.StatusUnauthorized || !p.None() {
			t.Errorf("an anonymous caller: %v", err)
		}
	})
}

// An observer learns of lists and masks as it does of other decisions, and of each of Allowed.
func TestTheObserverIsToldOfLists(t *testing.T) {
	w := newFixture(t)
	files := policyFiles(listRules)
	files["attributes.csv"].Data = []byte(listAttributes)
	if err := w.engine.Reload(files); err != nil {
		t.Fatal(err)
	}
	editor, _ := w.login(acme, alice, "editor")
	for _, row := range []struct {
		do      func(ctx context.Context)
		kind    authz.DecisionKind
		object  string
		effect  policy.Effect
		outcome string
	}{
		{func(ctx context.Context) { _, _ = authz.Filter(ctx, "read", "note") }, authz.ListDecision, "note", policy.Allow, "allow"},
		{func(ctx context.Context) { _, _ = authz.Filter(ctx, "delete", "note") }, authz.ListDecision, "note", policy.Deny, "allow"},
		{func(ctx context.Context) { _, _ = authz.Filter(ctx, "read", "memo") }, authz.ListDecision, "memo", policy.Deny, "error"},
		{func(ctx context.Context) { _, _ = authz.Fields(ctx, "read", "note") }, authz.FieldsDecision, "note", policy.Allow, "allow"},
		{func(ctx context.Context) { _, _ = authz.Fields(ctx, "delete", "note") }, authz.FieldsDecision, "note", policy.Deny, "allow"},
		{func(ctx context.Context) { authz.Allowed(ctx, note("bob"), "read") }, authz.ObjectDecision, "note:1", policy.Allow, "allow"},
		{func(ctx context.Context) { authz.Allowed(ctx, note("bob"), "update") }, authz.ObjectDecision, "note:1", policy.Deny, "deny"},
	} {
		w.inside(editor, func(ctx context.Context) {
			before := len(w.events)
			row.do(ctx)
			if len(w.events) != before+1 {
				t.Fatalf("%s %s: %d events", row.kind, row.object, len(w.events)-before)
			}
			e := w.events[before]
			if e.Kind != row.kind || e.Object != row.object || e.Decision.Effect != row.effect || e.Outcome() != row.outcome || e.User != alice || e.Tenant != acme {
				t.Errorf("%+v, want %+v", e, row)
			}
			if want := e.Outcome() != "error" && e.Err == nil; want && e.Decision.Revision != w.engine.Revision() {
				t.Errorf("%s %s: of the revision %q", row.kind, row.object, e.Decision.Revision)
			}
		})
	}
}

// A wrong cursor or order that a client sent is 400, and one that the service asks for in vain is 500.
func TestACursorAndAnOrderThatAreNoneAreTheClients(t *testing.T) {
	for name, row := range map[string]struct {
		list   func(c echo.Context) (authz.List, error)
		status int
	}{
		"a cursor": {func(c echo.Context) (authz.List, error) { return authz.List{Cursor: "' OR 1=1 --"}, nil }, 400},
		"an order": {func(c echo.Context) (l authz.List, err error) {
			l.Sort, err = policy.ParseSort("secret", "id")
			return l, err
		}, 400},
		"an order that never can be": {func(c echo.Context) (authz.List, error) {
			return authz.List{Sort: []authz.Sort{{Attribute: "nope"}}}, nil
		}, 500},
		"nothing": {func(c echo.Context) (authz.List, error) { return authz.List{}, nil }, 204},
	} {
		w := newFixture(t)
		files := policyFiles(listRules)
		files["attributes.csv"].Data = []byte(listAttributes)
		if err := w.engine.Reload(files); err != nil {
			t.Fatal(err)
		}
		editor, _ := w.login(acme, alice, "editor")
		w.echo.GET("/me", func(c echo.Context) error {
			list, err := row.list(c)
			if err != nil {
				return fmt.Errorf("notes: %w", err)
			}
			may, err := authz.Filter(c.Request().Context(), "read", "note")
			if err != nil {
				return err
			}
			if _, err := may.Page(list); err != nil {
				return fmt.Errorf("notes: %w", err)
			}
			return c.NoContent(http.StatusNoContent)
		})
		if rec := w.do("GET", "/me", editor); rec.Code != row.status || strings.Contains(rec.Body.String(), "OR 1") {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
}
