package forwardauth

import (
	"net/http"
	"strings"

	"github.com/reevehq/reeve/authz"
)

// The headers by which a proxy tells a program who asks. Bytes other than letters, digits and
// - . _ ~ : @ | / * are percent-encoded in their values, so that no value holds a comma, a line
// break or a character that is not ASCII.
const (
	TenantHeader  = "X-Reeve-Tenant"  // the caller's tenant
	UserHeader    = "X-Reeve-User"    // the caller, within that tenant
	RolesHeader   = "X-Reeve-Roles"   // their roles, with a comma between two
	ActorHeader   = "X-Reeve-Actor"   // the one who acts as the caller, where somebody does
	SessionHeader = "X-Reeve-Session" // a digest of the session's id, for logs
	RouteHeader   = "X-Reeve-Route"   // the template that was decided on
	EdgeHeader    = authz.EdgeHeader  // "1" where it was decided in an outage: see [authz.Config].InsecureEdge
)

// Headers returns the names of all of them. A proxy sets or removes each on every request.
func Headers() []string {
	return []string{TenantHeader, UserHeader, RolesHeader, ActorHeader, SessionHeader, RouteHeader, EdgeHeader}
}

// identity is who asks, and for which route.
type identity struct{ tenant, user, roles, actor, session, route, edge string }

func identityOf(c *authz.Caller, route string) identity {
	id := identity{route: escape(route)}
	s, signedIn := c.Session()
	if !signedIn {
		return id
	}
	if c.Edge() {
		id.edge = "1"
	}
	id.tenant, id.user, id.session = escape(s.Tenant.String()), escape(s.User.String()), escape(s.ID.Fingerprint())
	var roles []string
	for name := range s.Roles.All() {
		roles = append(roles, escape(name))
	}
	id.roles = strings.Join(roles, ",")
	if actor, acts := s.Actors.Current(); acts {
		id.actor = escape(actor.User.String())
	}
	return id
}

// header returns the headers of an answer that allows, with the nonce of the guard's answer.
func (i identity) header(of http.Header) http.Header {
	h := http.Header{
		TenantHeader: {i.tenant}, UserHeader: {i.user}, RolesHeader: {i.roles},
		ActorHeader: {i.actor}, SessionHeader: {i.session}, RouteHeader: {i.route}, EdgeHeader: {i.edge},
	}
	if nonce, ok := of["Dpop-Nonce"]; ok {
		h["Dpop-Nonce"] = nonce
	}
	return h
}

// escape percent-encodes what cannot stand in a header, or would end a value in a list.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~:@|/*", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
