// Package tenant names the customer whose data a request may touch.
//
// An [ID] is parsed once, at the edge, and carried in the context from then on:
//
//	id, err := tenant.Require(ctx)
//	if err != nil {
//		return err // no tenant: nothing is read, nothing is written
//	}
//
// For most uses the middleware binds requests, and code below only calls [Require]. Jobs and
// other work outside a request call [Bind] first.
//
// The zero ID names no tenant and matches nothing. This package imports only the
// standard library and knows nothing of HTTP.
package tenant

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/hint"
)

// MaxIDLength is the longest tenant id in bytes. It fits a DNS label, so that a
// tenant in lower case without '_' can always be a subdomain.
const MaxIDLength = 63

// ErrInvalidID is returned by [Parse] for text that cannot name a tenant.
var ErrInvalidID = errors.New("tenant: invalid id")

// ID names one tenant. It has no exported fields: only [Parse] makes one, so every
// ID but the zero one is valid. IDs are comparable and safe for concurrent use.
//
// The alphabet is ASCII letters, digits, '-' and '_', and the first byte is a letter or a
// digit. Nothing is folded: identity providers make ids such as org_9ybsU1dN2dKfDkBi, and
// no id that differs from one by case alone is taken for it; the second of two is not set up, see
// [ErrAlike]. Where ids become names of files, [ID.FileName] keeps them apart; a service gives its own
// tenants ids in lower case. Other
// scripts and punctuation are refused: two ids that look alike must not be one tenant, and no
// id may carry a byte that means something to a Redis key, an access list or a file path. For
// names of another alphabet there is [Encode].
type ID struct{ name string }

// Parse returns the tenant that s names, or an error wrapping [ErrInvalidID].
func Parse(s string) (ID, error) {
	if s == "" {
		return ID{}, fmt.Errorf("%w: empty", ErrInvalidID)
	}
	if len(s) > MaxIDLength {
		return ID{}, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrInvalidID, len(s), MaxIDLength)
	}
	for i := range len(s) {
		if !allowed(s[i], i == 0) {
			return ID{}, fmt.Errorf("%w: %s", ErrInvalidID, misplaced(s, i))
		}
	}
	return ID{s}, nil
}

// misplaced says what is wrong with the character at byte i.
func misplaced(s string, i int) string {
	at := hint.Rune(s[i:]) + " at byte " + strconv.Itoa(i+1)
	c, _ := utf8.DecodeRuneInString(s[i:])
	like, alike := hint.ASCII(c)
	switch {
	case s[i] == '-' || s[i] == '_':
		return at + ": a tenant begins with a letter or a digit"
	case alike:
		return at + " looks like " + string(rune(like)) + ": only letters, digits, - and _ are allowed"
	}
	return at + ": only letters, digits, - and _ are allowed"
}

func allowed(b byte, first bool) bool {
	switch {
	case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		return true
	case b == '-' || b == '_':
		return !first
	}
	return false
}

// MustParse is [Parse] for constants and tests. It panics on invalid text.
func MustParse(s string) ID {
	id, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return id
}

// String returns the text that [Parse] accepted, and "" for the zero ID.
func (id ID) String() string { return id.name }

// IsZero reports whether id names no tenant.
func (id ID) IsZero() bool { return id.name == "" }

// LogValue makes an ID a plain string in structured logs.
func (id ID) LogValue() slog.Value { return slog.StringValue(id.name) }

// MarshalText implements [encoding.TextMarshaler]. The zero ID is an error: it must
// not be stored as if it were a tenant.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, fmt.Errorf("%w: empty", ErrInvalidID)
	}
	return []byte(id.name), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler] with the rules of [Parse].
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
