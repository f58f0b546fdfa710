package token

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// lastSecond is 9999-12-31T23:59:59Z. Beyond it a NumericDate means nothing; golang-jwt
// lets 1e30 overflow into the past (golang-jwt/jwt#526).
const lastSecond = 253402300799

// times are the claims that the clock decides on.
type times struct{ expires, issued, notBefore int64 }

// read reads the time of that name.
func (t *times) read(r *reader, name string) {
	switch name {
	case "exp":
		t.expires = r.date()
	case "iat":
		t.issued = r.date()
	case "nbf":
		t.notBefore = r.date()
	}
}

// date reads a NumericDate: seconds since 1970, with a fraction at most, which is cut off. A
// sign is refused, that of -0 too.
func (r *reader) date() int64 {
	text := r.number()
	if r.err != nil {
		return absent
	}
	seconds, err := parseDate(text)
	if err != nil {
		r.fail(err)
	}
	return seconds
}

// parseDate is date for a number as it is written.
func parseDate(text string) (int64, error) {
	if seconds, ok := plainSeconds(text); ok {
		return seconds, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.HasPrefix(text, "-") || seconds > lastSecond {
		return absent, tooLarge
	}
	return int64(math.Floor(seconds)), nil
}

// plainSeconds is parseDate for most: digits alone, of a time that a float64 holds exactly.
func plainSeconds(text string) (seconds int64, ok bool) {
	if text == "" || len(text) > 11 {
		return 0, false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		seconds = 10*seconds + int64(text[i]-'0')
	}
	return seconds, true
}

// accept holds the times of a new token against the clock and one another.
func (t times) accept(leeway, ahead, longest time.Duration, now time.Time) error {
	switch {
	case t.expires == absent:
		return refusal("claims: exp is missing")
	case t.issued == absent:
		return refusal("claims: iat is missing")
	}
	if err := t.check(leeway, ahead, now); err != nil {
		return err
	}
	switch {
	case t.expires <= t.issued:
		return refusal("claims: exp is not after iat")
	case t.notBefore != absent && t.expires <= t.notBefore:
		return refusal("claims: exp is not after nbf")
	case t.expires-t.issued > int64(longest/time.Second):
		return refusal("claims: exp is too long after iat")
	}
	return nil
}

// ahead is how far the issuer's iat may be ahead of our clock.
func (i *Issuer) ahead() time.Duration {
	if i.Foreign != nil {
		return min(i.Leeway, foreignAhead)
	}
	return i.Leeway
}

// The refusals that end by themselves, as the clock goes on.
const (
	notYet        = refusal("not valid yet")
	issuedAhead   = refusal("issued in the future")
	signedInAhead = refusal("claims: the time of the sign-in is in the future")
)

var early = []error{notYet, issuedAhead, signedInAhead}

// check holds the times against the clock, of which iat may be ahead by less than the rest.
// exp and iat are present.
func (t times) check(leeway, ahead time.Duration, now time.Time) error {
	leeway, ahead = max(leeway, 0), max(ahead, 0)
	switch {
	case !now.Before(time.Unix(t.expires, 0).Add(leeway)):
		return refusal("expired")
	case t.notBefore != absent && now.Add(leeway).Before(time.Unix(t.notBefore, 0)):
		return notYet
	case now.Add(ahead).Before(time.Unix(t.issued, 0)):
		return issuedAhead
	}
	return nil
}
