package token

import (
	"encoding/base64"
	"strings"
)

// MaxLength is the longest token that is looked at, in bytes, where no issuer asks for more. It is checked before
// anything else: CVE-2025-30204 and golang-jwt's 62 ms on 8 MB both begin with a parser
// that looks first and counts later.
//
// An [Issuer] may ask for more, of which the largest is the limit of a [Verifier], since nobody
// knows the issuer before: up to LongestMaxLength.
const MaxLength = 8 << 10

// LongestMaxLength is the most that an issuer may ask for.
const LongestMaxLength = 16 << 10

// tooLong is the refusal of a text that is longer than limit.
func tooLong(limit int) error {
	if limit == MaxLength {
		return refusal("longer than 8 KiB")
	}
	return refusal("longer than the MaxLength of every issuer")
}

// strictBase64 refuses set spare bits (RFC 4648 §3.5), so that one token has one text.
var strictBase64 = base64.RawURLEncoding.Strict()

// compact is a JWS in compact serialization (RFC 7515 §3.1), decoded but not believed.
type compact struct {
	header, payload string
	signature       []byte
	signed          string // what the signature is over
}

func splitCompact(raw string, limit int) (compact, error) {
	if raw == "" {
		return compact{}, refusal("empty")
	}
	if len(raw) > limit {
		return compact{}, tooLong(limit)
	}
	// Go's base64 decoder skips CR and LF, strict or not, so the alphabet is checked here.
	for i := range len(raw) {
		if !inAlphabet[raw[i]] {
			return compact{}, refusal("a byte outside base64url and dots")
		}
	}
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	// A payload may be empty as far as a JWS goes; as claims it is not JSON.
	if header == "" || signature == "" || strings.Contains(signature, ".") {
		return compact{}, refusal("not three segments")
	}
	c := compact{signed: raw[:len(header)+1+len(payload)]}
	var okHeader, okPayload bool
	c.header, okHeader = decodeText(header)
	c.payload, okPayload = decodeText(payload)
	data, err := strictBase64.DecodeString(signature)
	if err != nil || !okHeader || !okPayload {
		return compact{}, refusal("a segment is not base64url")
	}
	c.signature = data
	return c, nil
}

// decodeText decodes a segment that is text, in one piece of memory as long as the text.
func decodeText(segment string) (string, bool) {
	var near [1 << 10]byte // most are shorter
	data := near[:]
	if n := strictBase64.DecodedLen(len(segment)); n > len(near) {
		data = make([]byte, n)
	}
	n, err := strictBase64.Decode(data, []byte(segment))
	return string(data[:n]), err == nil
}

// inAlphabet says of each byte whether it is of base64url or a dot.
var inAlphabet = func() (in [256]bool) {
	for _, b := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") {
		in[b] = true
	}
	return in
}()
