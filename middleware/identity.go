package middleware

import (
	"context"
	"fmt"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// Verifier turns a raw token into claims that can be trusted. [token.Verifier] is one.
// Errors that mean the token is bad wrap token.ErrInvalid; any other is an outage.
type Verifier interface {
	Verify(ctx context.Context, raw string) (*token.Verified, error)
}

// Loader returns the live session of a reference. [session.Manager] is one. Errors that
// mean there is none, or that it may not be used, are those of [session.Store]; any other
// is an outage. It answers within a time limit of its own.
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
}

// Identity is who asks. The zero Identity is anonymous.
type Identity struct {
	Session session.Session
	Token   *token.Verified

	// Ignored is why a cookie was not believed. A bad cookie leaves its caller anonymous,
	// because browsers send stale ones unasked; where a caller is needed, this is the
	// reason to log.
	Ignored error
}

// Anonymous reports whether nobody is signed in.
func (i *Identity) Anonymous() bool { return i.Session.ID.IsZero() }

// Identify returns who asks. A request without a credential is anonymous and costs no
// look-up. A bad bearer token is an error on every route; a bad cookie counts as none; an
// outage is an error wherever a credential was sent.
func (a *Authenticator) Identify(c echo.Context) (Identity, error) {
	r := c.Request()
	if err := CheckTarget(r); err != nil {
		return Identity{}, err
	}
	credential, err := Extract(r, a.Cookie)
	if err != nil {
		return Identity{}, err
	}
	if credential.IsZero() {
		return Identity{}, nil
	}
	if credential.Cookie {
		if err := CheckOrigin(r); err != nil {
			return Identity{}, err
		}
	}
	identity, err := a.identify(c, credential.raw)
	if err == nil {
		return identity, nil
	}
	if !credential.Cookie || Outage(err) {
		return Identity{}, err
	}
	return Identity{Ignored: err}, nil
}

func (a *Authenticator) identify(c echo.Context, raw string) (Identity, error) {
	if a.Tokens == nil || a.Sessions == nil {
		return Identity{}, fmt.Errorf("%w: no verifier or no session loader", ErrUnavailable)
	}
	ctx := c.Request().Context()
	verified, err := a.Tokens.Verify(ctx, raw)
	if err != nil {
		return Identity{}, undecided(err)
	}
	if verified == nil {
		return Identity{}, fmt.Errorf("%w: the verifier returned nothing", ErrUnavailable)
	}
	ref := verified.Ref()
	if err := ref.Validate(); err != nil {
		return Identity{}, err
	}
	s, err := a.Sessions.Load(ctx, ref)
	if err != nil {
		return Identity{}, undecided(err)
	}
	if s.Ref() != ref {
		return Identity{}, fmt.Errorf("%w: another session than the one asked for", session.ErrCorrupt)
	}
	if err := confirmTenant(c, a.Tenant, s.Tenant); err != nil {
		return Identity{}, err
	}
	return Identity{Session: s, Token: verified}, nil
}

// undecided makes an error that no row of the table names an outage: what is not a known
// refusal is not known at all.
func undecided(err error) error {
	if _, known := FromError(err); known {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
