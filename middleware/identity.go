package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// Verifier turns a raw token into claims that can be trusted. [token.Verifier] is one.
// Errors that mean the token is bad wrap token.ErrInvalid; any other is an outage. It
// returns when ctx is done.
type Verifier interface {
	Verify(ctx context.Context, raw string) (*token.Verified, error)
}

// Loader returns the live session of a reference. [session.Manager] is one. Errors that
// mean there is none, or that it may not be used, are those of [session.Store]; any other
// is an outage. It returns when ctx is done: the deadline is what bounds a request, and no
// goroutine is started to leave a Loader behind that does not look at it.
type Loader interface {
	Load(ctx context.Context, ref session.Ref) (session.Session, error)
}

// Authenticator runs the stages that establish who asks: canonical request, one
// credential, token, session, tenant. The zero Authenticator refuses every credential.
type Authenticator struct {
	Tokens   Verifier
	Sessions Loader
	Tenant   []Locator // each may confirm the session's tenant
	Cookie   string    // name of the cookie that may carry the token; "" for none
	DPoP     *DPoP     // accepts tokens that are bound to a key; nil for bearer tokens alone
	CORS     *CORS     // other origins that may send the cookie; nil for none

	// Timeout is how long Tokens and Sessions may take together; zero or less means
	// [DefaultTimeout].
	Timeout time.Duration
}

// DefaultTimeout is how long it may take to find out who asks.
const DefaultTimeout = 250 * time.Millisecond

// Identity is who asks. The zero Identity is anonymous.
type Identity struct {
	Session session.Session
	Token   *token.Verified

	// Ignored is why a cookie was not believed. A bad cookie leaves its caller anonymous,
	// because browsers send stale ones unasked; where a caller is needed, this is the
	// reason to log.
	Ignored error

	// Refused is the session that a genuine token named, when the request was refused all
	// the same or the token ignored: no such session any more, another tenant, no proof. It
	// is zero for a token that is bound to a key which was not shown. It is for the record
	// of who tried and decides nothing: for that the caller is anonymous.
	Refused session.Ref

	// Actors are those who act as the user of Refused, where the session was loaded before
	// the request was refused.
	Actors session.Actors
}

// Anonymous reports whether nobody is signed in.
func (i *Identity) Anonymous() bool { return i.Session.ID.IsZero() }

// Thumbprint returns the thumbprint of the key that the request was proved with (RFC
// 9449), "" for every other request.
func (i *Identity) Thumbprint() string { return i.Token.Thumbprint() }

// Identify returns who asks. A request without a credential is anonymous and costs no
// look-up. A bad bearer token is an error on every route; a bad cookie counts as none; an
// outage is an error wherever a credential was sent. The path of c and its parameters are
// decoded, so that two spellings of a path are the same request.
func (a *Authenticator) Identify(c echo.Context) (Identity, error) {
	if err := CheckTarget(c.Request()); err != nil {
		return Identity{}, err
	}
	if err := settlePath(c); err != nil {
		return Identity{}, err
	}
	r := c.Request()
	credential, err := extract(r, a.Cookie, a.DPoP != nil)
	if err != nil {
		return Identity{}, err
	}
	if credential.IsZero() {
		return Identity{}, nil
	}
	if credential.Cookie {
		if err := CheckOrigin(r); err != nil && !a.CORS.trusts(r) {
			return Identity{}, err
		}
	}
	identity, err := a.identify(c, credential)
	if err == nil {
		return identity, nil
	}
	nobody := Identity{Refused: identity.Refused, Actors: identity.Actors}
	if !credential.Cookie || Outage(err) {
		return nobody, err
	}
	nobody.Ignored = err
	return nobody, nil
}

// identify is Identify for a request with a credential. Of what it returns with an error
// only Refused and Actors have a meaning.
func (a *Authenticator) identify(c echo.Context, credential Credential) (Identity, error) {
	if a.Tokens == nil || a.Sessions == nil {
		return Identity{}, fmt.Errorf("%w: no verifier or no session loader", ErrUnavailable)
	}
	ctx := newDeadline(c.Request().Context(), a.timeout())
	ctx.from = c
	defer ctx.end()
	verified, err := a.Tokens.Verify(ctx, credential.raw)
	if err != nil {
		return Identity{}, undecided(err)
	}
	if verified == nil {
		return Identity{}, fmt.Errorf("%w: the verifier returned nothing", ErrUnavailable)
	}
	refused := Identity{Refused: verified.Ref()}
	if verified, err = a.prove(ctx, c, credential, verified); err != nil {
		return refused, err
	}
	ref := verified.Ref()
	refused.Refused = ref
	if err := ref.Validate(); err != nil {
		return refused, ended(err)
	}
	s, err := a.Sessions.Load(ctx, ref)
	if err != nil {
		return refused, ended(err)
	}
	if s.Ref() != ref {
		return refused, fmt.Errorf("%w: another session than the one asked for", session.ErrCorrupt)
	}
	refused.Actors = s.Actors
	if key := s.BoundKey(); key != "" && key != verified.Thumbprint() {
		return refused, fmt.Errorf("%w: the session is bound to a key, and the token is not bound to it", token.ErrInvalid)
	}
	if err := confirmTenant(c, a.Tenant, s.Tenant); err != nil {
		return refused, err
	}
	return Identity{Session: s, Token: verified}, nil
}

func (a *Authenticator) timeout() time.Duration {
	if a.Timeout <= 0 {
		return DefaultTimeout
	}
	return a.Timeout
}

// ended says of an error about the request's own session what it means for the request:
// that there is no such session, or that its tenant may not be served. Whatever else a Loader
// says is an outage.
func ended(err error) error {
	if Outage(err) {
		return err
	}
	for _, none := range []error{session.ErrNotFound, session.ErrInvalidID, tenant.ErrUnknown, tenant.ErrInvalidID} {
		if errors.Is(err, none) {
			return fmt.Errorf("%w: %w", ErrInvalidCredential, err)
		}
	}
	if p, ok := FromError(err); ok && (p.Status == http.StatusForbidden || p.Status == http.StatusUnauthorized) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// undecided makes an error that no row of the table names an outage: what is not a known
// refusal is not known at all.
func undecided(err error) error {
	if _, known := FromError(err); known {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
