package middleware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// ErrOverloaded means that a request waited its time for a place and got none. It is an
// outage: the caller is neither let in nor signed out, and may come again.
var ErrOverloaded = fmt.Errorf("middleware: overloaded: %w", ErrUnavailable)

// queueTime is how long a request waits for a place at most. Who cannot be served soon is
// told so while there is still time to ask elsewhere; a longer queue only makes every
// answer late.
const queueTime = 10 * time.Millisecond

// LimitVerifier returns a verifier that runs at most n verifications of v at once, at
// least one. The others wait up to 10 ms, first come first served, and then fail with
// [ErrOverloaded].
//
// Whose token it is nobody knows yet, and what it claims an attacker has chosen, so there
// are no shares here: what is bounded is the work that strangers can ask for. Who is
// signed in does not wait behind them: a token that v can recall, as [token.Verifier.Recall]
// does, needs no place.
//
// Refusals go out one each millisecond, after a burst of 16, and none is held longer than
// 200 ms: who sends forged tokens one after the other waits, and nobody else does. So do
// answers that an issuer's keys cannot be had, which while its provider is out is said of
// whatever key a stranger makes up.
//
// A verification that waits for an issuer's keys holds its place, so n is more than can
// wait for them at a time, which for one jwks.Fetcher are 64.
func LimitVerifier(v Verifier, n int) Verifier {
	known, _ := v.(recaller)
	return &limitedVerifier{v, known, newLimiter(n, n), newLimiter(n, n)}
}

// recaller knows tokens that it need not verify again.
type recaller interface {
	Recall(raw string) (*token.Verified, bool)
}

type limitedVerifier struct {
	verifier Verifier
	known    recaller // nil for none
	limiter  *limiter
	proofs   *limiter // for DPoP proofs of tokens that were verified
}

func (l *limitedVerifier) Verify(ctx context.Context, raw string) (*token.Verified, error) {
	if l.known != nil {
		if verified, ok := l.known.Recall(raw); ok {
			return verified, nil
		}
	}
	place, err := l.limiter.acquire(ctx, tenant.ID{})
	if err != nil {
		return nil, err
	}
	verified, err := l.verify(ctx, raw, place)
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnavailable) {
		l.limiter.hold(ctx, place)
	}
	return verified, err
}

func (l *limitedVerifier) verify(ctx context.Context, raw string, place *share) (*token.Verified, error) {
	defer l.limiter.release(place)
	return l.verifier.Verify(ctx, raw)
}

// LimitLoader returns a loader that runs at most n loads of next at once, at least one; as
// many as the store has connections is right. The others wait up to 10 ms and then fail
// with [ErrOverloaded].
//
// Places are shared by tenant: one that becomes free goes to the waiting tenant that holds
// the fewest, whoever came first; no tenant holds more than each, from 1 to n; and an
// eighth of all, at least one, is kept for tenants that hold fewer than that. A tenant that
// floods waits for itself, and does not take the processor from the others. One that is
// alone, for the last 10,000 loads, may use every place.
//
// Beyond a burst of 16, a tenant whose loads are shed is told so once in a millisecond, and
// by 200 ms later at the latest, so that a flood of refusals does not follow.
func LimitLoader(next Loader, n, each int) Loader {
	return &limitedLoader{next, newLimiter(n, each)}
}

type limitedLoader struct {
	loader  Loader
	limiter *limiter
}

func (l *limitedLoader) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	place, err := l.limiter.acquire(ctx, ref.Tenant)
	if err != nil {
		return session.Session{}, err
	}
	defer l.limiter.release(place)
	return l.loader.Load(ctx, ref)
}
