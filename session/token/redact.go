package token

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// redact is embedded in what carries a secret, so that no printer shows it. The secret
// itself is sealed.
type redact struct{}

// sealed keeps a value from fmt, which calls no methods on the unexported fields of
// somebody else's struct and reads them instead, and from every other printer by reflection:
// those follow pointers, however many, and none looks into a function. The zero sealed holds
// nothing.
type sealed[T any] struct{ p *func() *T }

func seal[T any](v *T) sealed[T] { return sealIn(new(func() *T), v) }

// sealIn is seal with the memory for the function.
func sealIn[T any](reveal *func() *T, v *T) sealed[T] {
	*reveal = func() *T { return v }
	return sealed[T]{reveal}
}

// get returns the value, or nil when there is none.
func (s sealed[T]) get() *T {
	if s.p == nil {
		return nil
	}
	return (*s.p)()
}

// String implements [fmt.Stringer] with a placeholder.
func (redact) String() string { return redacted }

// GoString implements [fmt.GoStringer] with a placeholder.
func (redact) GoString() string { return redacted }

// Format implements [fmt.Formatter] with a placeholder for every verb.
func (redact) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue implements [slog.LogValuer] with a placeholder.
func (redact) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler] with a placeholder, which JSON uses too.
func (redact) MarshalText() ([]byte, error) { return []byte(redacted), nil }
