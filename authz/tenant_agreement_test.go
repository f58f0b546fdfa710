package authz_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/tenant"
)

// certificate is a connection of a client whose certificate has these names; verified says
// whether the server has verified it.
func certificate(verified bool, names ...string) *tls.ConnectionState {
	c := &x509.Certificate{}
	for _, name := range names {
		if u, err := url.Parse(name); err == nil && u.Scheme != "" {
			c.URIs = append(c.URIs, u)
			continue
		}
		c.DNSNames = append(c.DNSNames, name)
	}
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
	if verified {
		state.VerifiedChains = [][]*x509.Certificate{{c}}
	}
	return state
}

// sources are where a request says which tenant it is for, beside its token.
var sources = []struct {
	name   string
	locate middleware.Locator
}{
	{"host", middleware.TenantHost("app.test")},
	{"path", middleware.TenantParam("tenant")},
	{"header", middleware.TenantHeader("X-Tenant")},
	{"certificate", middleware.TenantCertificate("spiffe://app.test/tenant/{tenant}")},
}

// TestEveryPlaceThatNamesATenantAgreesOrTheRequestIsRefused goes through each set of sources that
// a service believes, with a token and without, and in each source what agrees, another tenant's
// name, nothing, and what is no tenant's name. Nobody learns from the answer whether there is
// such a tenant.
func TestEveryPlaceThatNamesATenantAgreesOrTheRequestIsRefused(t *testing.T) {
	const (
		absent = iota
		equal
		foreign
		unknown
		suspended
		malformed
		says // their number
	)
	texts := [says]string{"", "acme", "globex", "initech", "umbrella", "ac.me"}
	cases, body := 0, ""
	for set := range 1 << len(sources) {
		var believed []middleware.Locator
		for i, p := range sources {
			if set>>i&1 == 1 {
				believed = append(believed, p.locate)
			}
		}
		w := newFixture(t, func(c *authz.Config) {
			c.Tenant = believed
			c.Policy = engine(t, rules+"p, role:authenticated, *, /t/:tenant/me, GET, true, allow\n")
			c.Observer = nil
		})
		if err := w.manager.SetTenantStatus(t.Context(), tenant.MustParse("umbrella"), tenant.Suspended); err != nil {
			t.Fatal(err)
		}
		w.echo.GET("/t/:tenant/me", func(c echo.Context) error { return c.NoContent(204) })
		bearer, _ := w.login(acme, alice)
		for number := range says * says * says * says {
			said := [4]int{number % says, number / says % says, number / says / says % says, number / says / says / says}
			agree, skip := true, false
			for i, s := range said {
				inSet := set>>i&1 == 1
				skip = skip || !inSet && s != absent && s != foreign // what nobody believes is tried with one value
				agree = agree && (!inSet || s == absent || s == equal)
			}
			if skip {
				continue
			}
			for _, token := range []string{bearer, ""} {
				cases++
				target, want := "/me", 200
				if said[1] != absent {
					target, want = "/t/"+texts[said[1]]+"/me", 204
				}
				r := httptest.NewRequest("GET", target, nil)
				r.Host = "app.test"
				if said[0] != absent {
					r.Host = texts[said[0]] + ".app.test"
				}
				if said[2] != absent {
					r.Header.Set("X-Tenant", texts[said[2]])
				}
				if said[3] != absent {
					r.TLS = certificate(true, "spiffe://app.test/tenant/"+texts[said[3]])
				}
				switch {
				case token == "":
					want = 401 // nothing but a token grants a tenant
				case !agree:
					want = 403
				}
				if token != "" {
					r.Header.Set("Authorization", "Bearer "+token)
				}
				rec := w.serve(r)
				if rec.Code != want {
					t.Fatalf("places %04b say %v, token %v: %d %s, want %d", set, said, token != "", rec.Code, rec.Body, want)
				}
				if want != 403 {
					continue
				}
				if body == "" {
					body = rec.Body.String()
				}
				if rec.Body.String() != body || strings.Contains(body, "tenant") {
					t.Fatalf("places %04b say %v: %s, and others are told %s", set, said, rec.Body, body)
				}
			}
		}
	}
	if cases < 1<<5*4 {
		t.Errorf("%d cases: the table is broken", cases)
	}
	t.Logf("%d cases", cases)
}

func TestATenantIsReadFromAVerifiedCertificateAlone(t *testing.T) {
	const uri, dns = "spiffe://app.test/tenant/{tenant}/api", "{tenant}.clients.test"
	for name, row := range map[string]struct {
		pattern string
		state   *tls.ConnectionState
		claim   string
		found   bool
	}{
		"plain HTTP":                    {uri, nil, "", false},
		"no certificate":                {uri, &tls.ConnectionState{}, "", false},
		"a URI":                         {uri, certificate(true, "spiffe://app.test/tenant/acme/api"), "acme", true},
		"not verified":                  {uri, certificate(false, "spiffe://app.test/tenant/acme/api"), "?", true},
		"no names":                      {uri, certificate(true), "?", true},
		"another trust domain":          {uri, certificate(true, "spiffe://evil.test/tenant/acme/api"), "?", true},
		"another path":                  {uri, certificate(true, "spiffe://app.test/tenant/acme/api/x"), "?", true},
		"two segments":                  {uri, certificate(true, "spiffe://app.test/tenant/acme/b/api"), "?", true},
		"an empty segment":              {uri, certificate(true, "spiffe://app.test/tenant//api"), "?", true},
		"a query":                       {uri, certificate(true, "spiffe://app.test/tenant/acme?/api"), "?", true},
		"two that differ":               {uri, certificate(true, "spiffe://app.test/tenant/acme/api", "spiffe://app.test/tenant/globex/api"), "?", true},
		"two that are one":              {uri, certificate(true, "spiffe://app.test/tenant/acme/api", "spiffe://app.test/tenant/acme/api"), "acme", true},
		"beside another name":           {uri, certificate(true, "spiffe://evil.test/x", "spiffe://app.test/tenant/acme/api", "acme.clients.test"), "acme", true},
		"an escape is not another name": {uri, certificate(true, "spiffe://app.test/tenant/%61cme/api"), "%61cme", true},
		"a DNS name":                    {dns, certificate(true, "ACME.clients.TEST"), "acme", true},
		"a label more":                  {dns, certificate(true, "a.acme.clients.test"), "?", true},
		"a wildcard":                    {dns, certificate(true, "*.clients.test"), "?", true},
		"the domain alone":              {dns, certificate(true, "clients.test"), "?", true},
		"a URI where a DNS name counts": {dns, certificate(true, "spiffe://app.test/tenant/acme/api"), "?", true},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.TLS = row.state
		claim, found, err := middleware.TenantCertificate(row.pattern)(r, nil)
		if claim != row.claim || found != row.found || err != nil {
			t.Errorf("%s: %q, %v, %v", name, claim, found, err)
		}
		if _, err := tenant.Parse(claim); row.claim == "?" && err == nil {
			t.Errorf("%s: %q is a tenant that somebody may have", name, claim)
		}
	}
	for _, pattern := range []string{"", "spiffe://app.test/tenant", "{tenant}", "{tenant}.", "x.{tenant}.test", "x{tenant}.test", "{tenant}.{tenant}.test", "spiffe://{tenant}/x", "spiffe://app.test/x{tenant}", "spiffe://app.test/{tenant}x"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("the pattern %q is taken", pattern)
				}
			}()
			middleware.TenantCertificate(pattern)
		}()
	}
}
