package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"unique"
)

// idBytes is the entropy of an ID: 256 bits, twice what ASVS 5.0 §7.2.3 asks for.
const idBytes = 32

// ErrInvalidID is returned for text that cannot be a session id or a user id.
var ErrInvalidID = errors.New("session: invalid id")

// ID names one session: 256 bits from the system's random source. It redacts itself
// in every printer; [ID.Reveal] is the one way to its text. IDs are comparable.
// The zero ID names no session.
//
// The bytes are a string behind a handle, because fmt calls no method on the unexported
// fields of a struct: it prints what it finds there. Of a handle it finds an address, which
// it never follows to a string (to an array it does, for a verb that pointers have not).
type ID struct{ handle unique.Handle[string] }

// NewID returns a fresh random ID.
func NewID() ID {
	var raw [idBytes]byte
	rand.Read(raw[:]) // never fails: crypto/rand aborts the process instead (Go 1.24)
	return ID{unique.Make(string(raw[:]))}
}

// ParseID reads what [ID.Reveal] returned. Anything else, including other encodings of
// the same bytes, is an error wrapping [ErrInvalidID]; the error never contains the text.
func ParseID(s string) (ID, error) {
	var raw [idBytes]byte
	if len(s) != base64.RawURLEncoding.EncodedLen(idBytes) {
		return ID{}, fmt.Errorf("%w: wrong length", ErrInvalidID)
	}
	// Strict refuses set spare bits; the decoder skips CR and LF, which the fixed
	// length then shows as a short result.
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(s))
	if err != nil || n != idBytes {
		return ID{}, fmt.Errorf("%w: not base64url", ErrInvalidID)
	}
	return ID{unique.Make(string(raw[:]))}, nil
}

// IDFromBytes makes an ID of its 32 bytes, as [ID.Bytes] returned them. It is for
// stores and tokens that keep the bytes; a slice of another length is an error.
func IDFromBytes(b []byte) (ID, error) {
	if len(b) != idBytes {
		return ID{}, fmt.Errorf("%w: %d bytes", ErrInvalidID, len(b))
	}
	return ID{unique.Make(string(b))}, nil
}

// IsZero reports whether id names no session.
func (id ID) IsZero() bool { return id == ID{} }

// Reveal returns the id as 43 characters of base64url, for the token that carries it.
// The result is a secret.
func (id ID) Reveal() string {
	if id.IsZero() {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(id.Bytes())
}

// Bytes returns the 32 bytes of the id, or nil for the zero ID. The result is a secret.
func (id ID) Bytes() []byte {
	if id.IsZero() {
		return nil
	}
	return []byte(id.handle.Value())
}

// Fingerprint returns 12 hexadecimal characters that tell sessions apart in logs and device
// lists and lead back to no id.
func (id ID) Fingerprint() string {
	if id.IsZero() {
		return "none"
	}
	var text [64]byte
	sum := sha256.Sum256(append(append(text[:0], "reeve session digest\x00"...), id.handle.Value()...))
	var shown [12]byte
	hex.Encode(shown[:], sum[:6])
	return string(shown[:])
}

const redacted = "[redacted]"

// String, GoString, Format's %v and %+v, LogValue and MarshalText all show the digest
// or a placeholder, never the id.
func (id ID) String() string { return "session:" + id.Fingerprint() }

// GoString implements [fmt.GoStringer].
func (id ID) GoString() string { return "session.ID(" + redacted + ")" }

// Format implements [fmt.Formatter], so that no verb reaches the bytes.
func (id ID) Format(f fmt.State, _ rune) { fmt.Fprint(f, id.String()) }

// LogValue implements [slog.LogValuer].
func (id ID) LogValue() slog.Value { return slog.StringValue(id.String()) }

// MarshalText implements [encoding.TextMarshaler] with a placeholder: JSON that has an id by
// accident tells its reader nothing.
func (id ID) MarshalText() ([]byte, error) { return []byte(redacted), nil }
