package middleware

import (
	"context"
	"errors"

	"github.com/reevehq/reeve/session/token"
)

// LogoutVerifier turns a raw logout token into claims that can be trusted.
// [token.Verifier] is one, for issuers with the field Logout. Errors that mean the token
// is bad wrap token.ErrInvalid; any other is an outage.
type LogoutVerifier interface {
	VerifyLogout(ctx context.Context, raw string) (*token.LogoutToken, error)
}

// LimitLogoutVerifier is [LimitVerifier] for logout tokens, which anybody may send to a
// public route and of which none is known before: at most n verifications at once, at least
// one; the others wait as long as their time lasts; and refusals go out at a pace. A flood of
// them takes no place of those who sign requests.
func LimitLogoutVerifier(v LogoutVerifier, n int) LogoutVerifier {
	return &limitedLogouts{verifier: v, limiter: newLimiter(n, n)}
}

type limitedLogouts struct {
	verifier LogoutVerifier
	limiter  *limiter
	refused  pacer
}

func (l *limitedLogouts) VerifyLogout(ctx context.Context, raw string) (*token.LogoutToken, error) {
	place, err := l.limiter.acquireFor(ctx, party{client: clientIn(ctx)})
	if err != nil {
		l.refused.hold(ctx)
		return nil, err
	}
	logout, err := l.verify(ctx, raw, place)
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnavailable) {
		l.refused.hold(ctx)
	}
	return logout, err
}

func (l *limitedLogouts) verify(ctx context.Context, raw string, place *share) (*token.LogoutToken, error) {
	defer l.limiter.release(place)
	return l.verifier.VerifyLogout(ctx, raw)
}
