package authztest

import "strings"

// The answers of the session store, and its outages.
var sessionRows = []row{
	{81, "a session that is guessed, cut or another's", aKey, func(a *attack) {
		sid, tenant := a.claim(a.options.SessionClaim), a.options.TenantClaim
		for _, id := range []string{sid[:len(sid)-1], sid + "A", "*", sid[:8] + "*", "' OR 1=1 --", "%00", strings.Repeat("A", len(sid)), strings.ToUpper(sid), "..", "session:" + sid} {
			if id != sid {
				a.tokens(badToken, "sid "+id, a.claimed(a.options.SessionClaim, quote(id)))
			}
		}
		a.tokens(badToken, "another tenant's or user's", a.claimed(tenant, `"another"`), a.claimed("sub", `"another"`), a.claimed(tenant, `"another"`, "sub", `"another"`))
	}},
	{82, "a session that was revoked", aRevoke, func(a *attack) {
		a.expect(served, "before", bearer(a.token))
		a.options.Revoke(a.token)
		a.tokens(badToken, "after", a.token)
	}},
	{83, "a session that expires in the store", anotherSuite, nil},
	{84, "the record of another session", aCorruption, func(a *attack) {
		a.during(a.options.Corrupt)
	}},
	{85, "a damaged record", aCorruption, func(a *attack) {
		a.during(a.options.Corrupt)
	}},
	{86, "the store is gone", anOutage, func(a *attack) {
		a.during(a.options.Outage)
	}},
	{87, "the store is gone and nobody asks for it", anOutage, func(a *attack) {
		back := a.options.Outage()
		defer back()
		a.expect(signIn, "without a credential", request{})
		a.tokens(badToken, "with a bad one", "junk")
		if a.options.Public != "" {
			a.expect(served, "the public route", request{target: a.options.Public, method: "GET"})
		}
	}},
	{88, "the issuer's keys are gone", anotherSuite, nil},
}

// during expects an outage while the store fails, and none after.
func (a *attack) during(fail func() (back func())) {
	a.Helper()
	back := fail()
	a.tokens(unavailable, "a good token", a.token)
	if a.options.Cookie != "" {
		a.expect(unavailable, "a good cookie", request{}.with("Cookie", a.options.Cookie+"="+a.token))
	}
	back()
	a.expect(served, "afterwards", bearer(a.token))
}
