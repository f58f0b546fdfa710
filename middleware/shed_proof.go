package middleware

import (
	"context"
	"errors"

	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// A DPoP proof is a signature to verify and a write to the store for every request, which
// nothing remembers, so it is bounded like a token's first sight and like a load. Only who
// has sent a good token comes this far: strangers take none of these places.

// limitedProof verifies a proof. At most as many are verified at once as tokens are, the others
// wait, and bad ones are refused at a pace of their own. Whose it is counts for nothing: until
// it is verified, the token may be stolen.
func (a *Authenticator) limitedProof(ctx context.Context, verify func() (*token.DPoPProof, error)) (*token.DPoPProof, error) {
	l, ok := a.Tokens.(*limitedVerifier)
	if !ok {
		return verify()
	}
	place, err := l.proofs.acquireFor(ctx, party{client: clientIn(ctx)})
	if err != nil {
		l.unproved.hold(ctx)
		return nil, err
	}
	proof, err := func() (*token.DPoPProof, error) {
		defer l.proofs.release(place)
		return verify()
	}()
	if errors.Is(err, token.ErrInvalidProof) {
		l.unproved.hold(ctx)
	}
	return proof, err
}

// limitedUse marks a proof of a tenant's token as used, which counts as a load of it.
func (a *Authenticator) limitedUse(ctx context.Context, t tenant.ID, use func() error) error {
	l, ok := a.Sessions.(*limitedLoader)
	if !ok {
		return use()
	}
	place, err := l.limiter.acquire(ctx, t)
	if err != nil {
		return err
	}
	defer l.limiter.release(place)
	return use()
}
