package authz_test

import (
	"context"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
)

// The environment reaches the decision about the route and the one about an object.
func TestConditionsAskForTheEnvironmentOfTheRequest(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) {
		c.Policy = engine(t, `
p, role:authenticated, *, /me,     GET,  "r.env.mfa && ipMatch(r.env.ip, '192.0.2.0/24')", allow
p, role:authenticated, *, /public, GET,  true,                                              allow
p, role:viewer,        *, note,    read, r.env.mfa,                                         allow
`)
	})
	var may bool
	w.echo.GET("/public", func(c echo.Context) error {
		may = authz.Can(c.Request().Context(), "read", note("alice"))
		return nil
	})
	for name, tt := range map[string]struct {
		amr    []string
		status int
		may    bool
	}{
		"with a second factor":    {[]string{"pwd", "mfa"}, 200, true},
		"without a second factor": {[]string{"pwd"}, 403, false},
	} {
		methods, err := session.NewMethods(tt.amr...)
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := w.manager.Create(context.Background(), session.SignIn{Tenant: acme, User: alice, Roles: session.MustRoles("viewer"), AMR: methods})
		if err != nil {
			t.Fatal(err)
		}
		bearer := w.sign(s)
		if rec := w.do("GET", "/me", bearer); rec.Code != tt.status {
			t.Errorf("%s: the route answers %d %s", name, rec.Code, rec.Body)
		}
		if w.do("GET", "/public", bearer); may != tt.may {
			t.Errorf("%s: the object is allowed: %v", name, may)
		}
		// A header does not move the caller into the network.
		if rec := w.do("GET", "/me", bearer, headers{"X-Forwarded-For": "203.0.113.9"}); rec.Code != tt.status {
			t.Errorf("%s: a header changes the answer to %d", name, rec.Code)
		}
	}
}
