package authztest

import (
	"strings"
)

// The issuer of a token and its audience.
var issuerRows = []row{
	{41, "another trusted issuer signs, under its own kid", aPeer, func(a *attack) {
		a.peer(quote(a.options.Peer.KeyID))
	}},
	{42, "another trusted issuer signs, without a kid", aPeer, func(a *attack) {
		a.peer("")
	}},
	{43, "another trusted issuer signs, under the first one's kid", aPeer, func(a *attack) {
		a.peer(string(a.head["kid"]))
	}},
	{44, "a kid twice in one key set", anotherSuite, nil},
	{45, "a key that is not for signatures", anotherSuite, nil},
	{46, "a key that was withdrawn", anotherSuite, nil},
	{47, "ten thousand kids that nobody has", anotherSuite, nil},
	{48, "a rotation during a flood of kids", anotherSuite, nil},
	{49, "an issuer that nobody trusts", aKey, func(a *attack) {
		a.tokens(badToken, "iss", a.claimed("iss", `"https://evil.test"`), a.claimed("iss", `"http://127.0.0.1:1"`))
	}},
	{50, "another spelling of the issuer", aKey, func(a *attack) {
		iss := a.claim("iss")
		for _, s := range []string{iss + "/", strings.TrimSuffix(iss+"/", "//"), strings.ToUpper(iss), " " + iss, iss + " ", iss + ":443", iss + "#", iss + "?",
			strings.Replace(iss, "://", "://a@", 1), iss + "\x00", iss + ".", strings.Replace(iss, "i", "\u0456", 1)} {
			if s != iss {
				a.tokens(badToken, "iss "+s, a.claimed("iss", quote(s)))
			}
		}
	}},
	{51, "an issuer of another type, or none", aKey, func(a *attack) {
		iss := string(a.body["iss"])
		for _, s := range []string{"", "null", "1", "[" + iss + "]", "{}", `""`, `{"a":` + iss + `}`} {
			a.tokens(badToken, "iss "+s, a.claimed("iss", s))
		}
	}},
	{52, "a suspended tenant", aSuspend, func(a *attack) {
		back := a.options.Suspend()
		defer back()
		a.expect(forbidden, "suspended", bearer(a.token))
	}},
	{53, "a request that names another tenant", aTenantHeader, func(a *attack) {
		name := a.options.TenantHeader
		for _, claim := range []string{"another", "*", "", strings.ToUpper(a.claim(a.options.TenantClaim)), a.claim(a.options.TenantClaim) + " "} {
			a.expect(forbidden, claim, bearer(a.token).with(name, claim))
		}
		tenant := a.claim(a.options.TenantClaim)
		a.expect(ambiguous, "twice", bearer(a.token).with(name, tenant, tenant))
	}},
	{54, "no audience", aKey, func(a *attack) {
		for _, aud := range []string{"", `""`, "[]", "null", `[""]`} {
			a.tokens(badToken, "aud "+aud, a.claimed("aud", aud))
		}
	}},
	{55, "our audience among others is ours", aKey, func(a *attack) {
		a.expect(served, "aud", bearer(a.claimed("aud", `["https://other.test",`+a.audience()+`]`)))
	}},
	{56, "an audience of other types", aKey, func(a *attack) {
		us := a.audience()
		for _, aud := range []string{"[" + us + ",1]", "[1," + us + "]", "[[" + us + "]]", `{"0":` + us + `}`, "1", "true", "[" + us + ",null]"} {
			a.tokens(badToken, "aud "+aud, a.claimed("aud", aud))
		}
	}},
	{57, "an audience that resembles ours", aKey, func(a *attack) {
		us := strings.Trim(a.audience(), `"`)
		for _, aud := range []string{us + ".evil", "evil." + us, us + "/", strings.ToUpper(us), us[:len(us)-1], " " + us, us + "," + us, us + "\x00"} {
			if aud != us {
				a.tokens(badToken, "aud "+aud, a.claimed("aud", quote(aud)))
			}
		}
	}},
	{58, "ten thousand audiences or roles", aKey, func(a *attack) {
		many := "[" + strings.Repeat(`"x",`, 10_000) + a.audience() + "]"
		a.tokens(badToken, "many", a.claimed("aud", many), a.claimed("roles", many))
	}},
	{59, "an ID token", aKey, func(a *attack) {
		a.tokens(badToken, "an ID token", a.seal(a.header("typ", `"JWT"`), a.claims("nonce", `"n"`, "azp", `"web"`)),
			a.claimed("nonce", `"n"`), a.claimed("at_hash", `"x"`), a.claimed("c_hash", `"x"`))
	}},
	{60, "a token of another type", aKey, func(a *attack) {
		for _, typ := range []string{"dpop+jwt", "logout+jwt", "secevent+jwt", "", "JOSE", "at+jwt ", "at", "token-introspection+jwt", "application/dpop+jwt"} {
			a.tokens(badToken, "typ "+typ, a.signed("typ", quote(typ)))
		}
		a.tokens(badToken, "typ of another kind", a.signed("typ", "null"), a.signed("typ", "1"), a.signed("typ", `["at+jwt"]`))
	}},
	{61, "a nested, encrypted or compressed token", aKey, func(a *attack) {
		for _, value := range append(empties, `"DEF"`) {
			a.tokens(badToken, "zip, enc, cty", a.signed("zip", value), a.signed("enc", value), a.signed("cty", value))
		}
		a.tokens(badToken, "cty", a.signed("cty", `"JWT"`), a.seal(a.header("cty", `"JWT"`), a.token), a.seal(a.header(), a.token))
	}},
}

// peer forges tokens of the first issuer that the second signs.
func (a *attack) peer(kid string) {
	a.Helper()
	p := a.options.Peer
	key := material(p.Key)
	for _, alg := range algorithms(key) {
		header := a.header("kid", kid, "alg", quote(alg))
		a.tokens(badToken, "in the first one's name", by(key, alg, header, a.claims()))
		a.tokens(badToken, "in both names", by(key, alg, header, `{"iss":`+quote(p.Issuer)+`,`+a.claims()[1:]),
			by(key, alg, header, a.claims("ISS", quote(p.Issuer))), by(key, alg, header, a.claims("iss", `[`+string(a.body["iss"])+`,`+quote(p.Issuer)+`]`)))
	}
}

// audience is the audience of the good tokens as JSON, the first of several.
func (a *attack) audience() string {
	return strings.SplitN(strings.Trim(string(a.body["aud"]), "[]"), ",", 2)[0]
}
