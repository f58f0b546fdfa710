package middleware

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// Locator reads which tenant a request says it is for, by its host, path or a header. The
// claim can only confirm the session's tenant, never grant one: a request whose claim is
// another tenant's is refused. found is false when the request says nothing. params are those of
// the matched route.
type Locator func(r *http.Request, params Params) (claim string, found bool, err error)

// TenantHeader reads the claim from a header, such as "X-Tenant". More than one such
// header is ambiguous.
func TenantHeader(name string) Locator {
	return func(r *http.Request, _ Params) (string, bool, error) {
		values := r.Header.Values(name)
		if len(values) > 1 {
			return "", false, fmt.Errorf("%w: %d headers name a tenant", ErrAmbiguousRequest, len(values))
		}
		if len(values) == 0 {
			return "", false, nil
		}
		return values[0], true, nil
	}
}

// TenantHost reads the claim from the host's first label below a domain: with
// "app.example.com", the host acme.app.example.com claims acme. The domain itself claims
// nothing; a host outside it, or deeper than one label, claims a tenant that nobody has.
// The host is that of the request which arrived. X-Forwarded-Host and its kin are not
// read, here or anywhere: a proxy in front passes the Host on.
func TenantHost(domain string) Locator {
	domain = strings.ToLower(strings.Trim(domain, "."))
	return func(r *http.Request, _ Params) (string, bool, error) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.ToLower(host)
		if host == domain {
			return "", false, nil
		}
		label, found := strings.CutSuffix(host, "."+domain)
		if !found {
			return host, true, nil
		}
		return label, true, nil
	}
}

// TenantParam reads the claim from a path parameter of the matched route: "tenant" for
// /t/:tenant/invoices, or /t/{tenant}/invoices of net/http. Routes without the parameter claim nothing.
func TenantParam(name string) Locator {
	return func(_ *http.Request, params Params) (string, bool, error) {
		claim, found := params.Param(name)
		return claim, found, nil
	}
}

// confirmTenant asks every locator and returns nil when each claim is the bound tenant.
func confirmTenant(r *http.Request, params Params, locators []Locator, bound tenant.ID) error {
	for _, locate := range locators {
		claim, found, err := locate(r, params)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if bound.IsZero() || claim != bound.String() {
			return fmt.Errorf("%w: the request names another tenant than the session", tenant.ErrMismatch)
		}
	}
	return nil
}
