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

// KeySet is a fixed set of keys, of which no two have the same id and algorithm. The zero
// KeySet has no keys. It is immutable and safe for concurrent use.
type KeySet struct {
	redact
	byID    map[string][]Key // of one id, for different algorithms
	ordered []Key
	ignored []string
}

var _ KeySource = (*KeySet)(nil)

// add adds a key, unless one of its id and algorithm is there already.
func (s *KeySet) add(k Key) {
	if s.find(k.ID(), k.Algorithm()).get() == nil {
		s.byID[k.ID()] = append(s.byID[k.ID()], k)
		s.ordered = append(s.ordered, k)
	}
}

// find returns the zero Key when there is none.
func (s *KeySet) find(kid string, alg Algorithm) Key {
	for _, k := range s.byID[kid] {
		if k.Algorithm() == alg.canonical() {
			return k
		}
	}
	return Key{}
}

// NewKeySet returns the set of the given keys. An empty set, a zero Key, and two keys of
// one id are errors: a key of one's own has an id of its own.
func NewKeySet(keys ...Key) (*KeySet, error) {
	if len(keys) == 0 {
		return nil, errors.New("token: key set: no usable key")
	}
	s := &KeySet{byID: make(map[string][]Key, len(keys))}
	for i, k := range keys {
		if k.get() == nil {
			return nil, fmt.Errorf("token: key set: key %d is the zero Key", i)
		}
		if len(s.byID[k.ID()]) > 0 {
			return nil, fmt.Errorf("token: key set: two keys with the id %s", quote(k.ID()))
		}
		s.add(k)
	}
	return s, nil
}

// Key implements [KeySource]. It returns [ErrUnknownKey] also for an id whose key is for
// another algorithm.
func (s *KeySet) Key(_ context.Context, kid string, alg Algorithm) (Key, error) {
	if s == nil {
		return Key{}, ErrUnknownKey
	}
	k := s.find(kid, alg)
	if k.get() == nil {
		return Key{}, ErrUnknownKey
	}
	return k, nil
}

// Keys returns the keys in the order they were given.
func (s *KeySet) Keys() []Key { return append([]Key(nil), s.ordered...) }

// Len returns the number of keys.
func (s *KeySet) Len() int { return len(s.ordered) }

// Ignored returns, for a set that [ParseJWKS] read, one line for each entry that was left
// out: its place in the document from 0, its kid, quoted and cut, and why. The lines are
// for logs: ASCII, of a few hundred bytes at most.
func (s *KeySet) Ignored() []string { return append([]string(nil), s.ignored...) }
