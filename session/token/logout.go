package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Limits and defaults of a [LogoutConfig].
const (
	defaultLogoutLifetime = 2 * time.Minute // what the specification recommends, §2.4
	maxLogoutLifetime     = time.Hour
)

// LogoutConfig says which logout tokens of an [Issuer] are accepted (OpenID Connect
// Back-Channel Logout 1.0), beside what the entry says of all its tokens.
type LogoutConfig struct {
	// Audience is the client id under which this service is known to the issuer. Required.
	// It is rarely the audience of access tokens. Printable ASCII, at most 255 bytes.
	Audience string

	// Tenant is the one tenant whose users the issuer signs in. Default: the issuer's Tenant;
	// where that is zero too, the issuer signs in users of many, and a logout token may name
	// one of them in the TenantClaim, which few providers do. A logout token that names
	// another than a Tenant set here is refused.
	Tenant tenant.ID

	// Types are the accepted values of the typ header, of which there are three: "logout+jwt", the
	// default, "JWT", and the empty text for tokens without a typ. Add those that the issuer sends:
	// the specification only recommends the first (§2.4). A logout token of any typ has events and
	// no nonce, so that no ID token and no access token is one. Compared as [Issuer.Types] are,
	// with "application/" or without.
	Types []string

	// MaxLifetime is the longest accepted time from iat to exp. Default 2 minutes, at least
	// 1 s, at most 1 h.
	MaxLifetime time.Duration

	// OptionalExpiry accepts tokens without exp, which providers send that follow a draft of
	// the specification, among them Ory Hydra. Such a token expires MaxLifetime after its iat.
	OptionalExpiry bool
}

// logoutTypes are the values that Types of a LogoutTrust may have.
var logoutTypes = []string{"logout+jwt", "jwt", ""}

func (t *LogoutConfig) withDefaults(issuers tenant.ID) *LogoutConfig {
	if t == nil {
		return nil
	}
	c := *t
	if c.MaxLifetime == 0 {
		c.MaxLifetime = defaultLogoutLifetime
	}
	if c.Tenant.IsZero() {
		c.Tenant = issuers
	}
	types := t.Types
	if len(types) == 0 {
		types = []string{"logout+jwt"}
	}
	c.Types = make([]string, len(types))
	for n, typ := range types {
		c.Types[n] = trimApplication(asciiLower(typ))
	}
	return &c
}

func (t *LogoutConfig) validate(issuers tenant.ID) (errs []error) {
	if t == nil {
		return nil
	}
	if err := checkText("Logout.Audience", t.Audience); err != nil {
		errs = append(errs, err)
	}
	if !issuers.IsZero() && t.Tenant != issuers {
		errs = append(errs, errors.New("Logout.Tenant: another than the issuer's Tenant"))
	}
	for n, typ := range t.Types {
		if !slices.Contains(logoutTypes, typ) {
			errs = append(errs, fmt.Errorf("Logout.Types[%d]: %s is not one of logout+jwt, JWT and the empty text", n, quote(typ)))
		}
	}
	if t.MaxLifetime < time.Second || t.MaxLifetime > maxLogoutLifetime {
		errs = append(errs, fmt.Errorf("Logout.MaxLifetime: %v, 1s to %v is allowed", t.MaxLifetime, maxLogoutLifetime))
	}
	return errs
}

// LogoutToken has the content of an accepted logout token: whose sessions have ended at the
// issuer. Only [Verifier.VerifyLogout] fills one. The zero Logout is about nobody. It is
// immutable and redacts itself in every printer.
type LogoutToken struct {
	redact
	sealed[logout]
}

type logout struct {
	issuer, tokenID, sessionName string
	provider                     string // that a foreign issuer is known by, issuer where it has one name
	subject                      string
	tenant                       tenant.ID
	user                         session.UserID
	session                      session.ID
	remember                     time.Duration
	foreign                      bool // of an issuer with Foreign
	namesSession                 bool // and its access tokens name the session too
}

func (l *LogoutToken) claims() *logout {
	if l == nil || l.get() == nil {
		return &logout{}
	}
	return l.get()
}

// Issuer returns the iss claim, which is the Name of an [Issuer], or one of a template's.
func (l *LogoutToken) Issuer() string { return l.claims().issuer }

// TokenID returns the jti claim.
func (l *LogoutToken) TokenID() string { return l.claims().tokenID }

// Tenant returns the one tenant that the token is about: the issuer's, or the one that the
// token names. It is zero for an issuer that signs in users of many when its token names
// none, and then the token is about all of them.
func (l *LogoutToken) Tenant() tenant.ID { return l.claims().tenant }

// User returns the sub claim as a user id, zero when there is none or when it cannot be the
// id of a user of ours. The second is accepted only beside a sid.
func (l *LogoutToken) User() session.UserID { return l.claims().user }

// Subject returns the sub claim as it is, any text of the issuer's, and "" when there is none.
func (l *LogoutToken) Subject() string { return l.claims().subject }

// IssuerSessionID returns the sid claim, by which the issuer names one of its sessions, and ""
// when there is none, or one that is not 1 to 255 bytes of printable ASCII: such a token, which
// has a sub, is about all sessions of its user. The result may be a secret.
func (l *LogoutToken) IssuerSessionID() string { return l.claims().sessionName }

// Session returns the session that a token of an issuer with OwnSessions names in the claim
// where its access tokens name theirs, its SessionClaim. It is zero when the token names none
// of ours, and for every other issuer.
func (l *LogoutToken) Session() session.ID { return l.claims().session }

// ReplayKey returns what to give to a [ReplayStore].
func (l *LogoutToken) ReplayKey() ReplayKey {
	return replayKey("logout token", l.claims().issuer, l.claims().tokenID)
}

// ReplayTTL returns how long a [ReplayStore] must keep the key, as [DPoPProof.ReplayTTL] does. It is
// the same for all tokens of an issuer.
func (l *LogoutToken) ReplayTTL() time.Duration { return l.claims().remember }

// VerifyLogout returns what a logout token says, on the terms of [Verifier.Verify], of an
// issuer whose entry has the field Logout. The checks are those of the specification's
// §2.6: keys and algorithms are the issuer's; typ is logout+jwt, or what the entry allows
// beside it; aud, iat, exp and jti are there; events contains the one of a back-channel
// logout; sub or sid is there, and a nonce or another claim of another kind of token is not.
//
// Whether the token was used before, only a [ReplayStore] knows.
func (v *Verifier) VerifyLogout(ctx context.Context, raw string) (*LogoutToken, error) {
	a, _, err := v.authenticate(ctx, raw, nil, func(i *Issuer, typ string) error {
		switch {
		case i.Logout == nil:
			return refusal("issuer " + quote(i.Name) + " is not trusted to sign users out")
		case !slices.Contains(i.Logout.Types, trimApplication(typ)):
			return refusal("header: typ is not one of Logout.Types, by default logout+jwt alone")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	claims, err := readLogoutClaims(a.payload, a.issuer)
	if err != nil {
		return nil, err
	}
	return claims.accept(a.issuer, a.name, time.Now())
}
