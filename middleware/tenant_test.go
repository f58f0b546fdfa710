package middleware_test

import (
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/middleware"
)

func TestTenantHost(t *testing.T) {
	locate := middleware.TenantHost("App.Example.com.")
	for host, want := range map[string]string{
		"acme.app.example.com":      "acme",
		"ACME.app.example.com:8443": "acme",
		"app.example.com":           "",
		"a.b.app.example.com":       "a.b", // not an id: confirms no tenant
		"evilapp.example.com":       "evilapp.example.com",
		"app.example.com.evil.test": "app.example.com.evil.test",
		"127.0.0.1:80":              "127.0.0.1",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		got, found, err := locate(echo.New().NewContext(r, nil))
		if err != nil || got != want || found != (want != "") {
			t.Errorf("%s: got %q, %v, %v", host, got, found, err)
		}
	}
}

func TestTenantHeader(t *testing.T) {
	locate := middleware.TenantHeader("X-Tenant")
	r := httptest.NewRequest("GET", "/", nil)
	c := echo.New().NewContext(r, nil)
	if _, found, err := locate(c); found || err != nil {
		t.Errorf("no header: %v, %v", found, err)
	}
	r.Header.Set("X-Tenant", "")
	if got, found, err := locate(c); got != "" || !found || err != nil {
		t.Errorf("an empty header says something: %q, %v, %v", got, found, err)
	}
	r.Header.Add("X-Tenant", "acme")
	if _, _, err := locate(c); !errors.Is(err, middleware.ErrAmbiguousRequest) {
		t.Errorf("two headers: %v", err)
	}
}

func TestTenantParam(t *testing.T) {
	e := echo.New()
	locate := middleware.TenantParam("tenant")
	var got string
	var found bool
	h := func(c echo.Context) (err error) { got, found, err = locate(c); return err }
	e.GET("/t/:tenant/x", h)
	e.GET("/me", h)
	serve(e, httptest.NewRequest("GET", "/t/acme/x", nil))
	if got != "acme" || !found {
		t.Errorf("got %q, %v", got, found)
	}
	serve(e, httptest.NewRequest("GET", "/me", nil))
	if got != "" || found {
		t.Errorf("a route without the parameter says %q, %v", got, found)
	}
}
