package middleware

import (
	"context"
	"fmt"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// Headers of RFC 9449.
const (
	HeaderDPoP      = "DPoP"
	HeaderDPoPNonce = "DPoP-Nonce"
)

// DPoP accepts tokens that are bound to their sender's key (RFC 9449), so that a stolen
// one is of no use without it:
//
//	Authorization: DPoP <token>
//	DPoP: <a proof, signed by the key for this one request>
//
// Each proof is accepted once, on whatever instance. A client that repeats a request signs
// a new proof for it: what one request proves, its repetition by somebody else would prove
// too. Scripts of other origins need both headers in the Headers of [CORS].
type DPoP struct {
	// Proofs verifies proofs. Required; see [token.NewDPoPVerifier].
	Proofs *token.DPoPVerifier

	// Replay remembers the proofs that were used. Required: for more than one instance the
	// Replay of a redisstore.Store, otherwise a memstore.Replay. While it cannot tell,
	// requests with a proof are answered 503.
	Replay token.ReplayStore

	// Always refuses every token that is not bound, cookies among them. Default: bearer
	// tokens are accepted too, where authz.RequireDPoP does not ask for more.
	Always bool

	binds     bindPace
	refreshes bindPace // those that were refused
}

// prove returns the token as one that may name a session. A bound token needs the proof
// of its key, and never counts as a bearer token, with whatever header it comes and
// whether DPoP is configured or not.
func (a *Authenticator) prove(ctx context.Context, c echo.Context, credential Credential, verified *token.Verified) (*token.Verified, error) {
	if credential.dpop {
		return a.proveBound(ctx, c, credential.raw, verified)
	}
	switch {
	case verified.Thumbprint() != "":
		return nil, fmt.Errorf("%w: a bound token, from a bearer", token.ErrInvalid)
	case a.DPoP != nil && a.DPoP.Always:
		return nil, ErrProofRequired
	}
	return verified, nil
}

func (a *Authenticator) proveBound(ctx context.Context, c echo.Context, raw string, verified *token.Verified) (*token.Verified, error) {
	if len(c.Request().Header.Values(HeaderDPoP)) == 0 {
		return nil, fmt.Errorf("%w: the scheme DPoP without a proof", token.ErrInvalid)
	}
	proof, err := a.limitedProof(ctx, func() (*token.DPoPProof, error) { return a.DPoP.verify(c, raw) })
	if err != nil {
		return nil, err
	}
	proved, err := verified.Prove(proof)
	if err != nil {
		return nil, err
	}
	if err := a.limitedUse(ctx, proved.Ref().Tenant, func() error { return a.DPoP.once(ctx, c, proof, proof.Thumbprint()) }); err != nil {
		return nil, err
	}
	return proved, nil
}

// Bind verifies the proof that came with a request for a token, and returns the thumbprint
// of its key for token.Signer's SignBound. It is for the handlers that sign users in and
// refresh their tokens; such a request carries no access token, and its proof is for none
// (RFC 9449 §5). Errors are answered by the middleware when a handler returns them.
//
// It writes the proof to the Replay store, so a handler calls it when it knows who asks. Where
// strangers can call it all the same, each client is bounded and paced: an address, as
// authz.Caller.Address says it, or a /64 of IPv6, has 100 at once and then 20 in a second, on
// each instance. One that comes earlier waits for its turn, up to 200 ms, and otherwise gets
// [ErrOverloaded] before its proof is looked at. Behind a proxy an IPExtractor must tell clients
// apart: see [Proxies].
func (d *DPoP) Bind(c echo.Context) (thumbprint string, err error) {
	ctx, client := c.Request().Context(), clientAddress(c)
	if d != nil {
		if err := d.binds.wait(ctx, client); err != nil {
			return "", err
		}
	}
	proof, err := d.verify(c, "")
	if err != nil {
		return "", err
	}
	if err := d.once(ctx, c, proof, client.String()); err != nil {
		return "", err
	}
	return proof.Thumbprint(), nil
}

// verify returns the proof of a request for raw. Nothing of it is remembered yet.
func (d *DPoP) verify(c echo.Context, raw string) (*token.DPoPProof, error) {
	if d == nil || d.Proofs == nil || d.Replay == nil {
		return nil, fmt.Errorf("%w: no DPoP verifier or no replay store", ErrUnavailable)
	}
	r := c.Request()
	headers := r.Header.Values(HeaderDPoP)
	if len(headers) != 1 {
		return nil, fmt.Errorf("%w: %d DPoP headers", token.ErrInvalidProof, len(headers))
	}
	path, ok := sentPath(r)
	if !ok {
		return nil, fmt.Errorf("%w: the target is not a path", ErrAmbiguousRequest)
	}
	proof, err := d.Proofs.Verify(headers[0], token.DPoPRequest{Method: r.Method, Path: path, Token: raw})
	if err == nil {
		return proof, nil
	}
	if nonce := d.Proofs.Nonce(); nonce != "" {
		giveNonce(c, nonce)
	}
	return nil, undecided(err)
}

// once marks the proof as used. It is the last check, so that a request that is refused
// for anything else writes nothing to the store. Then the client is told its next nonce. A
// store may bound what one client takes up.
func (d *DPoP) once(ctx context.Context, c echo.Context, proof *token.DPoPProof, client string) error {
	fresh, err := d.Replay.Use(session.WithClient(ctx, client), proof.ReplayKey(), proof.ReplayTTL())
	if err != nil {
		return fmt.Errorf("%w: replay store: %w", ErrUnavailable, err)
	}
	if !fresh {
		return fmt.Errorf("%w: it was used before", token.ErrInvalidProof)
	}
	if next := proof.NextNonce(); next != "" {
		giveNonce(c, next)
	}
	return nil
}

// giveNonce tells the client the nonce for its next proof. A cached answer would tell it
// to others, later (RFC 9449 §8.2). Scripts of other origins, where CORS lets them ask at
// all, read a header only when it is named to them.
func giveNonce(c echo.Context, nonce string) {
	h := c.Response().Header()
	h.Set(HeaderDPoPNonce, nonce)
	h.Set("Cache-Control", "no-store")
	h.Add("Access-Control-Expose-Headers", "DPoP-Nonce, WWW-Authenticate")
}

// Clone returns a copy for a middleware to keep. A nil DPoP stays nil.
func (d *DPoP) Clone() *DPoP {
	if d == nil {
		return nil
	}
	return &DPoP{Proofs: d.Proofs, Replay: d.Replay, Always: d.Always}
}

// Challenge completes the challenge of p with what this service accepts (RFC 9449 §7.1):
// the scheme DPoP with its algorithms, and Bearer beside it unless Always. A nil DPoP
// changes nothing.
func (d *DPoP) Challenge(p Problem) Problem {
	if d == nil || d.Proofs == nil || !p.Challenge {
		return p
	}
	p.Algorithms = d.Proofs.Algorithms()
	p.DPoPOnly = p.DPoPOnly || d.Always
	return p
}
