package token

import (
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
)

// logoutEvent is the member of events that makes a token a logout token.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutClaims are the claims of a logout token that are read.
type logoutClaims struct {
	times
	audience             bool // aud names us
	event                bool
	tokenID              string
	user, tenantID       string
	sid, sessionID       string
	hasUser, hasTenantID bool
	oddSID               bool // there is a sid that nothing here can be known by
}

// readLogoutClaims reads an authenticated payload under the names its issuer uses.
func readLogoutClaims(payload string, i *Issuer) (logoutClaims, error) {
	if i.Foreign != nil {
		i = i.logoutNames()
	}
	c := logoutClaims{times: times{absent, absent, absent}}
	r := readerOf(payload)
	for r.open('{'); r.next(); {
		name := r.name
		switch name {
		case "aud":
			c.audience = r.audience(i.Logout.Audience)
		case "exp", "iat", "nbf":
			c.times.read(&r, name)
		case "jti":
			c.tokenID = strings.Clone(r.id())
		case "sub":
			c.hasUser = true
			c.user = r.string()
		case "sid":
			c.sid, c.oddSID = r.sid()
		case i.SessionClaim: // another than sid
			c.sessionID = strings.Clone(r.id())
		case i.TenantClaim:
			c.hasTenantID = true
			c.tenantID = r.string()
		case "events":
			c.event = r.events()
		default:
			if name == "cnf" || slices.Contains(foreignClaims, name) {
				r.fail(malformed("not a logout token"))
			}
			r.skip()
			continue
		}
		r.failIn(name) // one of the names above, so ours
	}
	if err := r.end(); err != nil {
		return logoutClaims{}, refusal("claims: " + err.Error())
	}
	if i.SessionClaim == "sid" {
		c.sessionID = c.sid
	}
	return c, nil
}

// sid reads the sid claim, any text of the issuer's that is not empty. A sid that [reader.id]
// refuses is odd: no access token names such a session, and no look-up is made by it, but
// beside a sub it is no reason to keep the user signed in.
func (r *reader) sid() (sid string, odd bool) {
	switch s := r.view(); {
	case r.err != nil:
		return "", false
	case s == "":
		r.fail(malformed("empty"))
		return "", false
	case !printable(s, maxText):
		return "", true
	default:
		return strings.Clone(s), false
	}
}

// events reads the events claim, which has the logout as a member, an object, and may have
// others (§2.6: it "contains" the member).
func (r *reader) events() (found bool) {
	for r.open('{'); r.next(); {
		if r.name != logoutEvent {
			r.skip()
			continue
		}
		found = true
		for r.open('{'); r.next(); {
			r.skip()
		}
	}
	return found
}

// accept holds the claims against the issuer's entry and the clock.
func (c *logoutClaims) accept(i *Issuer, iss string, now time.Time) (*LogoutToken, error) {
	if !c.audience {
		return nil, refusal("claims: aud does not name this service")
	}
	if c.expires == absent && c.issued != absent && i.Logout.OptionalExpiry {
		c.expires = c.issued + int64(i.Logout.MaxLifetime/time.Second)
	}
	if err := c.times.accept(i.Leeway, i.ahead(), i.Logout.MaxLifetime, now); err != nil {
		return nil, err
	}
	switch {
	case c.tokenID == "":
		return nil, refusal("claims: jti is missing")
	case !c.event:
		return nil, refusal("claims: events is missing or has no back-channel logout")
	case !c.hasUser && c.oddSID:
		return nil, refusal("claims: sid is not 1 to 255 printable bytes, and there is no sub")
	case !c.hasUser && c.sid == "" && c.sessionID == "":
		return nil, refusal("claims: neither sub nor sid")
	}
	l := logout{issuer: iss, provider: i.provider(iss), foreign: i.Foreign != nil, namesSession: i.Foreign != nil && i.Foreign.Session != "", tokenID: c.tokenID, sessionName: c.sid, subject: c.user}
	var err error
	if c.hasUser {
		if l.user, err = i.logoutUser(c.user); err != nil && c.sid == "" {
			return nil, refusal("claims: sub is not a user id, and there is no sid")
		}
	}
	if i.Foreign != nil && l.user.IsZero() && c.sid == "" {
		return nil, refusal("claims: sub is not where access tokens have the user, and there is no sid")
	}
	if c.hasTenantID || !i.Logout.Tenant.IsZero() {
		if l.tenant, err = boundTenant(i, i.Logout.Tenant, c.tenantID, c.hasTenantID); err != nil {
			return nil, err
		}
	}
	if i.OwnSessions {
		l.session, _ = session.ParseID(c.sessionID) // zero: not one of ours
	}
	// The whole time in which a token may be accepted, not what is left of it: a store that has
	// lost keys refuses for so long.
	l.remember = i.Logout.MaxLifetime + 2*max(i.Leeway, 0) + replicaSkew
	return &LogoutToken{sealed: seal(&l)}, nil
}
