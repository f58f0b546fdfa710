package token

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
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

// reservedClaims are claims that are no user, tenant, session, role or audience.
var reservedClaims = []string{"exp", "nbf", "iat", "jti", "cnf", "events", "nonce", "at_hash", "c_hash", "htm", "htu"}

// tokenNames are claims that name one token and not the session.
var tokenNames = []string{"jti", "uti", "event_id", "rti"}

// headerMember begins the name of a header member in Kind.
const headerMember = "header:"

// validateForeign reports every problem of what concerns a foreign issuer.
func (i *Issuer) validateForeign() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	f := i.Foreign
	if f == nil {
		for _, set := range []struct {
			is    bool
			field string
		}{
			{i.Tenants != nil, "Tenants"}, {i.EncodeTenants, "EncodeTenants"}, {i.UserPrefix != "", "UserPrefix"}, {i.SameAs != "", "SameAs"},
			{strings.ContainsAny(i.Name, "{}"), "Name: a template"},
		} {
			if set.is {
				add("%s: only an issuer with Foreign has one", set.field)
			}
		}
		return errs
	}
	if i.claimsGiven {
		add("TenantClaim, SessionClaim: Foreign.Tenant and Foreign.Session say it")
	}
	if i.OwnSessions {
		add("OwnSessions: a foreign issuer's sessions are its own")
	}
	accessTokens := true
	for _, t := range i.Types {
		accessTokens = accessTokens && trimApplication(t) == "at+jwt"
	}
	switch {
	case f.IDTokens && f.AudienceClaim != "":
		add("Foreign.AudienceClaim: an ID token has the client id in aud")
	case f.IDTokens && slices.ContainsFunc(i.Types, func(t string) bool { return trimApplication(t) == "at+jwt" }):
		add("Foreign.IDTokens: an at+jwt is no ID token: set Foreign.Types to JWT")
	case !f.IDTokens && !accessTokens && len(f.Kind) == 0:
		add("Foreign.Kind: required, since typ does not tell access tokens from others: name claims that only access tokens have")
	}
	errs = append(errs, f.validatePaths(i)...)
	errs = append(errs, f.validateRoles()...)
	return append(errs, i.validateTenants()...)
}

// validatePaths holds the paths against one another.
func (f *Foreign) validatePaths(i *Issuer) (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, p := range []struct{ field, path string }{
		{"Foreign.User", f.User}, {"Foreign.Tenant", f.Tenant}, {"Foreign.Session", f.Session}, {"Foreign.Roles", f.Roles},
		{"Foreign.AuthTime", f.AuthTime}, {"Foreign.ACR", f.ACR}, {"Foreign.AMR", f.AMR}, {"Foreign.AudienceClaim", f.AudienceClaim},
	} {
		if p.path == "" {
			continue
		}
		if _, err := parsePath(p.path); err != nil {
			add("%s: %w", p.field, err)
		}
		if slices.Contains(reservedClaims, p.path) || p.path == "aud" {
			add("%s: %s has a meaning of its own: name another claim", p.field, quote(p.path))
		}
	}
	if slices.Contains(tokenNames, f.Session) && f.Session != "jti" { // which is told above
		add("Foreign.Session: %s names a token, of which a session has many", quote(f.Session))
	}
	if f.User == "iss" {
		add("Foreign.User: iss is not a user")
	}
	if f.Tenant == "" && i.Tenant.IsZero() {
		add("Foreign.Tenant: required for an issuer without a Tenant")
	}
	if f.Tenant != "" && (f.Tenant == f.User || f.Tenant == f.Session) {
		add("Foreign.Tenant: the same as Foreign.User or Foreign.Session: name another claim")
	}
	if f.Session != "" && f.Session == f.User {
		add("Foreign.Session: the same as Foreign.User: leave it empty where tokens name no session")
	}
	for _, m := range []struct {
		field string
		texts map[string]string
	}{{"Foreign.Kind", f.Kind}, {"Foreign.Machine", f.Machine}} {
		for _, name := range slices.Sorted(maps.Keys(m.texts)) {
			member, inHeader := strings.CutPrefix(name, headerMember)
			_, err := parsePath(name)
			switch {
			case inHeader && (!printable(member, maxText) || refusedMember(member) || slices.Contains([]string{"alg", "kid", "typ"}, member)):
				add("%s: %s is not a header member that may be asked for", m.field, quote(name))
			case !inHeader && err != nil:
				add("%s: %w", m.field, err)
			case m.texts[name] == "":
				add("%s: %s has no text, and an empty one tells nothing apart", m.field, quote(name))
			}
		}
	}
	return errs
}

func (f *Foreign) validateRoles() (errs []error) {
	switch {
	case f.Roles != "" && len(f.RoleNames) == 0:
		errs = append(errs, errors.New("Foreign.RoleNames: required with Foreign.Roles: what it does not have is dropped"))
	case f.Roles == "" && f.RoleNames != nil:
		errs = append(errs, errors.New("Foreign.RoleNames: without Foreign.Roles"))
	}
	for _, theirs := range slices.Sorted(maps.Keys(f.RoleNames)) {
		if _, err := session.NewRoles(f.RoleNames[theirs]); err != nil || theirs == "" {
			errs = append(errs, fmt.Errorf("Foreign.RoleNames[%s]: %s is not a role", quote(theirs), quote(f.RoleNames[theirs])))
		}
	}
	return errs
}

// validateTenants is about the names of tenants and users that an issuer may use.
func (i *Issuer) validateTenants() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if i.Tenants != nil && (i.EncodeTenants || len(i.Tenants) == 0) {
		add("Tenants: beside EncodeTenants, or empty: an issuer has one way to name tenants")
	}
	if !i.Tenant.IsZero() && (i.Tenants != nil || i.EncodeTenants) {
		add("Tenant: beside Tenants or EncodeTenants: an issuer of one tenant names no other")
	}
	for _, name := range slices.Sorted(maps.Keys(i.Tenants)) {
		if name == "" || i.Tenants[name].IsZero() {
			add("Tenants[%s]: an empty name or the zero tenant", quote(name))
		}
	}
	if i.UserPrefix != "" {
		if _, err := session.ParseUserID(i.UserPrefix + "x"); err != nil || len(i.UserPrefix) > maxPrefix {
			add("UserPrefix: at most %d bytes that stand in user ids", maxPrefix)
		}
	}
	if i.SameAs == i.Name && i.SameAs != "" {
		add("SameAs: the issuer itself")
	}
	if strings.ContainsAny(i.Name, "{}") {
		switch _, _, ok := splitTemplate(i.Name); {
		case !ok:
			add("Name: a template has %s once, as a whole segment of the path", templateTenant)
		case i.Foreign.Tenant == "":
			add("Foreign.Tenant: required for a template, whose segment has to be that claim")
		case !i.Tenant.IsZero():
			add("Tenant: beside a template, which is of many tenants: name the one issuer")
		}
	}
	return errs
}

// maxPrefix is the longest UserPrefix, in bytes.
const maxPrefix = 64

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
