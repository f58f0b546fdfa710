package authz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// maxLogoutBody is room for the longest token, escaped, and for parameters that nobody
// reads.
const maxLogoutBody = 4 * token.MaxLength

// Revoker ends sessions, where it is no error when there are none, and lists the live ones.
// End reports whether the session was live, in the same step: between a look and the end it
// could move to another id. [session.Manager] is one.
type Revoker interface {
	End(ctx context.Context, ref session.Ref) (live bool, err error)
	RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) error
	List(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Session, error)
}

// LogoutConfig says whose logout tokens end which sessions. Three fields are required.
type LogoutConfig struct {
	// Tokens verifies logout tokens. Required: a [token.Verifier].
	Tokens middleware.LogoutVerifier

	// Sessions ends sessions. Required: a [session.Manager].
	Sessions Revoker

	// Replay remembers the tokens that were used. Required: for more than one instance the
	// Replay of a redisstore.Store, otherwise a memstore.Replay.
	Replay token.ReplayStore

	// Tenants returns every tenant whose users an issuer signs in. It is asked for an issuer
	// without a Tenant, whose logout tokens name none either, as those of no provider do: one
	// realm of Keycloak, or one Auth0 with organizations, for all customers. For a service
	// with one such issuer it is the list of its tenants. None is an error, and an error is an
	// outage. Default: nil, and then such a token is refused unless Find knows its sid.
	Tenants func(ctx context.Context, issuer string) ([]tenant.ID, error)

	// Find returns the sessions that belong to the issuer's session of a logout token, for
	// an issuer that names sessions by ids of its own: those for which the service has
	// noted the Issuer and SessionName of l when it signed the user in. None means that the
	// sid is not known. Each must be of the token's tenant and of its user, as far as it names
	// them. One that is no longer live may have moved to another id, which Rotate, StepUp,
	// SwitchTenant and Impersonate do, so all sessions of its user end then: a service that
	// notes the new id with each move ends no more than it has to. An error is an outage. It
	// is asked only for tokens with a sid. Default: nil, no sid is known.
	Find func(ctx context.Context, l *token.LogoutToken) ([]session.Ref, error)

	// MaxVerifications is how many logout tokens are verified at once, on the terms of the
	// field of [Config] and beside those: anybody may send one.
	MaxVerifications int

	// Observer is told of every request, with what its token says and nil when the
	// sessions have ended, otherwise with why not, which is for logs; then l may be nil. It
	// must be quick and safe for concurrent use. Default: nobody.
	Observer func(ctx context.Context, l *token.LogoutToken, err error)
}

// BackchannelLogout returns the handler of OpenID Connect Back-Channel Logout 1.0, by
// which an identity provider ends the sessions of a user who has signed out there. Like
// [Middleware] it panics on an invalid config. Register it for POST, with a rule for
// role:anyone, since the token in the body is the provider's credential:
//
//	e.POST("/backchannel-logout", authz.BackchannelLogout(authz.LogoutConfig{…}))
//
// What ends is
//
//   - the sessions that Find returns for the sid of the token;
//   - otherwise, with a sub and the id of a live session of its user as the sid, from an
//     issuer whose entry has OwnSessions: that session;
//   - otherwise every session of the sub, in every tenant of the issuer: that of its entry, or
//     the one that the token names, or those that Tenants returns. A sid that nobody knows
//     ends more than it has to rather than nothing.
//
// The answer is 200 only when what the token names has ended, or is known to be gone. It is
// 400 when the token is not accepted, was used before, or names nobody that could be found: a
// sid alone, or beside a sub that cannot be a user id, that Find does not know, or a sub of
// an issuer whose tenants are not known. It is 503 when something could not be asked or one
// of several tenants not be told, so that the provider tries again: a token counts as used
// only after all has ended. Observer is told why.
func BackchannelLogout(cfg LogoutConfig) echo.HandlerFunc {
	handler, err := cfg.ToHandler()
	if err != nil {
		panic(err)
	}
	return handler
}

// ToHandler is [BackchannelLogout] with an error that names every invalid field.
func (cfg LogoutConfig) ToHandler() (echo.HandlerFunc, error) {
	var problems []error
	if isNil(cfg.Tokens) {
		problems = append(problems, errors.New("Tokens: required, for example token.NewVerifier(…)"))
	}
	if isNil(cfg.Sessions) {
		problems = append(problems, errors.New("Sessions: required, for example session.NewManager(…)"))
	}
	if isNil(cfg.Replay) {
		problems = append(problems, errors.New("Replay: required, for example the Replay of a redisstore.Store"))
	}
	if cfg.MaxVerifications == 0 {
		cfg.MaxVerifications = defaultVerifications()
	}
	if cfg.MaxVerifications < 1 {
		problems = append(problems, fmt.Errorf("MaxVerifications: %d, at least 1 is needed", cfg.MaxVerifications))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("authz: invalid logout config: %w", err)
	}
	cfg.Tokens = middleware.LimitLogoutVerifier(cfg.Tokens, cfg.MaxVerifications)
	return cfg.handle, nil
}

func (cfg LogoutConfig) handle(c echo.Context) error {
	ctx := c.Request().Context()
	raw, err := logoutToken(c)
	var l *token.LogoutToken
	if err == nil {
		l, err = cfg.logout(ctx, raw)
	}
	if cfg.Observer != nil {
		cfg.Observer(ctx, l, err)
	}
	switch {
	case err == nil:
		c.Response().Header().Set("Cache-Control", "no-store")
		return c.NoContent(http.StatusOK)
	case middleware.Outage(err) || !errors.Is(err, token.ErrInvalid):
		p, _ := middleware.FromError(middleware.ErrUnavailable)
		return middleware.Respond(c, p, "")
	}
	return refuseLogout(c)
}

// refuseLogout answers as §2.8 has it, with one text for every cause.
func refuseLogout(c echo.Context) error {
	body, err := json.Marshal(map[string]string{
		"error": "invalid_request", "error_description": "the logout token is not accepted",
	})
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.Blob(http.StatusBadRequest, "application/json", append(body, '\n'))
}

// logoutToken reads the one logout_token of a form body; a body of another type has none.
// The query is never read.
func logoutToken(c echo.Context) (string, error) {
	r := c.Request()
	if r.Method != http.MethodPost {
		return "", fmt.Errorf("%w: not posted", token.ErrInvalid)
	}
	r.Body = http.MaxBytesReader(c.Response(), r.Body, maxLogoutBody)
	if err := r.ParseForm(); err != nil {
		return "", fmt.Errorf("%w: the form cannot be read", token.ErrInvalid)
	}
	values := r.PostForm["logout_token"]
	if len(values) != 1 {
		return "", fmt.Errorf("%w: %d values of logout_token", token.ErrInvalid, len(values))
	}
	return values[0], nil
}

// logout verifies, ends, and only then marks the token as used: a provider that is told
// 503 may send it again, and ending sessions twice is ending them once.
func (cfg LogoutConfig) logout(ctx context.Context, raw string) (*token.LogoutToken, error) {
	l, err := cfg.Tokens.VerifyLogout(ctx, raw)
	if err != nil {
		return nil, err
	}
	if l.Issuer() == "" {
		return nil, fmt.Errorf("%w: the verifier returned nothing", middleware.ErrUnavailable)
	}
	used, err := cfg.Replay.Used(ctx, l.ReplayKey(), l.ReplayTTL())
	if err != nil {
		return l, fmt.Errorf("%w: replay store: %w", middleware.ErrUnavailable, err)
	}
	if used {
		return l, fmt.Errorf("%w: the logout token was used before", token.ErrInvalid)
	}
	if err := cfg.end(ctx, l); err != nil {
		return l, err
	}
	if _, err := cfg.Replay.Use(ctx, l.ReplayKey(), l.ReplayTTL()); err != nil {
		return l, fmt.Errorf("%w: replay store: %w", middleware.ErrUnavailable, err)
	}
	return l, nil
}
