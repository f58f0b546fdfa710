// Package authztest helps services to test themselves: [As] gives a handler's unit test its
// caller, and [Hostile] attacks the whole service.
//
//	func TestHostile(t *testing.T) {
//		e, signer, s := newService(t) // the routes and middleware that are served, and a session
//		authztest.Hostile(t, authztest.Service{
//			Handler: e,
//			Method:  "GET", Path: "/invoices/1", // what the session's user may ask for
//			Token: func() string { return authz.Must(signer.Sign(s)).Reveal() },
//		}, authztest.Options{Key: key}) // the test's signing key
//	}
//
// [Hostile] sends what attackers send, a hundred kinds of it, and holds every answer
// against the one expected: status, challenge, problem and body. After each kind the good
// token has to work still.
//
// For most uses a service has one test with Hostile, and a test with As for each handler. Use
// [Request] for a handler that reads its request too.
package authztest

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

// Service is the service to attack. Every field is required.
type Service struct {
	// Handler is the service with all its middleware, as it is served: the *echo.Echo or the
	// *httpauthz.Mux.
	Handler http.Handler

	// Method and Path are a request that needs a caller, that a good token's caller may
	// make again and again, and that is answered 2xx. Path has at least one letter and
	// no query.
	Method, Path string

	// Token returns a good token as the service gives it to clients.
	Token func() string
}

// Options say what else the service has. The zero value runs every row that applies to any
// service; each field adds rows, and those that lack theirs are skipped with the reason.
type Options struct {
	// Key signs good tokens, in a test a fresh one: session.NewPrivateKey of
	// an [ed25519.PrivateKey], an *[ecdsa.PrivateKey] or an *[rsa.PrivateKey], or
	// session.NewSecretKey of a secret. With it, tokens are forged that differ from a good one in a claim or a header alone.
	// Without it a third of the rows has no valid signature and is skipped.
	Key session.SecretKey

	// Peer is another trusted issuer, for a service that trusts several: it must not be
	// able to sign for the first.
	Peer *Peer

	// Provider is an identity provider whose users the service lets in: an issuer with
	// token.Issuer.Foreign.
	Provider *Provider

	// Public is a path that GET serves to anyone.
	Public string

	// Forbidden is a request that a good token's caller may not make, answered 403:
	// "DELETE /invoices/1".
	Forbidden string

	// Cookie is the name of the cookie that may carry the token.
	Cookie string

	// TenantHeader is the name of a header that must confirm the tenant.
	TenantHeader string

	// Revoke ends the session of a token that Token returned.
	Revoke func(token string)

	// Suspend suspends the tenant of the good tokens until back is called.
	Suspend func() (back func())

	// Outage makes the session store unreachable until back is called, and Corrupt makes
	// it return the records of other sessions or damaged ones.
	Outage, Corrupt func() (back func())

	// Only names the rows to run, for a look at a few. Default: all.
	Only []int

	// Realm is that of the challenges. Default "api".
	Realm string

	// Leeway is the issuer's. Default 60 s.
	Leeway time.Duration

	// TenantClaim and SessionClaim are the issuer's names. Defaults "tenant" and "sid".
	TenantClaim, SessionClaim string
}

// Peer is an issuer besides the one of the good tokens.
type Peer struct {
	Issuer, KeyID string
	Key           session.SecretKey // as Options.Key
}

// Provider is an issuer with token.Issuer.Foreign, and the users that it signs in.
type Provider struct {
	Key session.SecretKey // as Options.Key

	// Token returns a good token, signed with Key, of a user who has just signed in there and may
	// make the request of Service. Each is of another sign-in.
	Token func() string

	// Others make a good token one of another kind that the provider signs with the same key, an
	// ID token say: claims, and members of the header as "header:typ", with their JSON. The empty
	// text leaves one out. At least one is required.
	Others []map[string]string

	// Tenant is the claim with the tenant, a text, or "" where tokens of the issuer name none.
	Tenant string

	// Template is the Name of the issuer where it has {tenant}, else "".
	Template string

	// Remembered says that tokens name the provider's session or when the user signed in, so that
	// a revocation outlasts a refresh there.
	Remembered bool

	// Revoke ends the session of a token that Token returned.
	Revoke func(token string)
}

// requirement is a requirement of a row.
type requirement uint

const (
	aKey requirement = 1 << iota
	anRSAKey
	anECKey
	aPeer
	aPublicRoute
	aForbiddenRoute
	aCookie
	aTenantHeader
	aRevoke
	aSuspend
	anOutage
	aCorruption
	aProvider
	aTenantOfTheProvider
	aTemplate
	aRevokeOfTheProvider
	anotherSuite // cannot be shown from outside a service
)

var needs = []struct {
	requirement
	text string
}{
	{aKey, "Options.Key"}, {anRSAKey, "Options.Key to be of RSA"}, {anECKey, "Options.Key to be of ECDSA"},
	{aPeer, "Options.Peer"}, {aPublicRoute, "Options.Public"}, {aForbiddenRoute, "Options.Forbidden"}, {aCookie, "Options.Cookie"},
	{aTenantHeader, "Options.TenantHeader"}, {aRevoke, "Options.Revoke"}, {aSuspend, "Options.Suspend"},
	{anOutage, "Options.Outage"}, {aCorruption, "Options.Corrupt"},
	{aProvider, "Options.Provider"}, {aTenantOfTheProvider, "Options.Provider.Tenant"}, {aTemplate, "Options.Provider.Template"},
	{aRevokeOfTheProvider, "Options.Provider.Revoke"}, {anotherSuite, "Reeve's own tests: it cannot be shown from outside"},
}

// row is one kind of attack. The numbers are fixed: reports and tests name them.
type row struct {
	id    int
	name  string
	needs requirement
	run   func(a *attack)
}

// Hostile attacks the service, one subtest for each of 111 rows. It returns the numbers of
// those it could not run, with what each needs. It must not run in parallel with other
// requests to the service.
func Hostile(t *testing.T, s Service, o Options) (left map[int]string) {
	t.Helper()
	if s.Handler == nil || s.Method == "" || !strings.HasPrefix(s.Path, "/") || strings.ToUpper(s.Path) == s.Path || s.Token == nil {
		t.Fatal("authztest: Service: every field is required, and Path needs a letter")
	}
	a := newAttack(t, s, o)
	if p := o.Provider; p != nil && (p.Key.IsZero() || p.Token == nil || len(p.Others) == 0) {
		t.Fatal("authztest: Options.Provider: Key, Token and Others are required")
	}
	if a.good(); t.Failed() {
		t.Fatal("authztest: the good token does not work, so no refusal means anything")
	}
	left = map[int]string{}
	before := goroutines()
	for _, r := range attacks() {
		if missing := a.missing(r.needs); missing != "" {
			left[r.id] = missing
		}
		if len(o.Only) > 0 && !slices.Contains(o.Only, r.id) {
			left[r.id] = "Options.Only to name it"
		}
		t.Run(r.title(), func(t *testing.T) {
			if missing := left[r.id]; missing != "" {
				t.Skip("needs " + missing)
			}
			a.T = t
			a.token = s.Token()
			a.forge = newForge(t, a.token, material(o.Key)) // of a session that no limit has ended yet
			r.run(a)
			a.good()
		})
	}
	a.T = t
	a.leaks(before)
	return left
}

// rows returns all rows in the order of their numbers.
func attacks() []row {
	var all []row
	for _, part := range [][]row{credentialRows, structureRows, keyRows, issuerRows, claimRows, timeRows, sessionRows, pathRows, headerRows, providerRows} {
		all = append(all, part...)
	}
	return all
}

// missing names what the row needs and the options lack.
func (a *attack) missing(n requirement) string {
	o := a.options
	_, isRSA := o.Key.Signer().(*rsa.PrivateKey)
	_, isEC := o.Key.Signer().(*ecdsa.PrivateKey)
	var provider Provider
	if o.Provider != nil {
		provider = *o.Provider
	}
	var has requirement
	for _, h := range []struct {
		requirement
		ok bool
	}{
		{aKey, !o.Key.IsZero()}, {anRSAKey, isRSA}, {anECKey, isEC}, {aPeer, o.Peer != nil},
		{aPublicRoute, o.Public != ""}, {aForbiddenRoute, o.Forbidden != ""}, {aCookie, o.Cookie != ""}, {aTenantHeader, o.TenantHeader != ""},
		{aRevoke, o.Revoke != nil}, {aSuspend, o.Suspend != nil}, {anOutage, o.Outage != nil}, {aCorruption, o.Corrupt != nil},
		{aProvider, o.Provider != nil}, {aTenantOfTheProvider, provider.Tenant != ""}, {aTemplate, provider.Template != ""}, {aRevokeOfTheProvider, provider.Revoke != nil},
	} {
		if h.ok {
			has |= h.requirement
		}
	}
	var missing []string
	for _, m := range needs {
		if n&m.requirement != 0 && has&m.requirement == 0 {
			missing = append(missing, m.text)
		}
	}
	return strings.Join(missing, ", ")
}
