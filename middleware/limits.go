package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/reevehq/reeve/internal/fairlimit"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// ErrOverloaded means that a request waited for a slot until the queue timeout, or that too many
// wait already. It is an outage: the session stays valid and the client may retry.
var ErrOverloaded = fmt.Errorf("middleware: overloaded: %w", ErrUnavailable)

var (
	errQueueFull = fmt.Errorf("%w: too many requests wait", ErrOverloaded)
	errLate      = fmt.Errorf("%w: the request came with no time left: %w", ErrUnavailable, context.DeadlineExceeded)
)

// limited returns the error of a limiter as one of ours.
func limited(err error) error {
	switch {
	case errors.Is(err, fairlimit.ErrTimeout):
		return ErrOverloaded
	case errors.Is(err, fairlimit.ErrQueueFull):
		return errQueueFull
	case errors.Is(err, fairlimit.ErrLate):
		return errLate
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// tenantBurst is how many loads one tenant may have beyond its limit in a row: as many users as
// come back at once after a deploy, and for each of them a second load.
const tenantBurst = 2048

// limits bounds what an Authenticator does at once.
type limits struct {
	tokens   *fairlimit.Limiter[netip.Prefix] // tokens that are verified, by client
	refused  fairlimit.Delayer
	proofs   *fairlimit.Limiter[netip.Prefix] // DPoP proofs of tokens that were verified
	unproved fairlimit.Delayer
	loads    *fairlimit.Limiter[tenant.ID]
	lists    *fairlimit.Limiter[tenant.ID] // without a burst: a list is as much as a hundred loads
}

func newLimits(verifications, loads, tenantLoads int) *limits {
	return &limits{
		tokens: fairlimit.New[netip.Prefix](verifications, verifications, 0),
		proofs: fairlimit.New[netip.Prefix](verifications, verifications, 0),
		loads:  fairlimit.New[tenant.ID](loads, tenantLoads, tenantBurst),
		lists:  fairlimit.New[tenant.ID](max(loads/8, 2*tenantLoads), tenantLoads, 0),
	}
}

// cachedVerifier is a Verifier that remembers tokens, as a [token.Verifier] does.
type cachedVerifier interface {
	Cached(raw string) (*token.Verified, bool)
}

var _ cachedVerifier = (*token.Verifier)(nil)

// headerVerifier is a Verifier of issuers whose tokens come in headers of their own, as a
// [token.Verifier] is.
type headerVerifier interface {
	Headers() []string
	VerifyHeader(ctx context.Context, name, raw string) (*token.Verified, error)
	CachedHeader(name, raw string) (*token.Verified, bool)
}

var _ headerVerifier = (*token.Verifier)(nil)

// verify verifies a token within the limits.
func (a *Authenticator) verify(ctx context.Context, x *exchange, found credential) (verified *token.Verified, err error) {
	err = trace(ctx, a.tracer, StageVerify, func(ctx context.Context) error {
		verified, err = a.verifyLimited(ctx, x, found)
		return err
	})
	return verified, err
}

func (a *Authenticator) verifyLimited(ctx context.Context, x *exchange, found credential) (*token.Verified, error) {
	if !x.unseen {
		if verified, ok := a.cachedToken(found); ok {
			return verified, nil
		}
	}
	l := a.limits
	slot, err := l.tokens.Acquire(ctx, x.client())
	if err != nil {
		l.refused.Delay(ctx)
		return nil, limited(err)
	}
	verified, err := a.verifyIn(ctx, found, slot)
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnavailable) {
		l.refused.Delay(ctx)
	}
	return verified, err
}

// cachedToken returns a token that is remembered from where it came.
func (a *Authenticator) cachedToken(found credential) (*token.Verified, bool) {
	switch {
	case found.header != "":
		return a.headers.CachedHeader(found.header, found.raw)
	case a.cached != nil:
		return a.cached.Cached(found.raw)
	}
	return nil, false
}

func (a *Authenticator) verifyIn(ctx context.Context, found credential, slot *fairlimit.Slot) (*token.Verified, error) {
	defer a.limits.tokens.Release(slot)
	if found.header != "" {
		return a.headers.VerifyHeader(ctx, found.header, found.raw)
	}
	return a.tokens.Verify(ctx, found.raw)
}

// Load loads a session within the limits. It does not say what an error means for a request.
func (a *Authenticator) Load(ctx context.Context, ref session.Ref) (s session.Session, err error) {
	if a.limits == nil {
		return s, fmt.Errorf("%w: the Authenticator is not made by NewAuthenticator", ErrUnavailable)
	}
	if a.tracer == nil {
		return a.load(ctx, ref)
	}
	err = traced(ctx, a.tracer, StageLoad, func(ctx context.Context) error {
		s, err = a.load(ctx, ref)
		return err
	})
	return s, err
}

func (a *Authenticator) load(ctx context.Context, ref session.Ref) (session.Session, error) {
	slot, err := a.limits.loads.Acquire(ctx, ref.Tenant)
	if err != nil {
		return session.Session{}, limited(err)
	}
	defer a.limits.loads.Release(slot)
	return a.sessions.Load(ctx, ref)
}

// A DPoP proof is a signature to verify and a write to the store for every request, which
// nothing caches, so it is bounded like the verification of an unknown token and like a load.
// Only clients with a good token come this far, so others take none of these slots.

// verifyProof verifies a proof. At most as many are verified at once as tokens are, the others
// wait, and refusals are throttled by themselves. The tenant of the token counts for nothing:
// until the proof is verified, the token may be stolen.
func (a *Authenticator) verifyProof(ctx context.Context, x *exchange, verify func() (*token.DPoPProof, error)) (proof *token.DPoPProof, err error) {
	err = trace(ctx, a.tracer, StageProof, func(ctx context.Context) error {
		proof, err = a.verifyProofLimited(ctx, x.client(), verify)
		return err
	})
	return proof, err
}

func (a *Authenticator) verifyProofLimited(ctx context.Context, client netip.Prefix, verify func() (*token.DPoPProof, error)) (*token.DPoPProof, error) {
	l := a.limits
	slot, err := l.proofs.Acquire(ctx, client)
	if err != nil {
		l.unproved.Delay(ctx)
		return nil, limited(err)
	}
	proof, err := func() (*token.DPoPProof, error) {
		defer l.proofs.Release(slot)
		return verify()
	}()
	if errors.Is(err, token.ErrInvalidProof) {
		l.unproved.Delay(ctx)
	}
	return proof, err
}

// useProof marks a proof of a tenant's token as used, which counts as a load of the tenant.
func (a *Authenticator) useProof(ctx context.Context, t tenant.ID, use func() error) error {
	slot, err := a.limits.loads.Acquire(ctx, t)
	if err != nil {
		return limited(err)
	}
	defer a.limits.loads.Release(slot)
	return use()
}

var _ session.Share = (*Authenticator)(nil)

// Enter implements [session.Share]: a handler's read of its tenant's sessions waits for a slot
// of that tenant as a load does, without a burst.
func (a *Authenticator) Enter(ctx context.Context, t tenant.ID) (leave func(), err error) {
	slot, err := a.limits.lists.Acquire(ctx, t)
	if err != nil {
		return nil, limited(err)
	}
	return func() { a.limits.lists.Release(slot) }, nil
}
