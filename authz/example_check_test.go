package authz_test

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

const invoiceRules = `
p, role:editor, *, /invoices/:id, GET, true, allow
p, role:editor, *, /invoices/:id, PUT, true, allow
p, role:editor, *, invoice, read, true, allow
p, role:editor, *, invoice, update, r.obj.owner == r.sub.id, allow
`

// loadInvoice stands for the service's database: invoice 1 is alice's and 2 bob's.
func loadInvoice(id string) authz.Object {
	owner := map[string]string{"1": "alice", "2": "bob"}[id]
	return authz.Object{Type: "invoice", ID: id, Tenant: tenant.MustParse("acme"), Attributes: authz.Values{"owner": owner}}
}

// A handler that has loaded an object asks about it, and returns the error as it is.
func ExampleCheck() {
	s := newExampleService(invoiceRules)
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy}))
	e.PUT("/invoices/:id", func(c echo.Context) error {
		if _, err := authz.Check(c.Request().Context(), "update", loadInvoice(c.Param("id"))); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})

	alice := s.signIn(session.SignIn{Roles: session.MustRoles("editor")})
	fmt.Println(exampleRequest(e, "PUT", "/invoices/1", alice).Code, exampleRequest(e, "PUT", "/invoices/2", alice).Code)
	// Output: 204 403
}

// An answer may depend on what the caller may do. Can refuses nothing by itself.
func ExampleCan() {
	s := newExampleService(invoiceRules)
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy}))
	e.GET("/invoices/:id", func(c echo.Context) error {
		editable := authz.Can(c.Request().Context(), "update", loadInvoice(c.Param("id")))
		return c.String(http.StatusOK, fmt.Sprint("editable: ", editable))
	})

	alice := s.signIn(session.SignIn{Roles: session.MustRoles("editor")})
	fmt.Println(exampleRequest(e, "GET", "/invoices/1", alice).Body)
	fmt.Println(exampleRequest(e, "GET", "/invoices/2", alice).Body)
	// Output:
	// editable: true
	// editable: false
}

// A route whose object is known before its handler runs. To a caller who may not read the
// object, HideExistence says that there is none.
func ExampleRequire() {
	s := newExampleService(invoiceRules)
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{
		Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy, HideExistence: authz.HideAlways(),
	}))
	update := authz.Require("update", func(c echo.Context) (authz.Object, error) { return loadInvoice(c.Param("id")), nil })
	e.PUT("/invoices/:id", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, update)

	alice := s.signIn(session.SignIn{Roles: session.MustRoles("editor")})
	fmt.Println(exampleRequest(e, "PUT", "/invoices/1", alice).Code, exampleRequest(e, "PUT", "/invoices/2", alice).Code)
	// Output: 204 404
}
