package token

import (
	"errors"
	"strconv"
)

// Errors of verification. ErrUnavailable is an outage, the others refuse, and no error is
// both: a client is told one or the other and nothing more.
var (
	// ErrInvalid means that the token is not accepted. Every refusal wraps it, with a
	// cause that is for logs: telling a client why helps only who is guessing. The cause
	// holds no part of the token but, at most, its issuer or key id, quoted, escaped and
	// cut to 128 bytes.
	ErrInvalid = errors.New("token: invalid")

	// ErrUnavailable means that the issuer's keys could not be had, or the issuer itself where
	// the service looks it up or asks it, so nothing is known about the token. It is an outage: nobody is let in and nobody is signed out.
	ErrUnavailable = errors.New("token: keys unavailable")

	// ErrUnknownKey is returned by a [KeySource] that knows for certain that its
	// issuer has no such key. [Verifier.Verify] turns it into [ErrInvalid].
	ErrUnknownKey = errors.New("token: unknown key")

	// ErrInvalidProof means that a DPoP proof is not accepted, or was used before. Every
	// refusal of a proof wraps it, on the terms of ErrInvalid.
	ErrInvalidProof = errors.New("token: invalid DPoP proof")

	// ErrNonceRequired means that a DPoP proof lacks the nonce that is required now. Its
	// sender may ask again with the nonce that the answer tells.
	ErrNonceRequired = errors.New("token: DPoP nonce required")
)

// refusal is an [ErrInvalid] with its cause. As a string constant it costs no allocation,
// so that refusing junk is cheaper than sending it.
type refusal string

func (r refusal) Error() string { return "token: invalid: " + string(r) }

func (r refusal) Unwrap() error { return ErrInvalid }

// maxQuoted is the most that an error repeats of text a stranger wrote, in bytes, with
// its quotes and escapes.
const maxQuoted = 128

// quote makes a stranger's text fit for a log line: ASCII, one line, bounded.
func quote(s string) string {
	q := strconv.QuoteToASCII(s[:min(len(s), maxQuoted)])
	if len(q) > maxQuoted || len(s) > maxQuoted {
		q = q[:min(len(q)-1, maxQuoted-4)] + `..."`
	}
	return q
}
