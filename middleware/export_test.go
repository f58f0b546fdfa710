package middleware

import (
	"context"
	"net/http"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// Names that the tests of this package and nobody else need.
const DefaultTimeout = defaultTimeout

// LimitVerifier verifies within the limits of an Authenticator, for one client.
func LimitVerifier(v Verifier, n int) Verifier {
	a := &Authenticator{tokens: v, limits: newLimits(n, 1, 1)}
	a.cached, _ = v.(cachedVerifier)
	a.headers, _ = v.(headerVerifier)
	return verifierOf{a, &exchange{r: &http.Request{RemoteAddr: "192.0.2.1:1"}, match: unmatched{}}}
}

type verifierOf struct {
	a *Authenticator
	x *exchange
}

func (v verifierOf) Verify(ctx context.Context, raw string) (*token.Verified, error) {
	return v.a.verify(ctx, v.x, credential{raw: raw})
}

// LimitLoader loads within the limits of an Authenticator.
func LimitLoader(l Loader, n, each int) Loader {
	return &Authenticator{sessions: l, limits: newLimits(1, n, each)}
}

// LimitLogoutVerifier verifies logout tokens within the limits of a LogoutAuthenticator.
func LimitLogoutVerifier(v LogoutVerifier, n int) LogoutVerifier {
	a, err := NewLogoutAuthenticator(LogoutAuthenticatorConfig{Tokens: v, MaxVerifications: n})
	if err != nil {
		panic(err)
	}
	return a
}

// Unvalidated returns an Authenticator as no constructor makes one, for what it does all the
// same.
func Unvalidated(v Verifier, l Loader, d *DPoP) *Authenticator {
	return &Authenticator{tokens: v, sessions: l, dpop: d, timeout: time.Second, limits: newLimits(1, 1, 1)}
}

// Extract is extract without the scheme DPoP.
func Extract(r *http.Request, cookie string, headers ...string) (Credential, error) {
	return extract(r, cookie, false, headers)
}

// Credential is a credential.
type Credential = credential

// Challenge is that of an Authenticator with d.
func (d *DPoP) Challenge(p Problem) Problem { return (&Authenticator{dpop: d}).Challenge(p) }

// LimitAdopter adopts within the limits of an Authenticator.
func LimitAdopter(adopter Adopter, n, each int, tracer Tracer) func(context.Context, session.Stranger) (session.Session, error) {
	return (&Authenticator{adopter: adopter, tracer: tracer, limits: newLimits(1, n, each)}).adopt
}
