package authz_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
)

const hideRules = rules + `
p, role:viewer, *, memo,   list, true, allow
p, role:viewer, *, secret, read, true, allow
p, role:viewer, *, plan,   list, true, allow
p, role:editor, *, draft,  read, r.obj.owner == r.sub.id, allow
p, role:editor, *, draft,  edit, r.obj.owner == r.sub.id && r.obj.open == true, allow
`

// TestARefusalTellsOfAnObjectOnlyToThoseWhoMaySeeIt, for each type by its own action: 403 for
// what they may see, 404 for what they may not, and for what is not there.
func TestARefusalTellsOfAnObjectOnlyToThoseWhoMaySeeIt(t *testing.T) {
	files := policyFiles(hideRules)
	files["attributes.csv"].Data = append(files["attributes.csv"].Data, "draft, owner, string, no, owner\ndraft, open, bool, no, open\n"...)
	e, err := policy.Load(files, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hide := func(c *authz.Config) {
		c.Policy = e
		c.HideExistence = authz.HideUnless("read")
		c.HideTypes = map[string]authz.Hiding{"memo": authz.HideUnless("list"), "secret": authz.HideAlways(), "plan": {}}
	}
	theirs := note("alice")
	theirs.Tenant = globex
	draft := func(owner string) authz.Object {
		return authz.Object{Type: "draft", ID: "1", Tenant: acme, Attributes: authz.Values{"owner": owner, "open": false}}
	}
	for name, row := range map[string]struct {
		roles  []string
		action authz.Action
		obj    authz.Object
		want   error
	}{
		"an update of what may be read":               {[]string{"viewer"}, "update", ours("bob"), authz.ErrDenied},
		"an update of what may not be read":           {nil, "update", ours("bob"), authz.ErrHidden},
		"reading itself":                              {nil, "read", ours("bob"), authz.ErrHidden},
		"a deny rule for reading":                     {[]string{"editor"}, "update", authz.Object{Type: "note", ID: "13", Tenant: acme}, authz.ErrHidden},
		"an action that no rule names":                {[]string{"viewer"}, "frobnicate", ours("bob"), authz.ErrDenied},
		"an edit of what its attributes let one read": {[]string{"editor"}, "edit", draft("alice"), authz.ErrDenied},
		"an edit of somebody else's":                  {[]string{"editor"}, "edit", draft("bob"), authz.ErrHidden},
		"an object without its attributes":            {[]string{"editor"}, "edit", authz.Object{Type: "draft", ID: "1", Tenant: acme}, authz.ErrHidden},
		"a type with its own action":                  {[]string{"viewer"}, "update", authz.Object{Type: "memo", ID: "1", Tenant: acme}, authz.ErrDenied},
		"its own action, refused":                     {nil, "update", authz.Object{Type: "memo", ID: "1", Tenant: acme}, authz.ErrHidden},
		"a type that is always hidden":                {[]string{"viewer"}, "update", authz.Object{Type: "secret", ID: "1", Tenant: acme}, authz.ErrHidden},
		"a type that is never hidden":                 {nil, "update", authz.Object{Type: "plan", ID: "1", Tenant: acme}, authz.ErrDenied},
		"reading a type that is never hidden":         {nil, "read", authz.Object{Type: "plan", ID: "1", Tenant: acme}, authz.ErrDenied},
		"another tenant's":                            {[]string{"editor"}, "update", theirs, authz.ErrHidden},
		"another tenant's of a type never hidden":     {[]string{"viewer"}, "update", authz.Object{Type: "plan", ID: "1", Tenant: globex}, authz.ErrHidden},
		"an id that cannot be one":                    {[]string{"editor"}, "update", authz.Object{Type: "note", ID: "1\n", Tenant: acme}, authz.ErrHidden},
		"an action that cannot be one":                {[]string{"viewer"}, "UP DATE", ours("bob"), authz.ErrDenied},
		"a wrong type, asked for by reading":          {[]string{"editor"}, "update", authz.Object{Type: "draft", ID: "1", Tenant: acme, Attributes: authz.Values{"owner": 7}}, middleware.ErrMisused},
		"a type that nobody knows":                    {[]string{"viewer"}, "update", authz.Object{Type: "unheard", ID: "1", Tenant: acme}, middleware.ErrMisused},
	} {
		w := newFixture(t, hide)
		bearer, _ := w.login(acme, alice, row.roles...)
		w.inside(bearer, func(ctx context.Context) {
			d, err := authz.Check(ctx, row.action, row.obj)
			other := authz.ErrHidden
			if row.want == authz.ErrHidden {
				other = authz.ErrDenied
			}
			if !errors.Is(err, row.want) || errors.Is(err, other) || d.Allowed() {
				t.Errorf("%s: got %v, %v", name, d, err)
			}
		})
	}
	w := newFixture(t, hide)
	w.inside("", func(ctx context.Context) {
		if _, err := authz.Check(ctx, "update", authz.Object{Type: "note"}); !errors.Is(err, middleware.ErrAuthenticationRequired) {
			t.Errorf("nobody: got %v", err)
		}
	})
}

// TestTheAnswerToWhatIsHiddenIsThatToWhatIsNotThere, byte for byte.
func TestTheAnswerToWhatIsHiddenIsThatToWhatIsNotThere(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) { c.HideExistence = authz.HideUnless("read") })
	bearer, _ := w.login(acme, alice, "viewer")
	hidden := w.do("GET", "/notes/13", bearer)
	w.want(hidden, 404, "not-found")
	missing := newFixture(t)
	bearer, _ = missing.login(acme, alice, "viewer")
	missing.echo.GET("/notes/:id", notFound)
	gone := missing.do("GET", "/notes/14", bearer)
	if hidden.Body.String() != gone.Body.String() || len(hidden.Header()) != len(gone.Header()) {
		t.Errorf("got %v %s, and %v %s", hidden.Header(), hidden.Body, gone.Header(), gone.Body)
	}
}

// TestAnOutageWhileHidingIsAnOutage: neither answer is known to be right.
func TestAnOutageWhileHidingIsAnOutage(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) { c.HideExistence = authz.HideUnless("read") })
	bearer, _ := w.login(acme, alice, "editor")
	w.inside(bearer, func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		obj := ours("")
		obj.Attributes = attributesFunc(func(string) (any, bool) { cancel(); return "bob", true }) // the first decision still ends
		if _, err := authz.Check(ctx, "update", obj); ctx.Err() == nil || !middleware.IsOutage(err) {
			t.Errorf("got %v", err)
		}
		if _, err := authz.Check(ctx, "update", ours("bob")); !middleware.IsOutage(err) {
			t.Errorf("got %v", err)
		}
	})
}

// TestHidingIsOneDecisionToTheObserver: the question behind it is none that the service asked.
func TestHidingIsOneDecisionToTheObserver(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) { c.HideExistence = authz.HideUnless("read") })
	bearer, _ := w.login(acme, alice, "viewer")
	w.inside(bearer, func(ctx context.Context) {
		w.events = nil
		authz.Can(ctx, "update", ours("bob"))
		if len(w.events) != 1 || w.events[0].Action != "update" || w.events[0].Status != 403 {
			t.Errorf("got %+v", w.events)
		}
	})
}

// TestHidingByAnActionThatNobodyCanNameDoesNotBuild, nor by a type.
func TestHidingByAnActionThatNobodyCanNameDoesNotBuild(t *testing.T) {
	for field, cfg := range map[string]authz.Config{
		"HideExistence: ":      {HideExistence: authz.HideUnless("")},
		"HideExistence: HideU": {HideExistence: authz.HideUnless("READ")},
		`HideTypes["note"]`:    {HideTypes: map[string]authz.Hiding{"note": authz.HideUnless("re ad")}},
		`HideTypes: "Note"`:    {HideTypes: map[string]authz.Hiding{"Note": authz.HideAlways()}},
	} {
		if _, err := cfg.ToMiddleware(); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

// ours is a note of the caller's tenant.
func ours(owner string) authz.Object {
	obj := note(owner)
	obj.Tenant = acme
	return obj
}

// TestAMisuseThatOnlyTheSecondDecisionMeetsIsOne: an attribute of another type than the policy
// declares is a defect of the service, not an outage, whichever rule asks for it.
func TestAMisuseThatOnlyTheSecondDecisionMeetsIsOne(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) {
		c.HideExistence = authz.HideUnless("read")
		c.Policy = engine(t, "p, role:viewer, *, note, read, r.obj.owner == r.sub.id, allow\np, role:admin, *, note, update, true, allow\np, role:authenticated, *, /me, GET, true, allow")
	})
	bearer, _ := w.login(acme, alice, "viewer")
	w.inside(bearer, func(ctx context.Context) {
		_, err := authz.Check(ctx, "update", authz.Object{Type: "note", ID: "1", Tenant: acme, Attributes: authz.Values{"owner": 7}})
		if !errors.Is(err, middleware.ErrMisused) || errors.Is(err, middleware.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}
