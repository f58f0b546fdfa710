package token

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/reevehq/reeve/internal/nearcache"
	"github.com/reevehq/reeve/session"
)

// cache holds accepted tokens by the SHA-256 of their whole text, and nothing of what was refused.
// A token that is found there has had its signature and its claims verified; all that can change
// since is looked at again ([accepted.stands]): the issuer's entry and the key themselves, so there
// is no revision of them that somebody could forget to count. The nil cache is empty.
type cache struct {
	tokens nearcache.Cache[digest, *accepted]
}

type digest [sha256.Size]byte

// accepted is an accepted token, with what it was accepted under.
type accepted struct {
	verified *Verified
	issuer   *Issuer // the entry itself: one that replaces it is another
	key      Key
	times    times
}

// accept returns an accepted token in one piece of memory, in which a request finds all of it.
func accept(i *Issuer, key Key, t times, claims verified) *accepted {
	whole := &struct {
		accepted
		token  Verified
		reveal func() *verified
		claims verified
		handle session.Handle
	}{claims: claims, handle: session.HandleOf(claims.ref)}
	whole.claims.handle = &whole.handle
	whole.token.sealed = sealIn(&whole.reveal, &whole.claims)
	whole.accepted = accepted{&whole.token, i, key, t}
	return &whole.accepted
}

func newCache(size int) *cache { return &cache{nearcache.New[digest, *accepted](size)} }

func (m *cache) digest(raw string) digest {
	if m == nil {
		return digest{}
	}
	var near [2 << 10]byte // most tokens are shorter, and are hashed without memory of their own
	if len(raw) > len(near) {
		return sha256.Sum256([]byte(raw))
	}
	return sha256.Sum256(near[:copy(near[:], raw)])
}

func (m *cache) find(d digest) *accepted {
	if m == nil {
		return nil
	}
	a, _ := m.tokens.GetIfPresent(d)
	return a
}

func (m *cache) put(d digest, a *accepted) {
	if m != nil {
		m.tokens.Set(d, a)
	}
}

func (m *cache) forget(d digest) { m.tokens.Invalidate(d) }

// stands reports whether a token that was accepted once still is, without its signature
// and claims being read again: the issuer's entry is the same, its source still gives the
// same key for it, and its time has not passed. An error is the token's answer; false
// means that it has to be verified anew.
func (a *accepted) stands(ctx context.Context, v *Verifier, now time.Time) (bool, error) {
	if !v.trusts(a.issuer) {
		return false, nil
	}
	key, err := a.issuer.key(ctx, header{keyID: a.key.ID(), algorithm: a.key.Algorithm()})
	if err != nil {
		return false, err
	}
	if !key.same(a.key) {
		return false, nil
	}
	if err := a.times.check(a.issuer.Leeway, a.issuer.ahead(), now); err != nil {
		return false, err
	}
	return true, nil
}
