package middleware

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// Headers of RFC 9449.
const (
	headerDPoP      = "DPoP"
	headerDPoPNonce = "DPoP-Nonce"
)

// DPoP accepts sender-constrained tokens (RFC 9449): a stolen token is useless without the
// sender's key.
//
//	Authorization: DPoP <token>
//	DPoP: <a proof, signed by the key for this one request>
//
// Each proof is accepted once, whichever instance it reaches. A retry needs a new proof, since a
// proof cannot tell the client from a replay. Scripts of other origins need both headers in the Headers of [CORS].
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

	binds     bindThrottle
	refreshes bindThrottle // those that were refused
}

// prove returns the token as one that may name a session. A bound token needs the proof
// of its key, and never counts as a bearer token, with whatever header it comes and
// whether DPoP is configured or not.
func (a *Authenticator) prove(ctx context.Context, x *exchange, credential credential, verified *token.Verified) (*token.Verified, error) {
	if credential.dpop {
		return a.proveBound(ctx, x, credential.raw, verified)
	}
	switch {
	case verified.Thumbprint() != "":
		return nil, fmt.Errorf("%w: a bound token, from a bearer", token.ErrInvalid)
	case a.dpop != nil && a.dpop.Always:
		return nil, ErrDPoPRequired
	}
	return verified, nil
}

func (a *Authenticator) proveBound(ctx context.Context, x *exchange, raw string, verified *token.Verified) (*token.Verified, error) {
	if len(x.r.Header.Values(headerDPoP)) == 0 {
		return nil, fmt.Errorf("%w: the scheme DPoP without a proof", token.ErrInvalid)
	}
	proof, err := a.verifyProof(ctx, x, func() (*token.DPoPProof, error) { return a.dpop.verify(x.w, x.r, raw) })
	if err != nil {
		return nil, err
	}
	proved, err := verified.Prove(proof)
	if err != nil {
		return nil, err
	}
	if err := a.useProof(ctx, named(proved).Tenant, func() error { return a.dpop.once(ctx, x.w, proof, proof.Thumbprint()) }); err != nil {
		return nil, err
	}
	return proved, nil
}

// Bind verifies the proof that came with a request for a token, and returns the thumbprint
// of its key for token.Signer's SignBound. It is for the handlers that sign users in and
// refresh their tokens; such a request carries no access token, and its proof is for none
// (RFC 9449 §5). Errors are answered by the middleware when a handler returns them.
//
// It writes the proof to the Replay store, so a handler calls it after it has authenticated the
// user. Where anonymous clients can call it all the same, each is bounded and throttled: an address, as
// authz.Caller.Address says it, or a /64 of IPv6, has 100 at once and then 20 in a second, on
// each instance. One that comes earlier waits for its turn, up to 200 ms, and otherwise gets
// [ErrOverloaded] before its proof is looked at. Outside of the middleware, the address is that
// of the connection.
func (d *DPoP) Bind(w http.ResponseWriter, r *http.Request) (thumbprint string, err error) {
	ctx, client := r.Context(), clientOf(clientIP(r))
	if d != nil {
		if err := d.binds.wait(ctx, client); err != nil {
			return "", err
		}
	}
	proof, err := d.verify(w, r, "")
	if err != nil {
		return "", err
	}
	if err := d.once(ctx, w, proof, client.String()); err != nil {
		return "", err
	}
	return proof.Thumbprint(), nil
}

// verify returns the proof of a request for raw. Nothing of it is remembered yet.
func (d *DPoP) verify(w http.ResponseWriter, r *http.Request, raw string) (*token.DPoPProof, error) {
	if d == nil || d.Proofs == nil || d.Replay == nil {
		return nil, fmt.Errorf("%w: no DPoP verifier or no replay store", ErrUnavailable)
	}
	headers := r.Header.Values(headerDPoP)
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
		giveNonce(w, nonce)
	}
	return nil, asOutage(err)
}

// once marks the proof as used. It is the last check, so that a request that is refused
// for anything else writes nothing to the store. Then the client is told its next nonce. A
// store may bound what one client takes up.
func (d *DPoP) once(ctx context.Context, w http.ResponseWriter, proof *token.DPoPProof, client string) error {
	fresh, err := d.Replay.Use(session.WithClient(ctx, client), proof.ReplayKey(), proof.ReplayTTL())
	if err != nil {
		return fmt.Errorf("%w: replay store: %w", ErrUnavailable, err)
	}
	if !fresh {
		return fmt.Errorf("%w: it was used before", token.ErrInvalidProof)
	}
	if next := proof.NextNonce(); next != "" {
		giveNonce(w, next)
	}
	return nil
}

// giveNonce tells the client the nonce for its next proof. A cached answer would tell it
// to others, later (RFC 9449 §8.2). Scripts of other origins, where CORS lets them ask at
// all, read a header only when it is named to them.
func giveNonce(w http.ResponseWriter, nonce string) {
	h := w.Header()
	h.Set(headerDPoPNonce, nonce)
	h.Set("Cache-Control", "no-store")
	h.Add("Access-Control-Expose-Headers", "DPoP-Nonce, WWW-Authenticate")
}

// clientIP is the address of the client of r as the middleware knows it, and else that of the
// connection.
func clientIP(r *http.Request) netip.Addr {
	if caller, ok := r.Context().Value(reqctx.CallerKey).(interface{ Address() netip.Addr }); ok {
		return caller.Address()
	}
	return ConnectionIP(r)
}

// clone returns a copy for an Authenticator to keep. A nil DPoP stays nil.
func (d *DPoP) clone() *DPoP {
	if d == nil {
		return nil
	}
	return &DPoP{Proofs: d.Proofs, Replay: d.Replay, Always: d.Always}
}

// challenge completes the challenge of p with what the service accepts (RFC 9449 §7.1):
// the scheme DPoP with its algorithms, and Bearer beside it unless Always. A nil DPoP
// changes nothing.
func (d *DPoP) challenge(p Problem) Problem {
	if d == nil || d.Proofs == nil || !p.Challenge.Sent {
		return p
	}
	p.Challenge.Algorithms = d.Proofs.Algorithms()
	p.Challenge.DPoPOnly = p.Challenge.DPoPOnly || d.Always
	return p
}
