package session

import (
	"fmt"
	"log/slog"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/invisible"
	"github.com/reevehq/reeve/tenant"
)

// MaxUserIDLength is the longest user id in bytes, the limit OpenID Connect sets for sub.
const MaxUserIDLength = 255

// UserID names a user within one tenant; equal ids in two tenants are two users. It has
// no exported fields: only [ParseUserID] makes one. The zero UserID names nobody.
type UserID struct{ name string }

// ParseUserID returns the user that s names, or an error wrapping [ErrInvalidID]. Ids are as
// identity providers make them: "alice", "auth0|5f7c", "f:9b1d:bob",
// "system:serviceaccount:prod:billing", "spiffe://example.org/billing". It refuses the empty
// string, more than [MaxUserIDLength] bytes, invalid UTF-8, characters that show nothing or a
// blank (spaces, controls, Hangul fillers, variation selectors and all that Unicode lists as
// ignorable) and a combining mark at the start. Nothing is folded.
func ParseUserID(s string) (UserID, error) {
	switch {
	case s == "":
		return UserID{}, fmt.Errorf("%w: user: empty", ErrInvalidID)
	case len(s) > MaxUserIDLength:
		return UserID{}, fmt.Errorf("%w: user: %d bytes, at most %d are allowed", ErrInvalidID, len(s), MaxUserIDLength)
	case !utf8.ValidString(s):
		return UserID{}, fmt.Errorf("%w: user: not UTF-8", ErrInvalidID)
	}
	for _, r := range s {
		if invisible.Is(r) {
			return UserID{}, fmt.Errorf("%w: user: %+q is not allowed", ErrInvalidID, r)
		}
	}
	if invisible.In(s) {
		return UserID{}, fmt.Errorf("%w: user: it begins with a combining mark", ErrInvalidID)
	}
	return UserID{s}, nil
}

// MustParseUserID is [ParseUserID] for constants and tests. It panics on invalid text.
func MustParseUserID(s string) UserID {
	u, err := ParseUserID(s)
	if err != nil {
		panic(err)
	}
	return u
}

// String returns the text that [ParseUserID] accepted, and "" for the zero UserID.
func (u UserID) String() string { return u.name }

// IsZero reports whether u names nobody.
func (u UserID) IsZero() bool { return u.name == "" }

// LogValue implements [slog.LogValuer].
func (u UserID) LogValue() slog.Value { return slog.StringValue(u.name) }

// Ref finds a session. All three parts must be those the session was created with: an
// id alone finds nothing, so that a caller of one tenant cannot name a session of another.
type Ref struct {
	Tenant tenant.ID
	User   UserID
	ID     ID
}

// Validate returns nil when every part of the reference is set, and otherwise an error
// wrapping [ErrInvalidID].
func (r Ref) Validate() error {
	if err := r.ValidateOwner(); err != nil {
		return err
	}
	if r.ID.IsZero() {
		return fmt.Errorf("%w: no session", ErrInvalidID)
	}
	return nil
}

// ValidateOwner is [Ref.Validate] for stores, of a reference to all sessions of a user: the ID
// may be zero.
func (r Ref) ValidateOwner() error {
	if r.Tenant.IsZero() {
		return fmt.Errorf("%w: no tenant", ErrInvalidID)
	}
	if r.User.IsZero() {
		return fmt.Errorf("%w: no user", ErrInvalidID)
	}
	return nil
}
