package job

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// MinKeyLength is the least length of a key in bytes.
const MinKeyLength = 32

// Key signs envelopes. It redacts itself in every printer, is immutable and safe for concurrent
// use. The zero Key is none.
//
// The bytes are behind a function, into which no printer looks.
type Key struct {
	id     string
	reveal *func() []byte
}

// NewKey returns the key of an id and at least [MinKeyLength] random bytes, which it copies. The
// id stands in each envelope, so that keys can be changed: one to sixteen letters and digits.
func NewKey(id string, random []byte) (Key, error) {
	switch {
	case !validKeyID(id):
		return Key{}, errors.New("job: the id of a key is one to sixteen letters and digits")
	case len(random) < MinKeyLength:
		return Key{}, fmt.Errorf("job: a key of %d bytes, at least %d are required", len(random), MinKeyLength)
	case bytes.Count(random, random[:1]) == len(random):
		return Key{}, errors.New("job: a key of one byte repeated, random bytes are required")
	}
	random = slices.Clone(random)
	reveal := func() []byte { return random }
	return Key{id, &reveal}, nil
}

func validKeyID(id string) bool {
	for i := range len(id) {
		if c := id[i]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return id != "" && len(id) <= 16
}

func (k Key) bytes() []byte { return (*k.reveal)() }

// ID returns the id of the key.
func (k Key) ID() string { return k.id }

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.reveal == nil }

// String returns a placeholder, and so do the other printers.
func (k Key) String() string {
	if k.IsZero() {
		return "[no key]"
	}
	return "[redacted]"
}

// GoString implements [fmt.GoStringer].
func (k Key) GoString() string { return "job.Key(" + k.String() + ")" }

// Format implements [fmt.Formatter], so that no verb reaches the key.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue implements [slog.LogValuer].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText implements [encoding.TextMarshaler] with a placeholder, which JSON uses too.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
