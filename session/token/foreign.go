package token

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// foreignAhead is how far ahead of our clock a foreign issuer's iat and auth_time may be.
// Revocations are compared with them: a token from the future would outlive its revocation.
const foreignAhead = 5 * time.Second

// Foreign says where the tokens of another identity provider have what a session needs. It is
// data: there are literals for many providers, such as [Keycloak] and [EntraID], and one's own
// is written in the same way.
//
// A path is the name of a claim, "org_id" or "https://example.com/tenant", or a JSON pointer
// (RFC 6901) to a claim within claims, "/app_metadata/tenant", which begins with a slash. Names
// are exact. An array is not descended into.
//
// A token of a foreign issuer names a stranger, see [Verified.Stranger], and no session: Ref
// of it is zero.
type Foreign struct {
	// Types are the accepted values of the typ header where Issuer.Types says nothing. The
	// empty text is a token without one. Default: those of an OAuth 2.0 access token (RFC 9068),
	// "at+jwt" and "application/at+jwt".
	Types []string

	// Kind tells access tokens from all else that the issuer signs with the same keys: each
	// claim, or member of the JOSE header written as "header:cat", has exactly that text. In
	// the claims scope and scp, which are lists, it is one of the words. Required unless all of
	// Types are those of RFC 9068, or IDTokens is set.
	//
	// An issuer that signs one kind of token alone, as a cluster of Kubernetes does, has its own
	// name here: {"iss": "https://kubernetes.default.svc"}. That is a claim about the issuer,
	// not a check of the token.
	Kind map[string]string

	// IDTokens accepts ID tokens, and nothing else: Issuer.Audience is the client id under
	// which this service signs users in. A token for several audiences has to name the client in
	// azp, an azp of another client is refused unless Kind names it, and so is whatever has a
	// scope. Prefer access tokens: an ID token is meant for the client alone.
	IDTokens bool

	// AudienceClaim takes the place of aud for issuers that write none: a claim, a text that
	// must be Issuer.Audience exactly, such as the client_id of Cognito.
	AudienceClaim string

	// User is the path of the user, by default "sub". Take a claim that the issuer never gives
	// to somebody else: no name, no e-mail address.
	User string

	// Tenant is the path of the tenant: a text, or an array of exactly one. It may be empty only
	// for an issuer with a Tenant. See [Issuer.Tenants] and [Issuer.EncodeTenants] for names
	// that are no tenant ids.
	Tenant string

	// Session is the path of the provider's name for the session, such as "sid". Without one, or
	// where a token has none, a user has one session for the issuer, and an end of it can be told
	// from a new sign-in only by the AuthTime. jti and the like, which name a token, are errors.
	Session string

	// Roles is the path of the roles: an array of texts, one text, or an object whose names are
	// the roles. With it the token is the authority of roles; empty means that the service is.
	Roles string

	// RoleNames maps the provider's roles to those of the service. Required with Roles. Roles
	// that it does not have are dropped.
	RoleNames map[string]string

	// AuthTime, ACR and AMR are the paths of when and how the user signed in (OpenID Connect Core
	// §2): a number, a text, and an array of texts. Empty means that tokens do not say, or not in
	// this form.
	AuthTime, ACR, AMR string

	// Machine are claims, as in Kind, by which a token is known that a client has for itself:
	// all of them have to be as said. Default: nil, no token is.
	Machine map[string]string

	// IgnoreJKU accepts tokens whose header has a jku, which is never fetched: keys are those of
	// Issuer.Keys. Of the members that are refused (jwk, jku, x5u, x5c, crit, b64, zip, enc, cty)
	// it is the one that an issuer may be allowed.
	IgnoreJKU bool
}

// clone returns a copy with its defaults that shares nothing with the caller's.
func (f *Foreign) clone() *Foreign {
	if f == nil {
		return nil
	}
	c := *f
	c.Types, c.Kind, c.RoleNames, c.Machine = slices.Clone(f.Types), maps.Clone(f.Kind), maps.Clone(f.RoleNames), maps.Clone(f.Machine)
	if c.User == "" {
		c.User = "sub"
	}
	return &c
}

// conflict returns what is wrong with two foreign issuers beside one another, nil for nothing.
func (i *Issuer) conflict(other *Issuer) error {
	if i.sameProvider(other) && i.SameAs != "" && other.SameAs != "" {
		return fmt.Errorf("SameAs: issuer %s has one too: name one issuer of the provider in the entries of all others, and none in its own", quote(other.Name))
	}
	if i.sameProvider(other) || i.Foreign == nil || other.Foreign == nil {
		return nil
	}
	t, common := i.commonTenant(other)
	if common && (strings.HasPrefix(i.UserPrefix, other.UserPrefix) || strings.HasPrefix(other.UserPrefix, i.UserPrefix)) {
		return fmt.Errorf("UserPrefix: issuer %s can name users of %s too: give each a prefix, neither of which begins the other, or say with SameAs that they are one provider's", quote(other.Name), t)
	}
	return nil
}

// provider returns the name by which the provider is known that signed a token with the claim iss:
// that of the issuer which SameAs names, so that a sign-in which has ended for one of its two names
// has ended for the other, and otherwise iss. Of two templates it is the other's for the tenant of
// iss; a template beside one issuer is the provider of more than that.
func (i *Issuer) provider(iss string) string {
	segment, of := i.segment(iss)
	switch templates := strings.Contains(i.SameAs, templateTenant); {
	case i.SameAs == "" || of != templates:
		return iss
	case templates:
		return strings.Replace(i.SameAs, templateTenant, segment, 1)
	}
	return i.SameAs
}

// sameProvider reports whether one of the two says that they are of one provider.
func (i *Issuer) sameProvider(other *Issuer) bool {
	return i.Foreign != nil && other.Foreign != nil && (i.SameAs == other.Name || other.SameAs == i.Name)
}

// commonTenant returns a tenant that both issuers can name.
func (i *Issuer) commonTenant(other *Issuer) (name string, ok bool) {
	mine, all := i.tenants()
	theirs, every := other.tenants()
	switch {
	case all && every:
		return "every tenant", true
	case all:
		mine = theirs
	case !every:
		mine = slices.DeleteFunc(mine, func(t tenant.ID) bool { return !slices.Contains(theirs, t) })
	}
	if len(mine) == 0 {
		return "", false
	}
	return "the tenant " + mine[0].String(), true
}

// tenants returns the tenants that an issuer can name, or that it can name any.
func (i *Issuer) tenants() (some []tenant.ID, all bool) {
	switch {
	case !i.Tenant.IsZero():
		return []tenant.ID{i.Tenant}, false
	case i.Tenants != nil:
		return slices.SortedFunc(maps.Values(i.Tenants), func(a, b tenant.ID) int { return strings.Compare(a.String(), b.String()) }), false
	}
	return nil, true
}

// alike returns an error for two tenants, of this issuer and another or of this one alone, that
// differ by the case of letters alone: one of them is a mistake.
func (i *Issuer) alike(other *Issuer) error {
	mine, _ := i.tenants()
	theirs, _ := other.tenants()
	for _, a := range mine {
		for _, b := range theirs {
			if a != b && tenant.EqualFold(a, b) {
				field := "Tenants"
				if !i.Tenant.IsZero() {
					field = "Tenant"
				}
				return fmt.Errorf("%s: %s and %s differ by case alone: tenants are compared exactly, so one of them is nobody's", field, min(a.String(), b.String()), max(a.String(), b.String()))
			}
		}
	}
	return nil
}
