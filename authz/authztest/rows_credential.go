package authztest

import (
	"net/http"
	"net/url"
	"strings"
)

// How a request carries its credential (RFC 6750 §2 and §3).
var credentialRows = []row{
	{1, "no credential", 0, func(a *attack) {
		a.expect(signIn, "without a header", request{})
	}},
	{2, "an empty Authorization header", 0, func(a *attack) {
		a.expect(signIn, "an empty header", request{}.with("Authorization", ""))
	}},
	{3, "a bearer scheme without a token", 0, func(a *attack) {
		a.expect(badRequest, "a scheme alone", request{}.with("Authorization", "Bearer"), request{}.with("Authorization", "Bearer "))
	}},
	{4, "another scheme", 0, func(a *attack) {
		a.expect(signIn, "basic", request{}.with("Authorization", "Basic dTpw"), request{}.with("Authorization", "Bearer:"+a.token))
	}},
	{5, "the scheme in lower case is the same scheme", 0, func(a *attack) {
		a.expect(served, "lower case", request{}.with("Authorization", "bearer "+a.token))
	}},
	{6, "two spaces after the scheme", 0, func(a *attack) {
		a.expect(badRequest, "two spaces", request{}.with("Authorization", "Bearer  "+a.token), request{}.with("Authorization", "Bearer \t"+a.token))
	}},
	{7, "two Authorization headers", 0, func(a *attack) {
		good := "Bearer " + a.token
		a.expect(badRequest, "junk and a good one",
			request{}.with("Authorization", "Bearer junk", good), request{}.with("Authorization", good, "Bearer junk"),
			request{}.with("Authorization", good, good), request{}.with("Authorization", "", good),
			request{}.with("Authorization", good+", "+good), request{}.with("Authorization", good+",Bearer"))
	}},
	{8, "a token in the header and one in the query", 0, func(a *attack) {
		for _, name := range []string{"access_token", "%61ccess_token"} {
			a.expect(badRequest, name, bearer(a.token).to("", a.service.Path+"?"+name+"="+url.QueryEscape(a.token)))
		}
	}},
	{9, "a token in the query alone is not read", 0, func(a *attack) {
		a.expect(signIn, "the query", request{target: a.service.Path + "?access_token=" + a.token},
			request{header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, body: "access_token=" + a.token})
	}},
	{10, "a cookie and a bearer token", aCookie, func(a *attack) {
		a.expect(badRequest, "both", bearer(a.token).with("Cookie", a.options.Cookie+"="+a.service.Token()),
			bearer("junk").with("Cookie", a.options.Cookie+"="+a.token))
		a.expect(badRequest, "a cookie and one in the query", request{target: a.service.Path + "?access_token=" + url.QueryEscape(a.token)}.with("Cookie", a.options.Cookie+"="+a.token))
	}},
	{11, "two cookies of one name", aCookie, func(a *attack) {
		name := a.options.Cookie
		a.expect(badRequest, "two cookies", request{}.with("Cookie", name+"="+a.token+"; "+name+"="+a.token),
			request{}.with("Cookie", name+"=junk", name+"="+a.token), request{}.with("Cookie", name+"=a\"b; "+name+"="+a.token))
		a.expect(signIn, "a cookie without the prefix", request{}.with("Cookie", strings.TrimPrefix(name, "__Host-")+"="+a.token))
	}},
}

// The form of a token, before anything in it is believed.
var structureRows = []row{
	{12, "a token of more than 8 KiB", 0, func(a *attack) {
		long := a.text[0] + "." + a.text[1] + strings.Repeat("A", 9000) + "." + a.text[2]
		a.tokens(badToken, "long", long, strings.Repeat("a", 9000), strings.Repeat("a", 1<<20))
		a.frugal(strings.Repeat("a", 1<<20))
	}},
	{13, "a million dots (CVE-2025-30204)", 0, func(a *attack) {
		dots := strings.Repeat(".", 1_000_000)
		a.tokens(badToken, "dots", dots, a.token+dots)
		a.frugal(dots)
	}},
	{14, "two, four and five segments", 0, func(a *attack) {
		h, c, s := a.text[0], a.text[1], a.text[2]
		a.tokens(badToken, "segments", h, h+"."+c, h+"."+c+"."+s+".", "."+a.token, h+"."+c+"."+s+"."+s, h+".."+c+"."+s+"."+s,
			".", "..", "...", h+"..", "."+c+".", ".."+s)
	}},
	{15, "JWS JSON serialization", 0, func(a *attack) {
		// A token in a header is a b64token (RFC 6750 §2.1): the comma makes two of it.
		json := `{"payload":"` + a.text[1] + `","protected":"` + a.text[0] + `","signature":"` + a.text[2] + `"}`
		a.expect(badRequest, "flattened", bearer(json))
		a.tokens(badToken, "in base64", b64(json), b64(json)+"."+a.text[1]+"."+a.text[2])
	}},
	{16, "alg none in any spelling", 0, func(a *attack) {
		for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "none "} {
			text := b64(a.header("alg", quote(alg))) + "." + a.text[1] + "."
			a.tokens(badToken, alg, text, text+a.text[2], strings.TrimSuffix(text, "."), a.seal(a.header("alg", quote(alg)), a.claims()))
		}
		a.tokens(badToken, "no signature", a.text[0]+"."+a.text[1]+".")
	}},
	{17, "alg missing, of another type or in lower case", 0, func(a *attack) {
		for _, alg := range []string{"", "256", "null", `["` + a.alg + `"]`, "{}", "true", quote(strings.ToLower(a.alg)), quote(a.alg + "\x00"), `"hs256"`, quote(" " + a.alg)} {
			if alg == quote(a.alg) {
				continue
			}
			a.tokens(badToken, "alg "+alg, a.signed("alg", alg))
		}
	}},
	{18, "a header that is no object", 0, func(a *attack) {
		for _, header := range []string{"[]", "null", `"x"`, "", "1", "true", "{", a.header() + "x", "[" + a.header() + "]"} {
			a.tokens(badToken, "header "+header, a.seal(header, a.claims()))
		}
	}},
	{19, "alg twice, and members that nobody understands", aKey, func(a *attack) {
		rest := a.header("alg", "")[1:]
		a.tokens(badToken, "alg twice", a.seal(`{"alg":"none","alg":`+quote(a.alg)+`,`+rest, a.claims()),
			a.seal(`{"alg":`+quote(a.alg)+`,"alg":`+quote(a.alg)+`,`+rest, a.claims()))
		// A member that is not understood must be ignored (RFC 7515 §4), and is no second chance to
		// say what it resembles. It is read strictly all the same.
		a.tokens(served, "a member that nobody understands", a.signed("ALG", `"none"`, "KID", `"x"`), a.signed("cat", `"x"`, "ver", "1"),
			a.signed("nonce", `"x"`, "sub", `"root"`, "tenant", `"another"`), a.signed("x5t", "null"), a.signed("x", `{"a":[{"alg":"none"}]}`))
		a.tokens(badToken, "a member that nobody understands, and two could read in two ways", a.signed("x", `{"a":1,"a":2}`),
			a.seal(`{"x":1,"x":2,`+a.header()[1:], a.claims()), a.signed("x", strings.Repeat("[", 100)+strings.Repeat("]", 100)), a.signed("x", `"\ud800"`))
	}},
	{20, "kid twice", aKey, func(a *attack) {
		rest := a.header()[1:]
		a.tokens(badToken, "kid twice", a.seal(`{"kid":"x",`+rest, a.claims()), a.seal(`{"kid":`+string(a.head["kid"])+`,`+rest, a.claims()))
	}},
}
