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
// A service that signs its own tokens has a [Signer]; [Signer.Trust] is the entry that
// verifies them.
//
// Trust is per issuer. No function of this package takes a kid alone: a key is found by
// issuer, kid and algorithm, so one tenant's identity provider cannot sign for another's.
// Of a token nothing is believed before its signature has been verified, and afterwards
// only what has one reading: exact names, no duplicates, numbers in range.
//
// A token names a session and grants nothing by itself: roles claims are not read.
package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Verifier verifies the tokens of a fixed set of issuers. It is immutable and safe for
// concurrent use. The zero Verifier trusts nobody and refuses every token.
type Verifier struct{ issuers map[string]*Issuer }

// NewVerifier returns a verifier that trusts the given issuers. It validates every entry
// and reports all problems joined, each beginning with the entry and the field
// ("issuers[1].Leeway: …"). Two entries of one name, or with one source of keys, are
// errors. The entries are copied.
func NewVerifier(issuers ...Issuer) (*Verifier, error) {
	if len(issuers) == 0 {
		return nil, errors.New("issuers: required")
	}
	v := &Verifier{issuers: make(map[string]*Issuer, len(issuers))}
	var errs []error
	for n, given := range issuers {
		i := given.withDefaults()
		problems := i.validate()
		if _, twice := v.issuers[i.Name]; twice {
			problems = append(problems, fmt.Errorf("Name: %s twice", quote(i.Name)))
		}
		for _, earlier := range issuers[:n] {
			if sameSource(earlier.Keys, i.Keys) {
				problems = append(problems, errors.New("Keys: the source of another issuer"))
				break
			}
		}
		for _, p := range problems {
			if p != nil {
				errs = append(errs, fmt.Errorf("issuers[%d].%w", n, p))
			}
		}
		v.issuers[i.Name] = &i
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return v, nil
}

// Verify returns what raw says, or an error wrapping [ErrInvalid] when it is not
// accepted, or [ErrUnavailable] when the issuer's keys could not be had. The checks, in
// this order, so that a stranger's text drives no more work than it must:
//
//  1. at most [MaxLength] bytes of base64url and dots, in three segments;
//  2. a strict header: alg, kid and typ, nothing that carries or fetches a key;
//  3. an issuer that is trusted, and an algorithm and a type that it may use;
//  4. a key of that issuer, id and algorithm, which is the first work that may leave the
//     process; the context bounds it;
//  5. the signature;
//  6. the claims: aud, exp, iat, nbf, the lifetime, sub, the tenant and the session.
//
// Whether the session lives is for the session store.
func (v *Verifier) Verify(ctx context.Context, raw string) (*Verified, error) {
	c, err := splitCompact(raw)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(c.header)
	if err != nil {
		return nil, err
	}
	name, err := peekIssuer(c.payload)
	if err != nil {
		return nil, err
	}
	issuer, ok := v.issuers[name]
	if !ok {
		return nil, refusal("issuer " + quote(name) + " is not trusted")
	}
	if !slices.Contains(issuer.Algorithms, h.algorithm) {
		return nil, refusal("header: alg is not one of the issuer's")
	}
	if !slices.Contains(issuer.Types, h.typ) {
		return nil, refusal("header: typ is not accepted")
	}
	key, err := issuer.key(ctx, h)
	if err != nil {
		return nil, err
	}
	if !key.verify(c.signed, c.signature) {
		return nil, refusal("the signature does not verify")
	}
	return issuer.accept(h, c.payload)
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
func (i *Issuer) accept(h header, payload []byte) (*Verified, error) {
	c, err := readClaims(payload, i)
	if err != nil {
		return nil, err
	}
	if err := c.check(i, h.typ, time.Now()); err != nil {
		return nil, err
	}
	ref, err := c.ref()
	if err != nil {
		return nil, err
	}
	return &Verified{sealed: seal(&verified{
		ref: ref, issuer: i.Name, tokenID: c.tokenID, clientID: c.clientID,
		keyID: h.keyID, algorithm: h.algorithm,
		issued: time.Unix(c.issued, 0).UTC(), expires: time.Unix(c.expires, 0).UTC(),
	})}, nil
}
