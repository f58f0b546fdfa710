package session

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// MinKeyLength is the least length of a configured secret in bytes: 256 bits, as much as the
// ciphers and digests use.
const MinKeyLength = 32

// SecretKey is a key as it is configured: random bytes, or a private key that signs. Every
// field of Reeve that holds a key is of this type, so that an Options or Config can be
// printed. It redacts itself in every printer; [SecretKey.Bytes] and [SecretKey.Signer] are
// the ways to the key. The zero SecretKey is none.
//
//	key, err := session.ParseSecretKey(os.Getenv("SESSION_KEY")) // openssl rand -base64 32
//
// A SecretKey is immutable and safe for concurrent use.
//
// The key is behind a function. fmt calls no method on the unexported fields of a struct and
// reads them instead, following one pointer; other printers by reflection, such as that of
// go-cmp, follow all. None looks into a function.
type SecretKey struct{ p *func() secretMaterial }

type secretMaterial struct {
	bytes  []byte
	signer crypto.Signer
}

// NewSecretKey returns the key of the given random bytes, which it copies. No bytes are no
// key. The length is checked where the key is used; see [SecretKey.Validate].
func NewSecretKey(random []byte) SecretKey {
	if len(random) == 0 {
		return SecretKey{}
	}
	return newSecretKey(secretMaterial{bytes: slices.Clone(random)})
}

// NewPrivateKey returns the key that signs as private does: an [ed25519.PrivateKey], an
// *ecdsa.PrivateKey or an *rsa.PrivateKey, which must not be changed afterwards. It is
// checked where it is used. A nil private is no key.
func NewPrivateKey(private crypto.Signer) SecretKey {
	if private == nil {
		return SecretKey{}
	}
	if key, ok := private.(ed25519.PrivateKey); ok {
		private = slices.Clone(key)
	}
	return newSecretKey(secretMaterial{signer: private})
}

func newSecretKey(m secretMaterial) SecretKey {
	reveal := func() secretMaterial { return m }
	return SecretKey{&reveal}
}

// ParseSecretKey reads a key as it stands in an environment variable or a file: the base64 or
// hexadecimal text of at least [MinKeyLength] random bytes, or a private key in PEM (PKCS #8).
// White space around it does not count. Text of hexadecimal digits alone is hexadecimal. The
// error wraps [ErrInvalid] and holds no part of the text.
func ParseSecretKey(text string) (SecretKey, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return SecretKey{}, fmt.Errorf("%w: secret key: empty, write the output of: openssl rand -base64 32", ErrInvalid)
	}
	if strings.HasPrefix(text, "-----BEGIN ") {
		return parsePrivateKey(text)
	}
	raw, ok := decodeKey(text)
	if !ok {
		return SecretKey{}, fmt.Errorf("%w: secret key: neither base64 nor hexadecimal, write the output of: openssl rand -base64 32", ErrInvalid)
	}
	key := NewSecretKey(raw)
	if err := key.Validate(MinKeyLength); err != nil {
		return SecretKey{}, fmt.Errorf("%w: secret key: %w", ErrInvalid, err)
	}
	return key, nil
}

// decodeKey accepts each alphabet of base64, with or without its padding, on one line.
func decodeKey(text string) ([]byte, bool) {
	if raw, err := hex.DecodeString(text); err == nil {
		return raw, true
	}
	if strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return nil, false
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	raw, err := base64.RawStdEncoding.Strict().DecodeString(text)
	return raw, err == nil
}

func parsePrivateKey(text string) (SecretKey, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "PRIVATE KEY" || strings.TrimSpace(string(rest)) != "" {
		return SecretKey{}, fmt.Errorf("%w: secret key: the PEM is not one PRIVATE KEY, convert it with: openssl pkcs8 -topk8 -nocrypt", ErrInvalid)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	signer, ok := parsed.(crypto.Signer)
	if err != nil || !ok {
		return SecretKey{}, fmt.Errorf("%w: secret key: the PEM holds no private key that signs", ErrInvalid)
	}
	return NewPrivateKey(signer), nil
}

// MustParseSecretKey is [ParseSecretKey] for constants and tests. It panics on invalid text.
func MustParseSecretKey(text string) SecretKey {
	key, err := ParseSecretKey(text)
	if err != nil {
		panic(err)
	}
	return key
}

func (k SecretKey) material() secretMaterial {
	if k.p == nil {
		return secretMaterial{}
	}
	return (*k.p)()
}

// IsZero reports whether there is no key.
func (k SecretKey) IsZero() bool { return k.p == nil }

// Bytes returns a copy of the random bytes, and nil for a private key or none. The result is a
// secret.
func (k SecretKey) Bytes() []byte { return slices.Clone(k.material().bytes) }

// Signer returns the private key, and nil for random bytes or none. The result is a secret.
func (k SecretKey) Signer() crypto.Signer { return k.material().signer }

// Equal reports whether both are the same key, in a time that says nothing of where two keys
// of one length differ.
func (k SecretKey) Equal(other SecretKey) bool {
	if k == other {
		return true
	}
	a, b := k.material(), other.material()
	if a.signer == nil || b.signer == nil {
		return a.signer == nil && b.signer == nil && subtle.ConstantTimeCompare(a.bytes, b.bytes) == 1
	}
	mine, ok := a.signer.(interface{ Equal(crypto.PrivateKey) bool })
	return ok && mine.Equal(b.signer)
}

// Validate returns nil for a key of at least that many random bytes, and otherwise what is
// wrong with it. One byte repeated was never filled in, and a PEM text is a public key that
// strayed.
func (k SecretKey) Validate(least int) error {
	m := k.material()
	switch {
	case m.signer != nil:
		return errors.New("a private key, random bytes are required")
	case len(m.bytes) < least:
		return fmt.Errorf("%d bytes, at least %d are required", len(m.bytes), least)
	case len(m.bytes) > 0 && subtle.ConstantTimeCompare(m.bytes, slices.Repeat(m.bytes[:1], len(m.bytes))) == 1:
		return errors.New("one byte repeated, random bytes are required")
	case bytes.Contains(m.bytes, []byte("-----BEGIN ")):
		return errors.New("a PEM text is no secret, random bytes are required")
	}
	return nil
}

// String returns a placeholder that says only whether there is a key, and so do the other
// printers.
func (k SecretKey) String() string {
	if k.IsZero() {
		return "[no key]"
	}
	return redacted
}

// GoString implements [fmt.GoStringer].
func (k SecretKey) GoString() string { return "session.SecretKey(" + k.String() + ")" }

// Format implements [fmt.Formatter], so that no verb reaches the key.
func (k SecretKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue implements [slog.LogValuer].
func (k SecretKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText implements [encoding.TextMarshaler] with a placeholder, which JSON uses too.
func (k SecretKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with the rules of [ParseSecretKey], for
// configuration that is decoded into a struct.
func (k *SecretKey) UnmarshalText(text []byte) error {
	key, err := ParseSecretKey(string(text))
	if err != nil {
		return err
	}
	*k = key
	return nil
}
