package token

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// Limits and defaults of an [Issuer].
const (
	defaultLeeway       = 60 * time.Second
	maxLeeway           = 300 * time.Second
	defaultMaxLifetime  = 24 * time.Hour
	longestMaxLifetime  = 31 * 24 * time.Hour
	defaultTenantClaim  = "tenant"
	defaultSessionClaim = "sid"

	maxText = 255 // bytes of an issuer, audience, type, claim name, jti or client_id
)

// Issuer says what is trusted, and how far, of the tokens of one issuer. Nothing of it
// applies to another: a key, an algorithm or a type accepted here is accepted here alone.
type Issuer struct {
	// Name is the exact value of the iss claim. Required. It is compared byte by byte:
	// a trailing slash, a port or another case is another issuer. Printable ASCII, at
	// most 255 bytes.
	//
	// With Foreign it may be a template of a provider that has an issuer for each tenant and
	// the same keys for all: "https://login.microsoftonline.com/{tenant}/v2.0". The segment
	// has letters, digits, '-' and '_', and has to be what stands in Foreign.Tenant.
	Name string

	// Audience names this service. Required. The aud claim must be this text, or an array
	// of strings that contains it. Printable ASCII, at most 255 bytes.
	Audience string

	// Algorithms are those the issuer signs with. Required. One of HMAC cannot stand beside
	// another: its secret must never be mistaken for a public key, nor the reverse.
	Algorithms []Algorithm

	// Keys finds the issuer's keys. Required. A source serves one issuer; the same one in
	// two entries is an error.
	Keys KeySource

	// Types are the accepted values of the typ header, by default the two spellings of an
	// OAuth 2.0 access token (RFC 9068), "at+jwt" and "application/at+jwt". Other kinds of
	// token, signed by the same keys, differ in nothing else. Add "JWT" for an issuer that
	// types its access tokens so; ID tokens are then told apart by their audience and the claims only they have.
	// Compared without regard to the case of ASCII letters, as media types are (RFC 7515
	// §4.1.9), and otherwise exactly. dpop+jwt, logout+jwt and secevent+jwt are
	// errors, and so is the empty text, but for an issuer with Foreign, whose tokens may have no
	// typ; Foreign.Types says the default there.
	Types []string

	// Leeway is how far the issuer's clock may be from ours. It extends exp and moves nbf
	// and iat. Default 60 s, at most 300 s; negative means none.
	Leeway time.Duration

	// MaxLifetime is the longest accepted time from iat to exp. It bounds the harm of an
	// issuer that forgets to expire its tokens and, with exp, the age of any token. Default
	// 24 h, at least 1 s, at most 31 days; a fraction of a second is cut off.
	MaxLifetime time.Duration

	// Tenant is the one tenant whose users the issuer signs in: set it for an issuer that a
	// customer brings along. A token that names another in the TenantClaim is refused, and one
	// that names none is about this one. Zero means that tokens name it, and that the issuer is
	// believed of every tenant.
	Tenant tenant.ID

	// TenantClaim and SessionClaim name the claims, both strings, that hold the tenant and
	// the session id. Defaults "tenant" and "sid". Change them to what the issuer calls
	// them, for example "https://example.com/tenant". Printable ASCII, at most 255 bytes,
	// neither the other nor a registered claim.
	TenantClaim, SessionClaim string

	// OwnSessions says that the session ids in the issuer's logout tokens are ours, as those of
	// a [Signer] are: [Signer.Issuer] sets it. Any other provider names its own sessions in
	// them, and a name that happens to have the form of a session id of ours names none.
	OwnSessions bool

	// Foreign says where the tokens of another identity provider have the user, the tenant and
	// the session, in the provider's own names. Its tokens name no session of ours: see
	// [Verified.Stranger]. Default: nil, the issuer's tokens are like those of a [Signer].
	//
	// The fields below are for an issuer with Foreign, but for MaxLength, Header and Logout.
	Foreign *Foreign

	// Tenants maps the provider's names of tenants to ours; a name that it does not have is
	// refused. Without it a name has to be a tenant id as it is, letter for letter, unless
	// EncodeTenants is set, which takes any name through [tenant.Encode].
	Tenants       map[string]tenant.ID
	EncodeTenants bool

	// UserPrefix begins the ids of the issuer's users. Two foreign issuers that can name the
	// same tenant need one each, since "1001" of one is another person than "1001" of the other.
	// At most 64 bytes.
	UserPrefix string

	// SameAs is the Name of another issuer of the same provider, such as those of versions 1 and
	// 2 of Entra ID, or a domain of one's own beside the provider's: the two may have one source of
	// keys and have the same users and sessions. It is said in one of the two entries, and both are
	// one provider then: [session.Stranger].Issuer is that name for tokens of either.
	SameAs string

	// Opaque verifies the issuer's tokens that are no JWT, by asking it. Algorithms and Keys are
	// not required then; with both, the issuer's JWTs are accepted too. Default: nil.
	Opaque *Introspector

	// Header is the one header, other than Authorization, in which the issuer's tokens come,
	// such as Cf-Access-Jwt-Assertion; see [Verifier.VerifyHeader]. Default: "", they come as
	// bearer tokens and cookies do, and in no header of their own.
	Header string

	// MaxLength is the longest token of the issuer, in bytes. Default [MaxLength], at most
	// [LongestMaxLength].
	MaxLength int

	// Logout accepts the issuer's logout tokens too, see [Verifier.VerifyLogout]. Default:
	// nil, none is accepted.
	Logout *LogoutConfig

	claimsGiven bool // TenantClaim or SessionClaim was
}

// claimsWithMeaning are the names that TenantClaim and SessionClaim cannot take.
var claimsWithMeaning = slices.Concat([]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "cnf"}, foreignClaims)

// foreignTypes are the typ values of tokens that are never a credential by themselves.
var foreignTypes = []string{"dpop+jwt", "logout+jwt", "secevent+jwt"}

// withDefaults returns a copy that shares no slice with the caller's.
func (i Issuer) withDefaults() Issuer {
	i.Algorithms = canonicalOf(i.Algorithms)
	i.Logout = i.Logout.withDefaults(i.Tenant)
	i.Foreign, i.Tenants = i.Foreign.clone(), maps.Clone(i.Tenants)
	i.claimsGiven = i.TenantClaim != "" || i.SessionClaim != ""
	i.Header = http1(i.Header)
	if i.MaxLength == 0 {
		i.MaxLength = MaxLength
	}
	types := i.Types
	if len(types) == 0 && i.Foreign != nil {
		types = i.Foreign.Types
	}
	if len(types) == 0 {
		types = []string{"at+jwt", "application/at+jwt"}
	}
	i.Types = make([]string, len(types))
	for n, t := range types {
		i.Types[n] = asciiLower(t)
	}
	if i.Leeway == 0 {
		i.Leeway = defaultLeeway
	}
	if i.MaxLifetime == 0 {
		i.MaxLifetime = defaultMaxLifetime
	}
	if i.TenantClaim == "" {
		i.TenantClaim = defaultTenantClaim
	}
	if i.SessionClaim == "" {
		i.SessionClaim = defaultSessionClaim
	}
	return i
}

// validate reports every problem of an issuer with its defaults, each beginning with the
// name of its field.
func (i *Issuer) validate() []error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	errs = append(errs, checkText("Name", i.Name), checkText("Audience", i.Audience))
	opaque := i.Opaque != nil && len(i.Algorithms) == 0 && i.Keys == nil
	if len(i.Algorithms) == 0 && !opaque {
		add("Algorithms: required")
	}
	for n, a := range i.Algorithms {
		if !a.known() {
			add("Algorithms: %s is not one of %s", quote(string(a)), algorithmsThat(Algorithm.known))
		}
		if slices.Contains(i.Algorithms[:n], a) {
			add("Algorithms: %s twice", quote(string(a)))
		}
	}
	if n := slices.IndexFunc(i.Algorithms, Algorithm.symmetric); n >= 0 && len(i.Algorithms) > 1 {
		add("Algorithms: %s cannot be mixed with another", i.Algorithms[n])
	}
	if !opaque {
		errs = append(errs, i.validateKeys())
	}
	for _, t := range i.Types {
		if !printable(t, maxText) && (t != "" || i.Foreign == nil) {
			add("Types: %s is not a type", quote(t))
		}
		if slices.Contains(foreignTypes, t) || slices.Contains(foreignTypes, trimApplication(t)) {
			add("Types: %s is not a credential", quote(t))
		}
	}
	if i.Leeway > maxLeeway {
		add("Leeway: %v, at most %v is allowed", i.Leeway, maxLeeway)
	}
	if i.MaxLifetime < time.Second || i.MaxLifetime > longestMaxLifetime {
		add("MaxLifetime: %v, 1s to %v is allowed", i.MaxLifetime, longestMaxLifetime)
	}
	errs = append(errs, i.Logout.validate(i.Tenant)...)
	errs = append(errs, i.validateForeign()...)
	errs = append(errs, i.validateOpaque()...)
	errs = append(errs, i.validateHeader())
	if i.MaxLength < 1 || i.MaxLength > LongestMaxLength {
		add("MaxLength: %d, 1 to %d bytes are allowed", i.MaxLength, LongestMaxLength)
	}
	return append(errs, checkClaimNames(i.TenantClaim, i.SessionClaim)...)
}

// problems reports what is wrong with an entry among those of others, of which it may be
// one itself.
func (i *Issuer) problems(others map[string]*Issuer) []error {
	errs := append(i.validate(), i.alike(i))
	for _, name := range slices.Sorted(maps.Keys(others)) {
		if name == i.Name {
			continue
		}
		other := others[name]
		errs = append(errs, i.conflict(other), i.alike(other))
		if i.asks() && other.asks() && i.Opaque.get().form.overlaps(&other.Opaque.get().form) {
			errs = append(errs, fmt.Errorf("Opaque: a text of its Form may be of issuer %s too: give one of them a Prefix", quote(name)))
		}
		if sameSource(other.Keys, i.Keys) && !i.sameProvider(other) {
			return append(errs, errors.New("Keys: the source of another issuer"))
		}
	}
	return errs
}

func (i *Issuer) validateKeys() error {
	if i.Keys == nil {
		return errors.New("Keys: required")
	}
	if v := reflect.ValueOf(i.Keys); v.Kind() == reflect.Pointer && v.IsNil() {
		return errors.New("Keys: a nil pointer")
	}
	set, ok := i.Keys.(*KeySet)
	if !ok {
		return nil
	}
	for _, k := range set.ordered {
		if slices.Contains(i.Algorithms, k.Algorithm()) {
			return nil
		}
	}
	return errors.New("Keys: no key for any of Algorithms")
}

// sameSource reports whether two issuers would ask one source of keys.
func sameSource(a, b KeySource) bool {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	return va.IsValid() && vb.IsValid() && va.Type() == vb.Type() && va.Comparable() && va.Equal(vb)
}

func checkText(field, s string) error {
	switch {
	case s == "":
		return fmt.Errorf("%s: required", field)
	case !printable(s, maxText):
		return fmt.Errorf("%s: not printable ASCII of at most %d bytes", field, maxText)
	}
	return nil
}

func checkClaimNames(tenantClaim, sessionClaim string) []error {
	errs := []error{checkText("TenantClaim", tenantClaim), checkText("SessionClaim", sessionClaim)}
	if slices.Contains(claimsWithMeaning, tenantClaim) {
		errs = append(errs, fmt.Errorf("TenantClaim: %s has a meaning of its own: name another claim", quote(tenantClaim)))
	}
	if slices.Contains(claimsWithMeaning, sessionClaim) {
		errs = append(errs, fmt.Errorf("SessionClaim: %s has a meaning of its own: name another claim", quote(sessionClaim)))
	}
	if tenantClaim == sessionClaim {
		errs = append(errs, errors.New("SessionClaim: the same as TenantClaim: name another claim"))
	}
	return errs
}
