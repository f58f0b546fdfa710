package token

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// lastSecond is 9999-12-31T23:59:59Z. Beyond it a NumericDate means nothing; golang-jwt
// lets 1e30 overflow into the past (golang-jwt/jwt#526).
const lastSecond = 253402300799

// foreignClaims make a token something other than an access token, whatever its
// typ says: an ID token (nonce, at_hash, c_hash), a logout or security event (events), a
// DPoP proof (htm, htu).
var foreignClaims = []string{"nonce", "at_hash", "c_hash", "events", "htm", "htu"}

// claims are those of a payload that are read. A time is in seconds, or absent.
type claims struct {
	clientID, tokenID         string
	thumbprint                string // of the key the token is bound to
	user, tenantID, sessionID string
	audience                  bool // aud names us
	hasTenantID               bool
	times
}

// times are the claims that the clock decides on.
type times struct{ expires, issued, notBefore int64 }

const absent = -1

// memberPosition is where the value of a member stands in an object that was read to its end.
type memberPosition struct {
	name string
	at   int
}

// peekIssuer returns the iss claim of a payload that is not yet authenticated, a part of it. It
// checks the whole payload strictly. It also returns where the payload's members stand, so that a
// reader who believes them need not read all of it again: nil where there are more than positions has
// room for.
func peekIssuer(payload string, positions []memberPosition) (string, []memberPosition, error) {
	var issuer string
	all := true
	r := readerOf(payload)
	for r.open('{'); r.next(); {
		if all = all && len(positions) < cap(positions); all {
			positions = append(positions, memberPosition{r.name, r.at})
		}
		if r.name == "iss" {
			issuer = r.view()
		} else {
			r.skip()
		}
	}
	if err := r.end(); err != nil {
		return "", nil, refusal("claims: " + err.Error())
	}
	if issuer == "" {
		return "", nil, refusal("claims: iss is missing")
	}
	if !all {
		positions = nil
	}
	return issuer, positions, nil
}

// readClaims reads an authenticated payload under the names its issuer uses; iss is known from the
// same bytes. positions are those that peekIssuer has found.
func readClaims(payload string, positions []memberPosition, i *Issuer) (claims, error) {
	c := claims{times: times{absent, absent, absent}}
	r := readerOf(payload)
	if positions == nil {
		for r.open('{'); r.next(); {
			if !c.member(&r, r.name, i) {
				r.skip()
			}
		}
	}
	r.depth = 1 // within the object
	for _, p := range positions {
		if r.at = p.at; r.err == nil {
			c.member(&r, p.name, i)
		}
	}
	if r.err != nil {
		return claims{}, refusal("claims: " + r.err.Error())
	}
	return c, nil
}

// member reads the claim of that name, and reports whether it is one that is read. Names are exact:
// "TENANT" and "ſub" are claims that nobody reads.
func (c *claims) member(r *reader, name string, i *Issuer) bool {
	switch name {
	case "sub":
		c.user = r.view()
	case "aud":
		c.audience = r.audience(i.Audience)
	case "exp", "iat", "nbf":
		c.times.read(r, name)
	case "jti":
		c.tokenID = r.id()
	case "client_id":
		c.clientID = r.id()
	case "cnf":
		c.thumbprint = r.confirmation()
	case i.TenantClaim:
		c.hasTenantID = true
		c.tenantID = r.view()
	case i.SessionClaim:
		c.sessionID = r.view()
	default:
		if slices.Contains(foreignClaims, name) {
			r.fail(malformed("not an access token"))
		}
		return false
	}
	r.failIn(name) // one of the names above, so ours
	return true
}

// keep moves what a Verified holds of the claims out of the payload, into memory that is as long as
// they are.
func (c *claims) keep() {
	all := c.user + c.tenantID + c.tokenID + c.clientID + c.thumbprint
	for _, text := range []*string{&c.user, &c.tenantID, &c.tokenID, &c.clientID, &c.thumbprint} {
		n := len(*text)
		*text, all = all[:n], all[n:]
	}
}

// audience reads a string or an array of strings (RFC 7519 §4.1.3), and reports whether one is the
// wanted.
func (r *reader) audience(want string) (found bool) {
	if r.kind() != '[' {
		return r.view() == want
	}
	for r.open('['); r.next(); {
		if r.view() == want {
			found = true
		}
	}
	return found
}

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

// id reads an identifier that may end in a log or be compared with others, as a part of the text
// where that is possible.
func (r *reader) id() string {
	s := r.view()
	if r.err == nil && !printable(s, maxText) {
		r.fail(malformed("not 1 to 255 printable bytes"))
	}
	return s
}

// check holds the claims against the issuer's entry and the clock. typ is the accepted
// type: those of RFC 9068 bring its required claims along.
func (c *claims) check(i *Issuer, typ string, now time.Time) error {
	if !c.audience {
		return refusal("claims: aud does not name this service")
	}
	if err := c.times.accept(i.Leeway, i.ahead(), i.MaxLifetime, now); err != nil {
		return err
	}
	if trimApplication(typ) == "at+jwt" && (c.tokenID == "" || c.clientID == "") {
		missing := "jti"
		if c.tokenID != "" {
			missing = "client_id"
		}
		return refusal("claims: " + missing + " is missing: a token without jti or client_id is no at+jwt")
	}
	return nil
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

// ref returns the session that the claims name.
func (c *claims) ref(i *Issuer) (session.Ref, error) {
	user, err := session.ParseUserID(c.user)
	if err != nil {
		return session.Ref{}, refusal("claims: " + absentOr(c.user, "sub", "not a user id, which has at most 255 bytes that print and no space"))
	}
	t, err := boundTenant(i, i.Tenant, c.tenantID, c.hasTenantID)
	if err != nil {
		return session.Ref{}, err
	}
	id, err := session.ParseID(c.sessionID)
	if err != nil {
		return session.Ref{}, refusal("claims: " + absentOr(c.sessionID, "the session", "not a session id, which the store of the sessions makes") + claimed(i.SessionClaim))
	}
	return session.Ref{Tenant: t, User: user, ID: id}, nil
}

// boundTenant returns the tenant that a token is about: the one that its issuer is for, or
// else the one that it names. Of an issuer that is for one, a token names no other.
func boundTenant(i *Issuer, only tenant.ID, name string, named bool) (tenant.ID, error) {
	if !named && !only.IsZero() {
		return only, nil
	}
	t, err := tenant.Parse(name)
	if err != nil {
		return tenant.ID{}, refusal("claims: " + absentOr(name, "the tenant", "not a tenant id, which has 1 to 63 letters, digits, - and _") + claimed(i.TenantClaim))
	}
	if !only.IsZero() && t != only {
		return tenant.ID{}, refusal("claims: the tenant is not the issuer's")
	}
	return t, nil
}

// absentOr tells a claim that is not there from one that is not what it has to be. It repeats
// nothing of the claim.
func absentOr(value, what, otherwise string) string {
	if value == "" {
		return what + " is missing"
	}
	return what + " is " + otherwise
}

// claimed names the claim that an issuer's entry has for something.
func claimed(name string) string { return " (the claim " + quote(name) + ")" }

// trimApplication drops the part of a media type that RFC 7515 §4.1.9 lets a typ omit.
func trimApplication(typ string) string { return strings.TrimPrefix(typ, "application/") }
