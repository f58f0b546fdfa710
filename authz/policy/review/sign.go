package review

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
)

// Errors of [Verify].
var (
	// ErrMalformed means that a file is no signed review.
	ErrMalformed = errors.New("review: malformed")

	// ErrUntrusted means that no trusted key signed the review as it is.
	ErrUntrusted = errors.New("review: no trusted key signed it")
)

// format is signed before the review. Another format would be another word, and a text that a key
// signs for another purpose is no review.
const format = "reeve-review-1"

// signed is the file.
type signed struct {
	Format    string          `json:"format"`
	Review    json.RawMessage `json:"review"`
	Key       string          `json:"key"`
	Signature string          `json:"signature"`
}

// KeyID returns 16 hexadecimal characters that tell keys apart.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// Sign returns the review as a file: JSON that people can read, with an Ed25519 signature over the
// word reeve-review-1, a line break and the review in canonical form (RFC 8785). The key is that
// of session.NewPrivateKey of an [ed25519.PrivateKey].
func (r Review) Sign(key session.SecretKey) ([]byte, error) {
	private, ok := key.Signer().(ed25519.PrivateKey)
	if !ok || len(private) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("%w: an ed25519 private key is required", ErrInvalid)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("review: %w", err)
	}
	canonical, err := canonicalOf(text)
	if err != nil {
		return nil, fmt.Errorf("review: %w", err)
	}
	signature, err := private.Sign(nil, message(canonical), crypto.Hash(0))
	if err != nil {
		return nil, fmt.Errorf("review: %w", err)
	}
	public, _ := private.Public().(ed25519.PublicKey)
	var file bytes.Buffer
	e := json.NewEncoder(&file)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // conditions have & and <
	if err := e.Encode(signed{format, canonical, KeyID(public), base64.RawURLEncoding.EncodeToString(signature)}); err != nil {
		return nil, fmt.Errorf("review: %w", err)
	}
	return file.Bytes(), nil
}

// Verify returns the review in a file that one of the keys signed. White space between the parts of
// the file, and the order of members, do not count; every value does. The error wraps
// [ErrMalformed] or [ErrUntrusted], and then there is no review.
func Verify(file []byte, keys []ed25519.PublicKey) (Review, error) {
	value, err := parse(file)
	if err != nil {
		return Review{}, err
	}
	members, ok := value.(map[string]any)
	if !ok || len(members) != 4 || members["format"] != format {
		return Review{}, fmt.Errorf("%w: it is not of the format %s", ErrMalformed, format)
	}
	text, _ := members["signature"].(string)
	signature, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if _, ok := members["key"].(string); !ok || err != nil || len(signature) != ed25519.SignatureSize {
		return Review{}, fmt.Errorf("%w: it has no signature", ErrMalformed)
	}
	if _, ok := members["review"].(map[string]any); !ok {
		return Review{}, fmt.Errorf("%w: it has no review", ErrMalformed)
	}
	canonical, err := appendCanonical(nil, members["review"])
	if err != nil {
		return Review{}, err
	}
	for _, key := range keys {
		if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, message(canonical), signature) {
			continue
		}
		var r Review
		if err := json.Unmarshal(canonical, &r); err != nil {
			return Review{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		// A member that this program does not read would not be shown.
		again, err := json.Marshal(r)
		if err == nil {
			again, err = canonicalOf(again)
		}
		if err != nil || string(again) != string(canonical) {
			return Review{}, fmt.Errorf("%w: it says more than this program reads", ErrMalformed)
		}
		return r, nil
	}
	return Review{}, ErrUntrusted
}

func message(canonical []byte) []byte { return append([]byte(format+"\n"), canonical...) }
