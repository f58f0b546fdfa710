package token

import (
	"context"
	"errors"
	"fmt"
)

// KeySource finds the verification keys of one issuer. A source always belongs to one
// issuer: asked by another it would let the first sign for the second. [KeySet] is the
// static one.
//
// Key returns the key of that id and algorithm, [ErrUnknownKey] when the issuer certainly
// has none, and [ErrUnavailable] when the source cannot tell; any other error counts as
// ErrUnavailable. kid was written by a stranger: it is 1 to 128 printable bytes and
// nothing more is known of it, so a source must bound what it makes others do. It is
// called only for tokens that name its issuer and an algorithm the issuer may use. Safe
// for concurrent use.
type KeySource interface {
	Key(ctx context.Context, kid string, alg Algorithm) (Key, error)
}

// KeySet is a fixed set of keys with distinct ids. The zero KeySet has no keys. It is
// immutable and safe for concurrent use.
type KeySet struct {
	redact
	byID    map[string]Key
	ordered []Key
	ignored []string
}

var _ KeySource = (*KeySet)(nil)

// NewKeySet returns the set of the given keys. An empty set, a zero Key, and two keys of
// one id are errors: of two keys, which one verifies must not be chance.
func NewKeySet(keys ...Key) (*KeySet, error) {
	if len(keys) == 0 {
		return nil, errors.New("token: key set: no usable key")
	}
	s := &KeySet{byID: make(map[string]Key, len(keys)), ordered: append([]Key(nil), keys...)}
	for i, k := range keys {
		if k.get() == nil {
			return nil, fmt.Errorf("token: key set: key %d is the zero Key", i)
		}
		if _, twice := s.byID[k.ID()]; twice {
			return nil, fmt.Errorf("token: key set: two keys with the id %s", quote(k.ID()))
		}
		s.byID[k.ID()] = k
	}
	return s, nil
}

// Key implements [KeySource]. It returns [ErrUnknownKey] also for an id whose key is for
// another algorithm.
func (s *KeySet) Key(_ context.Context, kid string, alg Algorithm) (Key, error) {
	if s == nil {
		return Key{}, ErrUnknownKey
	}
	k, ok := s.byID[kid]
	if !ok || k.Algorithm() != alg {
		return Key{}, ErrUnknownKey
	}
	return k, nil
}

// Keys returns the keys in the order they were given.
func (s *KeySet) Keys() []Key { return append([]Key(nil), s.ordered...) }

// Len returns the number of keys.
func (s *KeySet) Len() int { return len(s.ordered) }

// Ignored returns, for a set that [ParseJWKS] read, one line for each key that was left
// out and why. The lines are for logs.
func (s *KeySet) Ignored() []string { return append([]string(nil), s.ignored...) }
