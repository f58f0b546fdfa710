package authz

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/reevehq/reeve/internal/configerr"
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

	// EndSignIn and RevokePerson are about what Manager.Adopt has made or would make: the
	// issuer's session of a name, and all of the issuer's user.
	EndSignIn(ctx context.Context, issuer, name string) error
	RevokePerson(ctx context.Context, issuer string, u session.UserID, tenants ...tenant.ID) error
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

	// Tenants returns every tenant whose users an issuer signs in. An issuer with
	// [token.Issuer].Foreign needs it neither for the sign-ins that its tokens have named nor for a
	// logout by the sub alone: the store knows where its users were adopted. Set it there too where
	// users have other sessions: of access tokens without a sid beside others with one, of
	// Manager.Create, or in a tenant that they have switched to. These end with the sid that a
	// logout token names, unless Find tells them apart.
	//
	// It is asked for an issuer without a Tenant, whose logout tokens name none
	// either, as those of no provider do: one realm of Keycloak, or one Auth0 with organizations,
	// for all customers. For a service with one such issuer it is the list of its tenants. None is an
	// error, and an error is an outage. Default: nil, and then such a token is refused unless Find
	// knows its sid.
	Tenants func(ctx context.Context, issuer string) ([]tenant.ID, error)

	// Find returns the sessions that belong to the issuer's session of a logout token, for
	// an issuer that names sessions by ids of its own: those for which the service has
	// noted the Issuer and IssuerSessionID of l when it signed the user in. None means that the
	// sid is not known. Each must be of the token's tenant and of its user, as far as it names
	// them. One that is no longer live may have moved to another id, which Rotate, StepUp,
	// SwitchTenant and Impersonate do, so all sessions of its user end then: a service that
	// notes the new id with each move ends no more than it has to. An error is an outage. It
	// is asked only for tokens with a sid. Default: nil, no sid is known. Sessions of
	// Manager.Adopt are found without it.
	Find func(ctx context.Context, l *token.LogoutToken) ([]session.Ref, error)

	// MaxVerifications is how many logout tokens are verified at once, on the terms of the
	// field of [Config] and beside those: anybody may send one.
	MaxVerifications int

	// Observer is told of every request, with what its token says and nil when the
	// sessions have ended, otherwise with why not, which is for logs; then l may be nil. It
	// must be quick and safe for concurrent use. Default: nobody.
	Observer func(ctx context.Context, l *token.LogoutToken, err error)
}

// LogoutHandler is the handler of [BackchannelLogout] for any router. It has decided what it
// writes: it returns no errors.
type LogoutHandler struct {
	cfg    LogoutConfig
	tokens *middleware.LogoutAuthenticator
}

// NewLogoutHandler returns the handler that cfg describes. The error names every invalid field.
func NewLogoutHandler(cfg LogoutConfig) (*LogoutHandler, error) {
	tokens, invalid := middleware.NewLogoutAuthenticator(middleware.LogoutAuthenticatorConfig{
		Tokens: cfg.Tokens, MaxVerifications: cfg.MaxVerifications,
	})
	var problems configerr.Problems
	problems.Within("", invalid)
	problems.Require("Sessions", cfg.Sessions, "for example session.NewManager(…)")
	problems.Require("Replay", cfg.Replay, "for example the Replay of a redisstore.Store")
	if err := problems.Err("authz", nil); err != nil {
		return nil, err
	}
	return &LogoutHandler{cfg, tokens}, nil
}

// ServeHTTP implements [http.Handler].
func (h *LogoutHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := logoutToken(w, r)
	var l *token.LogoutToken
	if err == nil {
		l, err = h.logout(r.Context(), raw)
	}
	if h.cfg.Observer != nil {
		h.cfg.Observer(r.Context(), l, err)
	}
	switch {
	case err == nil:
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusOK)
	case middleware.IsOutage(err) || !errors.Is(err, token.ErrInvalid):
		p, _ := middleware.FromError(middleware.ErrUnavailable)
		_ = middleware.Respond(w, p, "") // the connection may be gone
	default:
		refuseLogout(w)
	}
}

// refuseLogout answers as §2.8 has it, with one text for every cause.
func refuseLogout(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write([]byte(`{"error":"invalid_request","error_description":"the logout token is not accepted"}` + "\n"))
}

// logoutToken reads the one logout_token of a form body; a body of another type has none.
// The query is never read.
func logoutToken(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.Method != http.MethodPost {
		return "", fmt.Errorf("%w: not posted", token.ErrInvalid)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxLogoutBody)
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
func (h *LogoutHandler) logout(ctx context.Context, raw string) (*token.LogoutToken, error) {
	l, err := h.tokens.VerifyLogout(ctx, raw)
	if err != nil {
		return nil, err
	}
	if l.Issuer() == "" {
		return nil, fmt.Errorf("%w: the verifier returned nothing", middleware.ErrUnavailable)
	}
	used, err := h.cfg.Replay.Used(ctx, l.ReplayKey(), l.ReplayTTL())
	if err != nil {
		return l, fmt.Errorf("%w: replay store: %w", middleware.ErrUnavailable, err)
	}
	if used {
		return l, fmt.Errorf("%w: the logout token was used before", token.ErrInvalid)
	}
	if err := h.cfg.end(ctx, l); err != nil {
		return l, err
	}
	if _, err := h.cfg.Replay.Use(ctx, l.ReplayKey(), l.ReplayTTL()); err != nil {
		return l, fmt.Errorf("%w: replay store: %w", middleware.ErrUnavailable, err)
	}
	return l, nil
}
