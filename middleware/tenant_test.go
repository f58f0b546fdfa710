package middleware_test

import (
	"errors"
	"net/http/httptest"
	"testing"

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
		got, found, err := locate(r, nil)
		if err != nil || got != want || found != (want != "") {
			t.Errorf("%s: got %q, %v, %v", host, got, found, err)
		}
	}
}

func TestTenantHeader(t *testing.T) {
	locate := middleware.TenantHeader("X-Tenant")
	r := httptest.NewRequest("GET", "/", nil)
	if _, found, err := locate(r, nil); found || err != nil {
		t.Errorf("no header: %v, %v", found, err)
	}
	r.Header.Set("X-Tenant", "")
	if got, found, err := locate(r, nil); got != "" || !found || err != nil {
		t.Errorf("an empty header says something: %q, %v, %v", got, found, err)
	}
	r.Header.Add("X-Tenant", "acme")
	if _, _, err := locate(r, nil); !errors.Is(err, middleware.ErrAmbiguousRequest) {
		t.Errorf("two headers: %v", err)
	}
}

type params map[string]string

func (p params) Param(name string) (string, bool) { value, ok := p[name]; return value, ok }

func TestTenantParam(t *testing.T) {
	locate, r := middleware.TenantParam("tenant"), httptest.NewRequest("GET", "/t/acme/x", nil)
	if got, found, err := locate(r, params{"tenant": "acme"}); got != "acme" || !found || err != nil {
		t.Errorf("got %q, %v, %v", got, found, err)
	}
	if got, found, err := locate(r, params{"id": "acme"}); got != "" || found || err != nil {
		t.Errorf("a route without the parameter says %q, %v, %v", got, found, err)
	}
}
