package token

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/session"
)

// Limits and defaults of a [DPoPConfig].
const (
	// MaxProofLength is the longest DPoP proof that is looked at, in bytes. The longest
	// genuine one carries an RSA key of 8192 bits and its signature.
	MaxProofLength = 4 << 10

	defaultProofWindow = 60 * time.Second
	maxProofWindow     = 300 * time.Second
	maxProofID         = 128 // bytes
	maxOrigins         = 32
)

// DPoPConfig says which DPoP proofs are accepted (RFC 9449). It may hold a secret and
// redacts itself in every printer that it is passed to.
type DPoPConfig struct {
	redact

	// Origins are the scheme, host and port under which clients reach this service, such as
	// "https://api.example.com". Required, at most 32. They are configured because they
	// cannot be known behind a proxy that ends TLS, and the client chooses a Host or Forwarded
	// header. "https://*.example.com" stands for every host one label below. http is accepted for
	// loopback hosts alone. The path must reach the service as the client sent it.
	Origins []string

	// Algorithms are those that proofs may be signed with: any that has a public key, a
	// symmetric one never. Default ES256 and EdDSA. Challenges name them as they are written
	// here, in this order: add Ed25519 for clients that look for that name of EdDSA.
	Algorithms []Algorithm

	// Window is how far the time of a proof may be from ours, before or after. Default 60 s,
	// at least 1 s, at most 300 s. Each proof is remembered for twice as long and a minute.
	Window time.Duration

	// NonceKey, when set, makes a nonce of ours a part of every proof (RFC 9449 §9), so that
	// none can be made in store. A client learns the nonce from the DPoP-Nonce header of its
	// first refusal, at the price of one more request every few minutes. At least 32 random
	// bytes, the same on every instance; changing it costs each client one more request.
	// Default: none.
	NonceKey session.SecretKey
}

// DPoPVerifier verifies DPoP proofs; [NewDPoPVerifier] makes one. It is immutable and
// safe for concurrent use. The zero ProofVerifier refuses every proof.
type DPoPVerifier struct {
	redact
	origins    []origin
	algorithms []Algorithm // canonical
	names      []Algorithm // as they were configured
	window     time.Duration
	nonces     sealed[nonces]
}

// NewDPoPVerifier returns a verifier, or every problem of cfg.
func NewDPoPVerifier(cfg DPoPConfig) (*DPoPVerifier, error) {
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = []Algorithm{ES256, EdDSA}
	}
	if cfg.Window == 0 {
		cfg.Window = defaultProofWindow
	}
	v := &DPoPVerifier{algorithms: canonicalOf(cfg.Algorithms), names: slices.Clone(cfg.Algorithms), window: cfg.Window}
	var problems configerr.Problems
	if len(cfg.Origins) == 0 || len(cfg.Origins) > maxOrigins {
		problems.Add("Origins", "%d given, 1 to %d are required", len(cfg.Origins), maxOrigins)
	}
	for _, s := range cfg.Origins {
		o, err := parseOrigin(s)
		if err != nil {
			problems.Add("Origins", "%s: %w", quote(s), err)
		}
		v.origins = append(v.origins, o)
	}
	for n, a := range cfg.Algorithms {
		if !a.public() {
			problems.Add("Algorithms", "%s is not one of %s", quote(string(a)), algorithmsThat(Algorithm.public))
		}
		if slices.Contains(cfg.Algorithms[:n], a) {
			problems.Add("Algorithms", "%s twice", quote(string(a)))
		}
	}
	if cfg.Window < time.Second || cfg.Window > maxProofWindow {
		problems.Add("Window", "%v, 1s to %v is allowed", cfg.Window, maxProofWindow)
	}
	if !cfg.NonceKey.IsZero() {
		if err := cfg.NonceKey.Validate(session.MinKeyLength); err != nil {
			problems.Add("NonceKey", "%w", err)
		}
		v.nonces = seal(newNonces(cfg.NonceKey.Bytes()))
	}
	if err := problems.Err("token", nil); err != nil {
		return nil, err
	}
	return v, nil
}

// Algorithms returns the accepted algorithms as a challenge names them: "ES256 EdDSA".
func (v *DPoPVerifier) Algorithms() string {
	names := make([]string, len(v.names))
	for i, a := range v.names {
		names[i] = string(a)
	}
	return strings.Join(names, " ")
}

// Nonce returns the nonce that proofs are to carry now, and "" when none is required. It
// is public.
func (v *DPoPVerifier) Nonce() string {
	n := v.nonces.get()
	if n == nil {
		return ""
	}
	return n.at(time.Now())
}

// DPoPRequest is the request that a proof came with. It holds a secret and redacts
// itself in every printer that it is passed to.
type DPoPRequest struct {
	redact

	Method string // as it was sent
	Path   string // of the request line, escaped, without query

	// Token is the access token that came with the proof. Empty for a request that asks
	// for its first token, whose proof must then be for none (RFC 9449 §5).
	Token string
}

// DPoPProof is an accepted DPoP proof: the sender of the request holds the key with its
// thumbprint. Only [DPoPVerifier.Verify] fills one. Whether it was used before,
// only a [ReplayStore] knows.
type DPoPProof struct {
	thumbprint string
	tokenID    string
	remember   time.Duration
	nextNonce  string
}

// Thumbprint returns the SHA-256 thumbprint (RFC 7638) of the key that signed the proof, and
// "" for nil.
func (p *DPoPProof) Thumbprint() string {
	if p == nil {
		return ""
	}
	return p.thumbprint
}

// ReplayKey returns what to give to a [ReplayStore]. Two proofs share it when one key
// signed both and they share their jti.
func (p *DPoPProof) ReplayKey() ReplayKey { return replayKey("dpop proof", p.thumbprint, p.tokenID) }

// ReplayTTL returns how long a [ReplayStore] must keep the key: until no instance would
// accept the proof any more, with a minute for clocks that differ.
func (p *DPoPProof) ReplayTTL() time.Duration { return p.remember }

// NextNonce returns the nonce for the client's next proof when the one in this proof is
// about to end, and "" otherwise (RFC 9449 §8.2).
func (p *DPoPProof) NextNonce() string { return p.nextNonce }

// Verify returns what raw proves, an error wrapping [ErrInvalidProof], or one wrapping
// [ErrNonceRequired] when a proof is good but for its nonce. The checks are those of RFC
// 9449 §4.3, in this order:
//
//  1. at most [MaxProofLength] bytes in three segments;
//  2. a strict header: typ dpop+jwt, an accepted alg, a public jwk, nothing else that
//     names or fetches a key; other members are ignored;
//  3. the signature, by the key in the header;
//  4. the claims: jti, the method and URI of this request, iat within the window, and the
//     digest of this access token;
//  5. the nonce, where one is required.
//
// The key is the sender's own choice and grants nothing: [Verified.Prove] compares it with
// the one that the token is bound to.
func (v *DPoPVerifier) Verify(raw string, r DPoPRequest) (*DPoPProof, error) {
	if len(raw) > MaxProofLength {
		return nil, proofRefusal("longer than 4 KiB")
	}
	c, err := splitCompact(raw, MaxLength)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInvalidProof, err)
	}
	key, err := readProofHeader(c.header, v.algorithms)
	if err != nil {
		return nil, err
	}
	if !key.verify(c.signed, c.signature) {
		return nil, proofRefusal("the signature does not verify")
	}
	claims, err := readProofClaims(c.payload)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if err := v.check(claims, r, now); err != nil {
		return nil, err
	}
	next, err := v.checkNonce(claims.nonce, now)
	if err != nil {
		return nil, err
	}
	return &DPoPProof{
		thumbprint: key.Thumbprint(), tokenID: claims.tokenID,
		remember: 2*v.window + replicaSkew, nextNonce: next,
	}, nil
}

func (v *DPoPVerifier) check(c proofClaims, r DPoPRequest, now time.Time) error {
	issued := time.Unix(c.issued, 0)
	switch {
	case c.tokenID == "":
		return proofRefusal("jti is missing")
	case c.method == "" || c.method != r.Method:
		return proofRefusal("htm is not the method of the request")
	case !v.servedAt(c.uri, r.Path):
		return proofRefusal("htu is not the URI of the request")
	case c.issued == absent:
		return proofRefusal("iat is missing")
	case issued.Add(v.window).Before(now):
		return proofRefusal("iat is too long ago")
	case now.Add(v.window).Before(issued):
		return proofRefusal("iat is in the future")
	case r.Token == "" && c.tokenHash != "":
		return proofRefusal("ath where there is no access token")
	case r.Token != "" && c.tokenHash != tokenHash(r.Token):
		return proofRefusal("ath is not the digest of the access token")
	}
	return nil
}

// tokenHash is the ath claim of a proof for an access token (RFC 9449 §4.2).
func tokenHash(raw string) string {
	sum := sha256.Sum256([]byte(raw))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (v *DPoPVerifier) checkNonce(nonce string, now time.Time) (next string, err error) {
	n := v.nonces.get()
	if n == nil {
		return "", nil
	}
	accepted, current := n.accepts(nonce, now)
	if !accepted {
		return "", ErrNonceRequired
	}
	if !current {
		next = n.at(now)
	}
	return next, nil
}
