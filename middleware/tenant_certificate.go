package middleware

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
)

// tenantPlaceholder stands for the tenant in the pattern of [TenantCertificate].
const tenantPlaceholder = "{tenant}"

// certificateNobody is the claim of a certificate that names no tenant: no tenant has the name.
const certificateNobody = "?"

// TenantCertificate reads the claim from the client's certificate: from its names of the pattern,
// in which {tenant} stands for one segment of the path of a URI, or the first label of a DNS name:
//
//	middleware.TenantCertificate("spiffe://example.org/tenant/{tenant}/service")
//	middleware.TenantCertificate("{tenant}.clients.example.com")
//
// Only subject alternative names count (RFC 9525 §2), of a certificate that the TLS server has
// verified: with tls.VerifyClientCertIfGiven or tls.RequireAndVerifyClientCert. A request without
// a certificate claims nothing; require one by the TLS config where one is needed. A certificate
// that was not verified, has no such name, or has several that differ, claims a tenant that nobody
// has. Behind a proxy that ends TLS there is no certificate, and no header is read in its place.
//
// It panics on a pattern without {tenant}, with more than one, or with it elsewhere.
func TenantCertificate(pattern string) Locator {
	before, after, ok := strings.Cut(pattern, tenantPlaceholder)
	uri := strings.Contains(pattern, "://")
	switch {
	case !ok || strings.Contains(after, tenantPlaceholder):
		panic(fmt.Sprintf("middleware: TenantCertificate: %q has not one %s", pattern, tenantPlaceholder))
	case uri && (!strings.HasSuffix(before, "/") || strings.HasSuffix(before, "://") || after != "" && after[0] != '/'):
		panic(fmt.Sprintf("middleware: TenantCertificate: in %q %s is not a segment of the path", pattern, tenantPlaceholder))
	case !uri && (before != "" || len(after) < 2 || after[0] != '.'):
		panic(fmt.Sprintf("middleware: TenantCertificate: in %q %s is not the first label", pattern, tenantPlaceholder))
	}
	if !uri {
		after = strings.ToLower(after)
	}
	return func(r *http.Request, _ Params) (string, bool, error) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			return "", false, nil
		}
		if len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
			return certificateNobody, true, nil
		}
		claim := ""
		for _, name := range certificateNames(r.TLS.VerifiedChains[0][0], uri) {
			name, found := strings.CutPrefix(name, before)
			if name, found = cutSuffix(name, after, found); !found || name == "" || strings.ContainsAny(name, "/.*?#") {
				continue
			}
			if claim != "" && claim != name {
				return certificateNobody, true, nil
			}
			claim = name
		}
		if claim == "" {
			claim = certificateNobody
		}
		return claim, true, nil
	}
}

func cutSuffix(name, suffix string, found bool) (string, bool) {
	if !found {
		return "", false
	}
	return strings.CutSuffix(name, suffix)
}

// certificateNames are the names of a certificate: its URIs, or its DNS names in lower case, in
// which case means nothing (RFC 4343).
func certificateNames(c *x509.Certificate, uri bool) []string {
	var names []string
	if uri {
		for _, u := range c.URIs {
			names = append(names, u.String())
		}
		return names
	}
	for _, name := range c.DNSNames {
		names = append(names, strings.ToLower(name))
	}
	return names
}
