package middleware

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// ErrOverloaded means that a request waited for a place as long as its time lasted and got none,
// or that too many wait already. It is an outage: the caller is neither let in nor signed out,
// and may come again.
var ErrOverloaded = fmt.Errorf("middleware: overloaded: %w", ErrUnavailable)

// LimitVerifier returns a verifier that runs at most n verifications of v at once, at
// least one. The others wait for a place until the deadline of their context, 250 ms where there
// is none, and then fail with [ErrOverloaded]: after a deploy no token is known, and all callers
// come at once. At most some 8,000 wait; more are refused at once.
//
// Whose token it is nobody knows yet, and what it claims an attacker has chosen, so there
// are no shares of tenants here. Places are shared by the client's address, where the
// [Authenticator] calls: one that becomes free goes to the waiting client that holds the fewest,
// and an eighth of all is kept for clients that hold fewer than that. All addresses of one /64
// of IPv6 are one client. Behind a proxy the address is the client's only with an
// [echo.Echo.IPExtractor], see [Proxies].
//
// Signed-in callers do not wait behind strangers: a token that v can recall, as
// [token.Verifier.Cached] does, needs no place.
//
// Refusals go out one each millisecond, after a burst of 16, and none is held longer than
// 200 ms: a client that sends forged tokens one after the other waits, and nobody else does. So
// do answers that an issuer's keys cannot be had, which while its provider is out is said of
// whatever key a stranger makes up.
//
// A verification that waits for an issuer's keys holds its place, so n is more than can
// wait for them at a time, which for one jwks.Fetcher are 64.
func LimitVerifier(v Verifier, n int) Verifier {
	known, _ := v.(recaller)
	return &limitedVerifier{verifier: v, known: known, limiter: newLimiter(n, n), proofs: newLimiter(n, n)}
}

// recaller knows tokens that it need not verify again.
type recaller interface {
	Recall(raw string) (*token.Verified, bool)
}

type limitedVerifier struct {
	verifier Verifier
	known    recaller // nil for none
	limiter  *limiter
	refused  pacer
	proofs   *limiter // for DPoP proofs of tokens that were verified
	unproved pacer
}

func (l *limitedVerifier) Verify(ctx context.Context, raw string) (*token.Verified, error) {
	if l.known != nil {
		if verified, ok := l.known.Recall(raw); ok {
			return verified, nil
		}
	}
	place, err := l.limiter.acquireFor(ctx, party{client: clientIn(ctx)})
	if err != nil {
		l.refused.hold(ctx)
		return nil, err
	}
	verified, err := l.verify(ctx, raw, place)
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnavailable) {
		l.refused.hold(ctx)
	}
	return verified, err
}

func (l *limitedVerifier) verify(ctx context.Context, raw string, place *share) (*token.Verified, error) {
	defer l.limiter.release(place)
	return l.verifier.Verify(ctx, raw)
}

// tenantBurst is how many loads one tenant may have beyond its limit in a row: as many users as
// come back at once after a deploy, and for each of them a second load.
const tenantBurst = 2048

// LimitLoader returns a loader that runs at most n loads of next at once, at least one. The
// others wait for a place until the deadline of their context, 250 ms where there is none, and
// then fail with [ErrOverloaded], at once: their callers are known. A load that has less time
// left than loads have taken lately fails as well, rather than take the place of another. At
// most some 8,000 wait while one tenant does, twice that when several do, and each tenant has
// its part of the queue.
//
// Places are shared by tenant: one that becomes free goes to the waiting tenant that holds
// the fewest, whoever came first; and an eighth of all, at least one, is kept for tenants that
// hold fewer than that. No tenant holds more than each, from 1 to n, but for a burst: 2,048
// loads beyond that, of which it gets back 250 a second. A tenant that floods has soon used
// that up, waits for itself, and does not take the processor from the others. One that is
// alone, for the last 10,000 loads, may use every place.
func LimitLoader(next Loader, n, each int) Loader {
	l := newLimiter(n, each)
	l.burst = tenantBurst
	return &limitedLoader{next, l, newLimiter(max(n/8, 2*each), each)}
}

type limitedLoader struct {
	loader  Loader
	limiter *limiter
	lists   *limiter // without a burst: a list is as much as a hundred loads
}

func (l *limitedLoader) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	place, err := l.limiter.acquire(ctx, ref.Tenant)
	if err != nil {
		return session.Session{}, err
	}
	defer l.limiter.release(place)
	return l.loader.Load(ctx, ref)
}
