package token

import (
	"errors"
	"fmt"
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
	// §4.1.9), and otherwise exactly. The empty text, dpop+jwt, logout+jwt and secevent+jwt
	// are errors.
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

	// Logout accepts the issuer's logout tokens too, see [Verifier.VerifyLogout]. Default:
	// nil, none is accepted.
	Logout *LogoutConfig
}

// claimsWithMeaning are the names that TenantClaim and SessionClaim cannot take.
var claimsWithMeaning = slices.Concat([]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "cnf"}, foreignClaims)

// foreignTypes are the typ values of tokens that are never a credential by themselves.
var foreignTypes = []string{"dpop+jwt", "logout+jwt", "secevent+jwt"}

// withDefaults returns a copy that shares no slice with the caller's.
func (i Issuer) withDefaults() Issuer {
	i.Algorithms = canonicalOf(i.Algorithms)
	i.Logout = i.Logout.withDefaults(i.Tenant)
	types := i.Types
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
func (i Issuer) validate() []error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	errs = append(errs, checkText("Name", i.Name), checkText("Audience", i.Audience))
	if len(i.Algorithms) == 0 {
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
	errs = append(errs, i.validateKeys())
	for _, t := range i.Types {
		if !printable(t, maxText) {
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
	return append(errs, checkClaimNames(i.TenantClaim, i.SessionClaim)...)
}

// problems reports what is wrong with an entry among those of others, of which it may be
// one itself.
func (i *Issuer) problems(others map[string]*Issuer) []error {
	errs := i.validate()
	for name, other := range others {
		if name != i.Name && sameSource(other.Keys, i.Keys) {
			return append(errs, errors.New("Keys: the source of another issuer"))
		}
	}
	return errs
}

func (i Issuer) validateKeys() error {
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
