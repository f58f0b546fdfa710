// Package token turns the text of a JWT into a [Verified], or refuses it.
//
//	keys, err := token.ParseJWKS(document)
//	verifier, err := token.NewVerifier(token.Issuer{
//		Name:       "https://id.example.com",
//		Audience:   "https://api.example.com",
//		Algorithms: []token.Algorithm{token.EdDSA},
//		Keys:       keys,
//	})
//	verified, err := verifier.Verify(ctx, raw)
//
// For most uses [NewVerifier] with one [Issuer] is enough. Use [NewVerifierWithConfig] to bound
// how many issuers customers can register and how many tokens are cached. Keys that rotate come
// from package jwks, and a set that is read once from [ParseJWKS]. A service that signs its own
// tokens has a [Signer]; [Signer.Issuer] is the entry that verifies them. Tokens that are bound
// to a key need a [DPoPVerifier] too.
//
// Trust is per issuer. No function of this package takes a kid alone: a key is found by
// issuer, kid and algorithm, so one identity provider cannot sign for another. One that a
// customer brings along has its [Issuer] name that Tenant, and signs for no other's users.
// Of a token nothing is believed before its signature has been verified, and afterwards
// only what has one reading: exact names, no duplicates, numbers in range.
//
// A token names a session and grants nothing by itself: roles claims are not read.
//
// Tokens of another identity provider, which name no session of ours, are read where
// [Issuer.Foreign] says: they hold a [Verified.Stranger], somebody whom the provider has signed
// in.
package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
)

// Limits and defaults of a [VerifierConfig].
const (
	defaultMaxIssuers = 1000
	defaultCacheSize  = 10_000
)

// VerifierConfig says what a [Verifier] holds. The zero VerifierConfig makes one that
// trusts nobody until an issuer is added.
type VerifierConfig struct {
	// Issuers are those trusted from the start. More are added while running.
	Issuers []Issuer

	// MaxIssuers is how many may be trusted at a time, so that registrations by customers are
	// bounded, and how many that Resolve has found are kept beside them. Default 1,000.
	MaxIssuers int

	// Resolve is the service's own look-up of an issuer that is not among those trusted: in its
	// table of customers, by the exact text of iss. It returns the zero Issuer for one that it
	// does not know, and an error when it cannot tell, which is an outage. A token that nobody
	// has verified names iss, so nothing may be fetched from it that the service does not hold
	// already: return an entry whose URLs were registered before. The entry is one of [Issuer]'s,
	// with that Name, neither a template nor with a Header or Opaque.
	//
	// There is one query at a time for an issuer and 8 for all; at most 64 issuers are asked
	// for, and tokens of more are answered with [ErrUnavailable]. An issuer that is found is kept for
	// 10 minutes, one that is not known for one; [Verifier.Remove] forgets both. It returns when
	// ctx is done, after 2 s. Default: nil, nobody is asked.
	Resolve func(ctx context.Context, iss string) (Issuer, error)

	// CacheSize is how many accepted tokens are remembered, so that a token that comes with
	// every request costs its signature once. Each takes up to 1 KiB. Nothing that can
	// change is remembered: the clock, the issuer's entry and its key are looked at for
	// every request, and whether the session lives is for the session store anyway. Default
	// 10,000; negative means none.
	CacheSize int
}

// Verifier verifies the tokens of the issuers that it trusts. It starts no goroutine, but for
// queries of Resolve and of an [Introspector], which end by themselves, and is safe for
// concurrent use. The zero Verifier trusts nobody, until an issuer is added, and remembers no
// token.
type Verifier struct {
	issuers  registry
	resolver *resolver
	seen     *cache
}

// NewVerifier returns a verifier that trusts the given issuers, of which there must be
// one, with the defaults of [VerifierConfig].
func NewVerifier(issuers ...Issuer) (*Verifier, error) {
	if len(issuers) == 0 {
		return nil, errors.New("token: invalid config: Issuers: required")
	}
	return NewVerifierWithConfig(VerifierConfig{Issuers: issuers})
}

// NewVerifierWithConfig returns a verifier. It validates every entry and reports all
// problems at once, each with the entry and the field ("Issuers[1].Leeway: …").
// Two entries of one name, or with one source of keys, are errors. The entries are copied.
func NewVerifierWithConfig(cfg VerifierConfig) (*Verifier, error) {
	var problems configerr.Problems
	if cfg.MaxIssuers < 0 {
		problems.Add("MaxIssuers", "%d is less than 0", cfg.MaxIssuers)
	}
	if cfg.CacheSize == 0 {
		cfg.CacheSize = defaultCacheSize
	}
	v := &Verifier{issuers: registry{limit: max(0, cfg.MaxIssuers)}}
	v.resolver = newResolver(cfg.Resolve, v.issuers.most())
	if cfg.CacheSize > 0 {
		v.seen = newCache(cfg.CacheSize)
	}
	err := v.issuers.change(func(issuers map[string]*Issuer) error {
		for n, given := range cfg.Issuers {
			i := given.withDefaults()
			found := i.problems(issuers)
			if issuers[i.Name] != nil {
				found = append(found, fmt.Errorf("Name: %s twice", quote(i.Name)))
			}
			for _, err := range found {
				if err != nil {
					problems.Append(fmt.Errorf("Issuers[%d].%w", n, err))
				}
			}
			issuers[i.Name] = &i
		}
		return problems.Err("token", nil)
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Verify returns what raw says, or an error wrapping [ErrInvalid] when it is not
// accepted, or [ErrUnavailable] when the issuer's keys could not be had. The checks, in
// this order, so that a stranger's text drives no more work than it must:
//
//  1. at most [MaxLength] bytes, or what an issuer asks for, of base64url and dots, in three
//     segments;
//  2. a strict header: alg, kid and typ, nothing that carries or fetches a key; members
//     that are not known are ignored (RFC 7515 §4);
//  3. an issuer that is trusted, and an algorithm and a type that it may use;
//  4. a key of that issuer, id and algorithm, which is the first work that may leave the
//     process; the context bounds it;
//  5. the signature;
//  6. the claims: aud, exp, iat, nbf, the lifetime, sub, the tenant and the session.
//
// A token that was accepted before may skip what cannot have changed since, which is all
// but the clock, the issuer's entry and its key; see [VerifierConfig].
//
// Whether the session lives is for the session store. A token that is bound to its sender's key
// (RFC 9449) counts only after [Verified.Prove].
func (v *Verifier) Verify(ctx context.Context, raw string) (*Verified, error) {
	return v.verifyFrom(ctx, "", raw)
}

// verifyFrom is Verify for a token that came in the header from, "" for where bearer tokens
// come.
func (v *Verifier) verifyFrom(ctx context.Context, from, raw string) (*Verified, error) {
	issuers := v.issuers.load()
	if limit := issuers.limit(); len(raw) > limit {
		return nil, tooLong(limit)
	}
	if i := issuers.opaqueOf(raw); i != nil {
		return i.Opaque.get().verify(ctx, i, from, raw)
	}
	d := v.seen.digest(raw)
	if a := v.seen.find(d); a != nil {
		if a.issuer.Header != from {
			return nil, elsewhere
		}
		stands, err := a.stands(ctx, v, time.Now())
		if stands {
			return a.verified, nil
		}
		v.seen.forget(d)
		if err != nil {
			return nil, err
		}
	}
	a, err := v.verify(ctx, from, raw)
	if err != nil {
		return nil, err
	}
	v.seen.put(d, a)
	return a.verified, nil
}

// verify does what Verify says, from the text on.
func (v *Verifier) verify(ctx context.Context, from, raw string) (*accepted, error) {
	var space [fewNames]memberPosition
	a, positions, err := v.authenticate(ctx, raw, space[:0], func(i *Issuer, typ string) error {
		if i.Header != from {
			return elsewhere
		}
		if slices.Contains(i.Types, typ) {
			return nil
		}
		if typ == "" {
			return refusal("header: typ is missing")
		}
		return refusal("header: typ is not accepted")
	})
	if err != nil {
		return nil, err
	}
	return a.issuer.accept(&a, positions, time.Now())
}

// issuer returns the entry for the iss claim of a token.
func (v *Verifier) issuer(ctx context.Context, iss string) (*Issuer, error) {
	if i := v.issuers.load().find(iss); i != nil {
		return i, nil
	}
	return v.resolver.find(ctx, v, strings.Clone(iss)) // which is remembered
}

// trusts reports whether an entry is the one that counts now.
func (v *Verifier) trusts(i *Issuer) bool {
	t := v.issuers.load()
	return t.holds(i) || v.resolver != nil && t.find(i.Name) == nil && v.resolver.holds(i)
}

// authentic is a token whose signature has been verified, and nothing but that.
type authentic struct {
	issuer             *Issuer
	name               string // the iss claim, which is that of the entry or of its template
	header             header
	key                Key
	rawHeader, payload string
}

// authenticate holds a text to what every kind of token has in common. kind refuses a typ
// that is not of the kind that is wanted of the issuer. positions has room for those of the payload's members.
func (v *Verifier) authenticate(ctx context.Context, raw string, positions []memberPosition, kind func(i *Issuer, typ string) error) (authentic, []memberPosition, error) {
	issuers := v.issuers.load()
	c, err := splitCompact(raw, issuers.limit())
	if err != nil {
		return authentic{}, nil, err
	}
	h, err := readHeader(c.header, issuers != nil && issuers.jku || v.resolver != nil)
	if err != nil {
		return authentic{}, nil, err
	}
	name, positions, err := peekIssuer(c.payload, positions)
	if err != nil {
		return authentic{}, nil, err
	}
	issuer, err := v.issuer(ctx, name)
	if err != nil {
		return authentic{}, nil, err
	}
	if h.jku && (issuer.Foreign == nil || !issuer.Foreign.IgnoreJKU) {
		return authentic{}, nil, refusal("header: member jku is not accepted")
	}
	if len(raw) > issuer.MaxLength {
		return authentic{}, nil, refusal("longer than MaxLength of its issuer")
	}
	if !slices.Contains(issuer.Algorithms, h.algorithm) {
		return authentic{}, nil, refusal("header: alg is not one of the issuer's")
	}
	if err := kind(issuer, h.typ); err != nil {
		return authentic{}, nil, err
	}
	key, err := issuer.key(ctx, h)
	if err != nil {
		return authentic{}, nil, err
	}
	if !key.verify(c.signed, c.signature) {
		return authentic{}, nil, refusal("the signature does not verify")
	}
	if name == issuer.Name {
		name = issuer.Name // which is no part of the payload
	} else { // a template's
		name = strings.Clone(name)
	}
	return authentic{issuer, name, h, key, c.header, c.payload}, positions, nil
}

// key asks the issuer's source and does not take its word for it.
func (i *Issuer) key(ctx context.Context, h header) (Key, error) {
	key, err := i.Keys.Key(ctx, h.keyID, h.algorithm)
	switch {
	case errors.Is(err, ErrUnknownKey) && !errors.Is(err, ErrUnavailable):
		return Key{}, refusal("key " + quote(h.keyID) + " is unknown")
	case err != nil:
		// The source's error is told, not wrapped: it must not turn an outage into a refusal.
		return Key{}, fmt.Errorf("%w: issuer %s: %v", ErrUnavailable, quote(i.Name), err)
	case key.ID() != h.keyID || key.Algorithm() != h.algorithm:
		return Key{}, refusal("the key source returned another key")
	}
	return key, nil
}

// accept reads a payload whose signature has been verified.
func (i *Issuer) accept(a *authentic, positions []memberPosition, now time.Time) (*accepted, error) {
	if i.Foreign != nil {
		verified, times, err := i.acceptForeign(a, now)
		if err != nil {
			return nil, err
		}
		return &accepted{verified, i, a.key, times}, nil
	}
	c, err := readClaims(a.payload, positions, i)
	if err != nil {
		return nil, err
	}
	if err := c.check(i, a.header.typ, now); err != nil {
		return nil, err
	}
	c.keep()
	ref, err := c.ref(i)
	if err != nil {
		return nil, err
	}
	return accept(i, a.key, c.times, verified{
		ref: ref, issuer: i.Name, tokenID: c.tokenID, clientID: c.clientID, thumbprint: c.thumbprint,
		keyID: a.key.ID(), algorithm: a.header.algorithm,
		issued: time.Unix(c.issued, 0).UTC(), expires: time.Unix(c.expires, 0).UTC(),
	}), nil
}
