package insecureedge

import (
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
)

// maxSigned is the longest text that is read.
const maxSigned = 32 << 20

// kind is the purpose of a signature, so that a list is never read as a policy.
type kind string

const (
	kindPolicy      kind = "reeve insecureedge policy 1\n"
	kindRevocations kind = "reeve insecureedge revocations 1\n"
)

// envelope is a text with its signature (Ed25519, RFC 8032), over the kind and the text.
type envelope struct {
	Payload   []byte `json:"payload"`
	Signature []byte `json:"signature"`
}

// sign returns the signed text of v.
func sign(key session.SecretKey, k kind, v any) ([]byte, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("insecureedge: %w", err)
	}
	signature, err := key.Signer().Sign(nil, append([]byte(k), payload...), crypto.Hash(0))
	if err != nil {
		return nil, fmt.Errorf("insecureedge: sign: %w", err)
	}
	return json.Marshal(envelope{payload, signature})
}

// open reads a signed text into v.
func open(keys []ed25519.PublicKey, k kind, signed []byte, v any) error {
	if len(signed) > maxSigned {
		return fmt.Errorf("%w: %d bytes", ErrInvalid, len(signed))
	}
	var e envelope
	if err := json.Unmarshal(signed, &e); err != nil {
		return fmt.Errorf("%w: no envelope", ErrInvalid)
	}
	message := append([]byte(k), e.Payload...)
	for _, key := range keys {
		if ed25519.Verify(key, message, e.Signature) {
			if err := json.Unmarshal(e.Payload, v); err != nil {
				return fmt.Errorf("%w: the text is none", ErrInvalid)
			}
			return nil
		}
	}
	return fmt.Errorf("%w: the signature", ErrInvalid)
}

// validKey returns an error unless the key signs by Ed25519.
func validKey(key session.SecretKey) error {
	if key.IsZero() || key.Signer() == nil {
		return errors.New("required: an Ed25519 key, of session.NewPrivateKey")
	}
	if _, ok := key.Signer().Public().(ed25519.PublicKey); !ok {
		return errors.New("not an Ed25519 key")
	}
	return nil
}
