package session

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Limits of what a session carries. A value over its limit is refused before any store
// is asked, with an error wrapping [ErrInvalid].
const (
	MaxRoles      = 64  // roles of one session
	MaxNameLength = 128 // bytes of a role's, attribute's or method's name
)

// Roles is an immutable set of role names, sorted and without duplicates, so that a
// Session can be shared without one reader changing what another is granted. The zero
// Roles is empty and grants nothing.
type Roles struct{ names []string }

// NewRoles returns the set of the given names. A name is 1 to [MaxNameLength] bytes of
// [a-zA-Z0-9._-]; anything else, and more than [MaxRoles] names, is an error wrapping
// [ErrInvalid]. Names carry no "role:" prefix.
func NewRoles(names ...string) (Roles, error) {
	set, err := nameSet("role", MaxRoles, names)
	return Roles{set}, err
}

// MustRoles is [NewRoles] for constants and tests. It panics on an invalid name.
func MustRoles(names ...string) Roles {
	r, err := NewRoles(names...)
	if err != nil {
		panic(err)
	}
	return r
}

// Len returns the number of roles.
func (r Roles) Len() int { return len(r.names) }

// At returns role i of 0..Len()-1, in sorted order.
func (r Roles) At(i int) string { return r.names[i] }

// Has reports whether name is in the set.
func (r Roles) Has(name string) bool {
	_, found := slices.BinarySearch(r.names, name)
	return found
}

// All iterates over the roles in sorted order.
func (r Roles) All() iter.Seq[string] { return slices.Values(r.names) }

// Names returns a fresh slice of the roles in sorted order, never nil.
func (r Roles) Names() []string { return append([]string{}, r.names...) }

// Methods is an immutable set of authentication methods as RFC 8176 names them
// ("pwd", "otp", "hwk"). The zero Methods is empty.
type Methods struct{ names []string }

// NewMethods returns the set of the given names, under the rules of [NewRoles].
func NewMethods(names ...string) (Methods, error) {
	set, err := nameSet("method", MaxRoles, names)
	return Methods{set}, err
}

// Len returns the number of methods.
func (m Methods) Len() int { return len(m.names) }

// All iterates over the methods in sorted order.
func (m Methods) All() iter.Seq[string] { return slices.Values(m.names) }

// Has reports whether name is in the set.
func (m Methods) Has(name string) bool {
	_, found := slices.BinarySearch(m.names, name)
	return found
}

// Names returns a fresh slice of the methods in sorted order, never nil.
func (m Methods) Names() []string { return append([]string{}, m.names...) }

func nameSet(what string, limit int, names []string) ([]string, error) {
	if len(names) > limit {
		return nil, fmt.Errorf("%w: %d %ss, at most %d are allowed", ErrInvalid, len(names), what, limit)
	}
	for _, n := range names {
		if err := checkName(what, n); err != nil {
			return nil, err
		}
	}
	set := slices.Clone(names)
	slices.Sort(set)
	return slices.Compact(set), nil
}

func checkName(what, name string) error {
	if name == "" || len(name) > MaxNameLength {
		return fmt.Errorf("%w: %s name of %d bytes, 1 to %d are allowed", ErrInvalid, what, len(name), MaxNameLength)
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	if i := strings.IndexFunc(name, func(r rune) bool { return !strings.ContainsRune(letters, r) }); i >= 0 {
		return fmt.Errorf("%w: %s name %q: only [a-zA-Z0-9._-] is allowed", ErrInvalid, what, name)
	}
	return nil
}
