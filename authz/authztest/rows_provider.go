package authztest

import (
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Tokens of another identity provider, and the sessions that they make.
var providerRows = []row{
	{105, "another kind of token that the provider signs", aProvider, func(a *attack) {
		p := a.provider()
		for _, other := range a.options.Provider.Others {
			a.tokens(badToken, "of another kind", p.kind(other))
		}
		a.expect(served, "the kind that is accepted", bearer(a.options.Provider.Token()))
	}},
	{106, "the audience of another client of the provider", aProvider, func(a *attack) {
		p := a.provider()
		aud := string(p.body["aud"])
		for _, other := range []string{`"another-client"`, `["another-client","and-another"]`, "", "null", "[]", `[` + `"another-client"` + `,1]`} {
			a.tokens(badToken, "aud "+other, p.claimed("aud", other, "client_id", `"another-client"`), p.claimed("aud", other, "azp", first(aud)),
				p.claimed("aud", other, "client_id", first(aud)), p.claimed("aud", other, "azp", `"another-client"`, "AUD", first(aud)))
		}
	}},
	{107, "the provider's tenant in another case", aTenantOfTheProvider, func(a *attack) {
		p, claim := a.provider(), a.options.Provider.Tenant
		name := p.claim(claim)
		for _, folded := range []string{strings.ToUpper(name), strings.ToLower(name), strings.ToUpper(name[:1]) + name[1:], name + " ", " " + name, name + "\x00",
			strings.Replace(strings.ToLower(name), "k", "\u212a", 1), strings.Replace(name, "s", "\u017f", 1)} {
			if folded == name {
				continue
			}
			a.refused("tenant "+folded, p.claimed(claim, quote(folded)))
			if template := a.options.Provider.Template; template != "" {
				a.refused("tenant and issuer "+folded, p.claimed(claim, quote(folded), "iss", quote(strings.Replace(template, "{tenant}", folded, 1))))
			}
		}
		a.refused("a tenant of another type", p.claimed(claim, ""), p.claimed(claim, "null"), p.claimed(claim, "["+quote(name)+`,"another"]`), p.claimed(claim, "1"))
	}},
	{108, "the name of an issuer that only resembles the template", aTemplate, func(a *attack) {
		p, template := a.provider(), a.options.Provider.Template
		iss := p.claim("iss")
		before, after, _ := strings.Cut(template, "{tenant}")
		tenant := strings.TrimSuffix(strings.TrimPrefix(iss, before), after)
		for _, s := range []string{"another", "{tenant}", "", "*", "..", tenant + "/..", "../" + tenant, tenant + "/" + tenant, strings.ToUpper(tenant), "%2e", tenant + "%00", tenant + "?", tenant + "#", "@evil.test/" + tenant, "."} {
			if s != tenant {
				a.tokens(badToken, "iss with "+s, p.claimed("iss", quote(before+s+after)))
			}
		}
		a.refused("another tenant than that of the issuer's name", p.claimed(a.options.Provider.Tenant, `"another"`))
	}},
	{109, "an issuer, a key or a resolver that would have to be fetched", aProvider, func(a *attack) {
		p := a.provider()
		url, asked := a.listen()
		for _, at := range []string{url, url + "/", url + "/.well-known/openid-configuration", strings.Replace(url, "http", "https", 1)} {
			a.tokens(badToken, "iss "+at, p.claimed("iss", quote(at)), by(a.attacker.ed, "EdDSA", p.header("alg", `"EdDSA"`), p.claims("iss", quote(at))))
		}
		for _, member := range []string{"jku", "x5u", "jwk", "x5c"} {
			a.tokens(badToken, member, by(a.attacker.ed, "EdDSA", p.header("alg", `"EdDSA"`, member, quote(url)), p.claims()))
		}
		if n := asked(); n != 0 {
			a.Errorf("%d requests for what a token names", n)
		}
	}},
	{110, "a token of a sign-in that was ended", aRevokeOfTheProvider, func(a *attack) {
		p := a.provider()
		token := strings.Join(p.text[:], ".")
		a.expect(served, "before", bearer(token))
		a.options.Provider.Revoke(token)
		a.tokens(badToken, "the same token", token, token)
		if a.options.Provider.Remembered {
			a.tokens(badToken, "refreshed at the provider", p.claimed("iat", a.at(0), "jti", `"refreshed"`), p.claimed("iat", a.at(2), "jti", `"again"`))
		}
	}},
	{111, "a token of the provider from the future", aProvider, func(a *attack) {
		p := a.provider()
		for _, ahead := range []int64{20, 50, 3600} {
			a.tokens(badToken, "iat", p.claimed("iat", a.at(ahead), "exp", a.at(ahead+60)))
			if _, said := p.body["auth_time"]; said {
				a.tokens(badToken, "auth_time", p.claimed("auth_time", a.at(ahead)))
			}
		}
	}},
}

// provider returns the forge of a new token of the provider.
func (a *attack) provider() *forge {
	a.Helper()
	f := newForge(a.T, a.options.Provider.Token(), material(a.options.Provider.Key))
	return &f
}

// kind signs a good token with claims and header members of another kind.
func (f *forge) kind(other map[string]string) string {
	var header, claims []string
	for _, name := range slices.Sorted(maps.Keys(other)) {
		if member, ok := strings.CutPrefix(name, "header:"); ok {
			header = append(header, member, other[name])
			continue
		}
		claims = append(claims, name, other[name])
	}
	return f.seal(f.header(header...), f.claims(claims...))
}

// first is the one audience, or the first of several, as JSON.
func first(aud string) string { return strings.SplitN(strings.Trim(aud, "[]"), ",", 2)[0] }

// refused expects that tokens are no credential, or one of a tenant that nobody has.
func (a *attack) refused(what string, tokens ...string) {
	a.Helper()
	for _, token := range tokens {
		got := a.send(bearer(token))
		if got == nil {
			continue
		}
		if a.compare(badToken, got) != nil && a.compare(forbidden, got) != nil {
			a.Errorf("%s: want 401 or 403\n%d %v\n%.300s", what, got.status, got.header, got.body.String())
		}
	}
}

// listen returns the address of a server that answers nobody, and counts who comes.
func (a *attack) listen() (url string, asked func() int64) {
	a.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		a.Fatal(err)
	}
	var connections atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			c.Close()
		}
	}()
	return "http://" + l.Addr().String(), func() int64 {
		time.Sleep(100 * time.Millisecond) // for a request that was not waited for
		l.Close()
		<-done
		return connections.Load()
	}
}
