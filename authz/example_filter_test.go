package authz_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"testing/fstest"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
)

// listedEngine is a policy of notes that a database lists: the row of kind tenant names the column of
// the tenant.
func listedEngine() *policy.Engine {
	return authz.Must(policy.Load(fstest.MapFS{
		"model.conf":     {Data: authz.Must(fs.ReadFile(policies.Files(), "model.conf"))},
		"attributes.csv": {Data: []byte("note, id, string, no, id\nnote, org, tenant, no, tenant_id\nnote, owner, string, no, owner\nnote, title, string, no, title\n")},
		"policy.csv": {Data: []byte("p, role:editor, *, /notes, GET, true, allow\n" +
			"p, role:editor, *, note, read, r.obj.owner == r.sub.id, allow\n" +
			"p, role:editor, *, field:note/title, read, true, allow\n")},
	}, policy.Options{}))
}

// A list asks once for all rows: the condition of the policy is a part of the query, and the rows are
// those that Check would allow.
func ExampleFilter() {
	s := newExampleService(invoiceRules)
	s.policy = listedEngine()
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy}))
	e.GET("/notes", func(c echo.Context) error {
		may, err := authz.Filter(c.Request().Context(), "read", "note")
		if err != nil {
			return err
		}
		where, args, err := may.SQL(policy.Postgres, "n")
		if err != nil {
			return err
		}
		fmt.Println("SELECT n.title FROM note n WHERE", where, args)
		return c.NoContent(http.StatusNoContent)
	})

	fmt.Println(exampleRequest(e, "GET", "/notes", s.signIn(session.SignIn{Roles: session.MustRoles("editor")})).Code)
	// Output:
	// SELECT n.title FROM note n WHERE ("n"."tenant_id" = $1::text AND "n"."owner" = $2::text) [acme alice]
	// 204
}

// Fields are masked by rules too.
func ExampleFields() {
	s := newExampleService(invoiceRules)
	s.policy = listedEngine()
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy}))
	e.GET("/notes", func(c echo.Context) error {
		shown, err := authz.Fields(c.Request().Context(), "read", "note")
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprint("title: ", shown.Has("title"), ", owner: ", shown.Has("owner")))
	})

	fmt.Println(exampleRequest(e, "GET", "/notes", s.signIn(session.SignIn{Roles: session.MustRoles("editor")})).Body)
	// Output: title: true, owner: false
}
