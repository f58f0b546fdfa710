package token

import "github.com/reevehq/reeve/session"

// Stranger returns whom a logout token of an issuer with Foreign is about, in the issuer's own
// words: the provider as [session.Stranger].Issuer names it, its name for the session, and the sub claim, "" for each that is not there. The name is
// that of a [session.Stranger] of the issuer, so it is "" too where [Foreign].Session is empty:
// then no session is known by it. It is false for a token of every other issuer.
func (l *LogoutToken) Stranger() (issuer, name, subject string, ok bool) {
	c := l.claims()
	if !c.foreign {
		return "", "", "", false
	}
	if c.namesSession {
		name = c.sessionName
	}
	return c.provider, name, c.subject, true
}

// logoutUser returns the user that the sub claim of a logout token is. It is zero where the
// issuer's access tokens have the user in another claim.
func (i *Issuer) logoutUser(sub string) (session.UserID, error) {
	if i.Foreign == nil {
		return session.ParseUserID(sub)
	}
	if i.Foreign.User != "sub" {
		return session.UserID{}, nil
	}
	return session.ParseUserID(i.UserPrefix + sub)
}

// logoutNames returns an entry by which logout tokens of a foreign issuer are read: they have
// the sid of the specification, and no tenant.
func (i *Issuer) logoutNames() *Issuer {
	c := *i
	c.SessionClaim, c.TenantClaim = "sid", "sid"
	return &c
}
