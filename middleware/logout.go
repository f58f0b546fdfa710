package middleware

import (
	"context"
	"errors"
	"net/netip"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/internal/fairlimit"
	"github.com/reevehq/reeve/session/token"
)

// LogoutVerifier turns a raw logout token into claims that can be trusted.
// [token.Verifier] is one, for issuers with the field Logout. Errors that mean the token
// is bad wrap token.ErrInvalid; any other is an outage.
type LogoutVerifier interface {
	VerifyLogout(ctx context.Context, raw string) (*token.LogoutToken, error)
}

// LogoutAuthenticatorConfig configures a [LogoutAuthenticator]. Tokens is required.
type LogoutAuthenticatorConfig struct {
	// Tokens verifies logout tokens. Required: a [token.Verifier].
	Tokens LogoutVerifier

	// MaxVerifications is how many logout tokens are verified at once, on the terms of the
	// field of [AuthenticatorConfig] and beside those. Default: as there.
	MaxVerifications int
}

// LogoutAuthenticator verifies logout tokens, which anybody may send to a public route and of
// which none is cached. It has the queue timeout and throttling of an [Authenticator], with slots
// of its own: a flood of logout tokens takes no slot of requests. It is safe for concurrent use.
type LogoutAuthenticator struct {
	tokens  LogoutVerifier
	limiter *fairlimit.Limiter[netip.Prefix]
	refused fairlimit.Delayer
}

// NewLogoutAuthenticator returns the LogoutAuthenticator that cfg describes. The error names
// every invalid field.
func NewLogoutAuthenticator(cfg LogoutAuthenticatorConfig) (*LogoutAuthenticator, error) {
	if cfg.MaxVerifications == 0 {
		cfg.MaxVerifications = defaultVerifications()
	}
	var problems configerr.Problems
	problems.Require("Tokens", cfg.Tokens, "for example token.NewVerifier(…)")
	if cfg.MaxVerifications < 1 {
		problems.Add("MaxVerifications", "%d, at least 1 is needed", cfg.MaxVerifications)
	}
	if err := problems.Err("middleware", nil); err != nil {
		return nil, err
	}
	return &LogoutAuthenticator{
		tokens:  cfg.Tokens,
		limiter: fairlimit.New[netip.Prefix](cfg.MaxVerifications, cfg.MaxVerifications, 0),
	}, nil
}

// VerifyLogout implements [LogoutVerifier] within the limits.
func (a *LogoutAuthenticator) VerifyLogout(ctx context.Context, raw string) (*token.LogoutToken, error) {
	slot, err := a.limiter.Acquire(ctx, netip.Prefix{})
	if err != nil {
		a.refused.Delay(ctx)
		return nil, limited(err)
	}
	logout, err := a.verify(ctx, raw, slot)
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnavailable) {
		a.refused.Delay(ctx)
	}
	return logout, err
}

func (a *LogoutAuthenticator) verify(ctx context.Context, raw string, slot *fairlimit.Slot) (*token.LogoutToken, error) {
	defer a.limiter.Release(slot)
	return a.tokens.VerifyLogout(ctx, raw)
}
