package token

import (
	"time"

	"github.com/reevehq/reeve/session"
)

// Verified has the content of an accepted token. Only [Verifier.Verify] fills one, so a
// function that takes a *Verified is called only for a token that was accepted. The zero
// Verified refers to no session, and loading it fails.
//
// It is immutable and safe for concurrent use, and redacts itself in every printer.
type Verified struct {
	redact
	sealed[verified]
}

type verified struct {
	ref                       session.Ref
	handle                    *session.Handle   // of ref, nil where the token is not remembered
	stranger                  *session.Stranger // of a foreign issuer, whose ref is zero
	issuer, tokenID, clientID string
	keyID                     string
	algorithm                 Algorithm
	issued, expires           time.Time
	thumbprint                string // of the key the token is bound to
	proved                    bool   // and its sender holds it
}

// unverified is the content of a Verified that Verify has not made: nothing. It is only read.
var unverified verified

func (v *Verified) claims() *verified {
	if v == nil || v.get() == nil {
		return &unverified
	}
	return v.get()
}

// Ref returns the session that the token names. Only the session store knows whether there is such
// a session, and what it may do. It is zero for a token that is bound to a key, until
// [Verified.Prove], and for every token of a foreign issuer, see [Verified.Stranger].
func (v *Verified) Ref() session.Ref {
	c := v.claims()
	if c.thumbprint != "" && !c.proved {
		return session.Ref{}
	}
	return c.ref
}

// Handle returns the handle of [Verified.Ref], by which the middleware finds the session that it
// found for the same token before. It is nil for a token that is not remembered, and for one that is
// bound to a key.
func (v *Verified) Handle() *session.Handle {
	c := v.claims()
	if c.thumbprint != "" {
		return nil
	}
	return c.handle
}

// Issuer returns the iss claim, which is the Name of an [Issuer], or one of a template's.
func (v *Verified) Issuer() string { return v.claims().issuer }

// TokenID returns the jti claim: 1 to 255 bytes of printable ASCII, or "" when a token of
// another type than RFC 9068's has none.
func (v *Verified) TokenID() string { return v.claims().tokenID }

// ClientID returns the client_id claim, on the terms of TokenID. Of a foreign issuer's token
// without one it is the azp claim.
func (v *Verified) ClientID() string { return v.claims().clientID }

// KeyID returns the kid of the key that verified the signature.
func (v *Verified) KeyID() string { return v.claims().keyID }

// Algorithm returns the algorithm of the signature.
func (v *Verified) Algorithm() Algorithm { return v.claims().algorithm }

// IssuedAt returns the iat claim, to the second.
func (v *Verified) IssuedAt() time.Time { return v.claims().issued }

// ExpiresAt returns the exp claim, to the second and without leeway.
func (v *Verified) ExpiresAt() time.Time { return v.claims().expires }
