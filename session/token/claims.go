package token

import (
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

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
