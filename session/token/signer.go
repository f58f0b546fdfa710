package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/session"
)

// Limits and defaults of a [SignerConfig].
const (
	defaultLifetime = 5 * time.Minute
	maxLifetime     = 24 * time.Hour
)

// SignerConfig says how a [Signer] signs. It holds a private key and redacts itself in
// every printer that it is passed to.
type SignerConfig struct {
	redact

	// Issuer is the iss claim: the name under which other services trust this one.
	// Required. Printable ASCII, at most 255 bytes.
	Issuer string

	// Audience is the aud claim: the service that is to accept the tokens, often the one
	// that signs them. Required. Printable ASCII, at most 255 bytes.
	Audience string

	// KeyID is the kid header and names the key in the published set. Required. A new key
	// needs a new id. Printable ASCII, at most 128 bytes.
	KeyID string

	// Algorithm is that of Key's signatures. Required; EdDSA unless a reader cannot do it. Tokens
	// and the published set name it as it is written here; [Ed25519] is for readers that know that
	// name alone.
	Algorithm Algorithm

	// Key is the private key. Required: [session.NewPrivateKey] of an [ed25519.PrivateKey] for
	// EdDSA and Ed25519, an *[ecdsa.PrivateKey] on the curve of ES256, ES384 or ES512, an
	// *[rsa.PrivateKey] of 2048 to 8192 bits for those of RSA; and for those of HMAC
	// [session.NewSecretKey] of random bytes, at least as many as the hash has: 32, 48 or 64.
	// [session.ParseSecretKey] reads each of them from text.
	Key session.SecretKey

	// Lifetime is how long a token is valid; it never outlives its session. A short one
	// bounds what a stolen token is good for. In whole seconds, a fraction is cut off.
	// Default 5 minutes, at least 1 s, at most 24 h.
	Lifetime time.Duration

	// ClientID is the client_id claim, which RFC 9068 §2.2 requires: the application that
	// asked for the token. Default Issuer: a service that signs for the users it has
	// signed in itself is its own client. Printable ASCII, at most 255 bytes.
	ClientID string

	// TenantClaim and SessionClaim name the claims of the tenant and the session id.
	// Defaults "tenant" and "sid". They follow the rules of the fields of [Issuer].
	TenantClaim, SessionClaim string
}

// Signer issues access tokens (RFC 9068) for sessions; [NewSigner] makes one. It is immutable and safe for
// concurrent use, and redacts itself in every printer.
type Signer struct {
	redact
	sealed[signer]
}

type signer struct {
	cfg     SignerConfig
	private any
	public  *KeySet
	header  string // encoded, with its dot
}

// NewSigner returns a signer, or every problem of cfg. It signs once and verifies that, so that a private key which does
// not belong to its own public half is found here.
func NewSigner(cfg SignerConfig) (*Signer, error) {
	if cfg.Lifetime == 0 {
		cfg.Lifetime = defaultLifetime
	}
	if cfg.ClientID == "" {
		cfg.ClientID = cfg.Issuer
	}
	if cfg.TenantClaim == "" {
		cfg.TenantClaim = defaultTenantClaim
	}
	if cfg.SessionClaim == "" {
		cfg.SessionClaim = defaultSessionClaim
	}
	private, set, err := keyPair(cfg)
	if err := cfg.validate(err); err != nil {
		return nil, err
	}
	head := append(appendObject(nil, "alg", string(cfg.Algorithm), "kid", cfg.KeyID, "typ", "at+jwt"), '}')
	cfg.Key = session.SecretKey{}
	return &Signer{sealed: seal(&signer{cfg, private, set, base64.RawURLEncoding.EncodeToString(head) + "."})}, nil
}

// validate returns every problem. That of the key is known.
func (cfg SignerConfig) validate(key error) error {
	errs := []error{checkText("Issuer", cfg.Issuer), checkText("Audience", cfg.Audience)}
	if !printable(cfg.KeyID, maxKeyID) {
		errs = append(errs, errors.New("KeyID: required, printable ASCII of at most 128 bytes"))
	}
	if !cfg.Algorithm.known() {
		errs = append(errs, fmt.Errorf("Algorithm: %s is not one of %s", quote(string(cfg.Algorithm)), algorithmsThat(Algorithm.known)))
	}
	if key != nil {
		errs = append(errs, fmt.Errorf("Key: %w", key))
	}
	if cfg.Lifetime < time.Second || cfg.Lifetime > maxLifetime {
		errs = append(errs, fmt.Errorf("Lifetime: %v, 1s to %v is allowed", cfg.Lifetime, maxLifetime))
	}
	if cfg.ClientID != "" && !printable(cfg.ClientID, maxText) {
		errs = append(errs, errors.New("ClientID: not printable ASCII of at most 255 bytes"))
	}
	var problems configerr.Problems
	problems.Append(append(errs, checkClaimNames(cfg.TenantClaim, cfg.SessionClaim)...)...)
	return problems.Err("token", nil)
}

// keyPair returns the private key and the set of the one Key that verifies what it signs. Nothing can
// be said of a key without an id or an algorithm: it returns no error for one then.
func keyPair(cfg SignerConfig) (any, *KeySet, error) {
	if cfg.Key.IsZero() {
		return nil, nil, errors.New("required")
	}
	if !cfg.Algorithm.known() || !printable(cfg.KeyID, maxKeyID) {
		return nil, nil, nil
	}
	private, public := any(cfg.Key.Signer()), any(nil)
	switch key := private.(type) {
	case ed25519.PrivateKey:
		if len(key) != ed25519.PrivateKeySize {
			return nil, nil, fmt.Errorf("%d bytes, want %d", len(key), ed25519.PrivateKeySize)
		}
		public = key.Public()
	case *ecdsa.PrivateKey:
		//lint:ignore SA1019 signing panics without it
		if key == nil || key.D == nil {
			return nil, nil, errors.New("a nil pointer or no private part")
		}
		public = &key.PublicKey
	case *rsa.PrivateKey:
		if key == nil || key.D == nil {
			return nil, nil, errors.New("a nil pointer or no private part")
		}
		public = &key.PublicKey
	case nil:
		private, public = cfg.Key.Bytes(), cfg.Key
	default:
		return nil, nil, fmt.Errorf("%T is no ed25519.PrivateKey, *ecdsa.PrivateKey or *rsa.PrivateKey", key)
	}
	verification, err := NewKey(cfg.KeyID, cfg.Algorithm, public)
	if err != nil {
		return nil, nil, err
	}
	const probe = "reeve: does this key verify what it signs?"
	signature, err := cfg.Algorithm.scheme().method.Sign(probe, private)
	if err != nil || !verification.verify(probe, signature) {
		return nil, nil, errors.New("does not verify what it signs")
	}
	set, err := NewKeySet(verification)
	return private, set, err
}

// Sign issues a token for a live session. It expires after the configured lifetime or
// with the session, whichever is first. The claims are iss, sub, aud, exp, iat, a random
// jti, client_id, the tenant and the session id; there is no nbf, since iat says the same.
//
// A session without tenant, user or id is refused with session.ErrInvalidID, one that has
// expired, is about to within the second, or is that of a user who acts as another meanwhile,
// with session.ErrNotFound. One that is bound to a key ([session.KeyAttribute]) is refused with
// session.ErrInvalid: a token that anybody can use would undo the binding. It needs
// [Signer.SignBound].
func (s *Signer) Sign(sess session.Session) (SignedToken, error) { return s.sign(sess, "") }

// SignBound is [Signer.Sign] for a token that is bound to the key with the given
// thumbprint, usually that of the [DPoPProof] which came with the request for the token (RFC
// 9449 §5). A service that refreshes such tokens keeps the thumbprint with the session, as
// [session.KeyAttribute], and compares it each time, or a stolen refresh token binds to the
// thief's key. Of a session that is bound to another key it is session.ErrInvalid.
func (s *Signer) SignBound(sess session.Session, thumbprint string) (SignedToken, error) {
	if !isThumbprint(thumbprint) {
		return SignedToken{}, errors.New("token: sign: not a SHA-256 thumbprint")
	}
	return s.sign(sess, thumbprint)
}

func (s *Signer) sign(sess session.Session, thumbprint string) (SignedToken, error) {
	ref := sess.Ref()
	if err := ref.Validate(); err != nil {
		return SignedToken{}, fmt.Errorf("token: sign: %w", err)
	}
	if key, bound := sess.Attributes.Get(session.KeyAttribute); bound && (thumbprint == "" || key != thumbprint) {
		return SignedToken{}, fmt.Errorf("token: sign: %w: the session is bound to a key, use SignBound with its thumbprint", session.ErrInvalid)
	}
	if !sess.Acting.IsZero() {
		return SignedToken{}, fmt.Errorf("token: sign: the user acts as another: %w", session.ErrNotFound)
	}
	cfg := &s.get().cfg
	now := time.Now().Unix()
	expires := min(now+int64(cfg.Lifetime/time.Second), sess.ExpiresAt.Unix())
	if expires <= now {
		return SignedToken{}, fmt.Errorf("token: sign: the session has expired: %w", session.ErrNotFound)
	}
	payload := appendObject(nil,
		"iss", cfg.Issuer,
		"sub", ref.User.String(),
		"aud", cfg.Audience,
		"client_id", cfg.ClientID,
		"jti", rand.Text(),
		cfg.TenantClaim, ref.Tenant.String(),
		cfg.SessionClaim, ref.ID.Reveal(),
	)
	payload = strconv.AppendInt(append(payload, `,"iat":`...), now, 10)
	payload = strconv.AppendInt(append(payload, `,"exp":`...), expires, 10)
	if thumbprint != "" {
		payload = append(appendObject(append(payload, `,"cnf":`...), "jkt", thumbprint), '}')
	}
	payload = append(payload, '}')

	signing := s.get().header + base64.RawURLEncoding.EncodeToString(payload)
	signature, err := cfg.Algorithm.scheme().method.Sign(signing, s.get().private)
	if err != nil {
		return SignedToken{}, fmt.Errorf("token: sign: %w", err)
	}
	text := signing + "." + base64.RawURLEncoding.EncodeToString(signature)
	return SignedToken{text: seal(&text), expires: time.Unix(expires, 0).UTC()}, nil
}

// Issuer returns the entry for [NewVerifier] that accepts what s signs. Its keys hold the
// secret when the algorithm is one of HMAC.
func (s *Signer) Issuer() Issuer {
	cfg := &s.get().cfg
	return Issuer{
		Name:         cfg.Issuer,
		Audience:     cfg.Audience,
		Algorithms:   []Algorithm{cfg.Algorithm},
		Keys:         s.get().public,
		TenantClaim:  cfg.TenantClaim,
		SessionClaim: cfg.SessionClaim,
		OwnSessions:  true,
	}
}

// Key returns the key that verifies what s signs. With the key of a former or a future
// signer it makes the [KeySet] of a time of transition.
func (s *Signer) Key() Key { return s.get().public.ordered[0] }

// JWKS returns the public key as a document of media type application/jwk-set+json, for other services.
// It is an error for an algorithm of HMAC, whose key is secret.
func (s *Signer) JWKS() ([]byte, error) { return s.get().public.JWKS() }

// SignedToken is an issued token. It redacts itself in every printer; [SignedToken.Reveal] is the
// one way to its text.
type SignedToken struct {
	redact
	text    sealed[string]
	expires time.Time
}

// Reveal returns the token for the client that is to have it. The result is a secret.
func (s SignedToken) Reveal() string {
	if text := s.text.get(); text != nil {
		return *text
	}
	return ""
}

// ExpiresAt returns when the token expires, to the second.
func (s SignedToken) ExpiresAt() time.Time { return s.expires }
