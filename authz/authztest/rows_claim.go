package authztest

import (
	"fmt"
	"strings"
	"time"
)

// When a token is valid (RFC 7519 §4.1.4 to §4.1.6).
var timeRows = []row{
	{62, "exp missing or of another type", aKey, func(a *attack) {
		for _, exp := range []string{"", "null", "0", "-1", "true", "[]", `"str"`, quote(fmt.Sprint(a.now(300))), "{}"} {
			a.tokens(badToken, "exp "+exp, a.claimed("exp", exp))
		}
	}},
	{63, "exp beyond any number", aKey, func(a *attack) {
		for _, exp := range []string{"1e400", "NaN", "-0", "1e30", "9223372036854775808", "-1e30", "1e19", "0x7fffffff", "+1", "01"} {
			a.tokens(badToken, "exp "+exp, a.claimed("exp", exp))
		}
	}},
	{64, "exp just outside and inside the leeway", aKey, func(a *attack) {
		leeway := int64(a.options.Leeway / time.Second)
		a.tokens(badToken, "outside", a.claimed("iat", a.at(-leeway-300), "exp", a.at(-leeway-1)))
		if leeway > 10 {
			a.expect(served, "inside", bearer(a.claimed("iat", a.at(-leeway-300), "exp", a.at(-leeway+10))))
		}
	}},
	{65, "exp with a fraction is a number", aKey, func(a *attack) {
		a.expect(served, "a fraction", bearer(a.claimed("exp", a.at(200)+".75")))
	}},
	{66, "exp in the year 2286", aKey, func(a *attack) {
		a.tokens(badToken, "exp", a.claimed("exp", "9999999999"))
	}},
	{67, "exp before iat or nbf", aKey, func(a *attack) {
		a.tokens(badToken, "iat", a.claimed("iat", a.at(20), "exp", a.at(10)), a.claimed("iat", a.at(10), "exp", a.at(10)))
		a.tokens(badToken, "nbf", a.claimed("nbf", a.at(30), "exp", a.at(20)))
	}},
	{68, "nbf in an hour", aKey, func(a *attack) {
		a.tokens(badToken, "nbf", a.claimed("nbf", a.at(3600)), a.claimed("nbf", a.at(3600), "exp", a.at(7200)))
	}},
	{69, "nbf beyond any number", aKey, func(a *attack) {
		for _, nbf := range []string{"1e30", "9223372036854775807", "-1e30", "-1", "null", `"0"`, "true"} {
			a.tokens(badToken, "nbf "+nbf, a.claimed("nbf", nbf))
		}
	}},
	{70, "iat in the future", aKey, func(a *attack) {
		a.tokens(badToken, "iat", a.claimed("iat", a.at(3600), "exp", a.at(7200)), a.claimed("iat", "1e30"), a.claimed("iat", "9223372036854775807"))
	}},
	{71, "iat in 1970", aKey, func(a *attack) {
		a.tokens(badToken, "iat", a.claimed("iat", "0"), a.claimed("iat", "1"), a.claimed("iat", ""), a.claimed("iat", "null"))
	}},
}

// The claims of a token, and the ways to read them twice.
var claimRows = []row{
	{72, "sub missing or no user", aKey, func(a *attack) {
		for _, sub := range []string{"", `""`, "1", "null", "[]", quote(strings.Repeat("u", 5000)), quote("a\xff"), quote("a\x00b"), `"\ud800"`, quote("a b"), quote("a\nb"), quote("*"), quote("a:b"), quote("{a}")} {
			a.tokens(badToken, "sub "+sub, a.claimed("sub", sub))
		}
	}},
	{73, "a claim twice", aKey, func(a *attack) {
		rest := a.claims()[1:]
		for _, name := range []string{"sub", a.options.TenantClaim, a.options.SessionClaim, "exp", "iss", "aud"} {
			a.tokens(badToken, name+" twice", a.seal(a.header(), "{"+quote(name)+":"+string(a.body[name])+","+rest), a.seal(a.header(), "{"+quote(name)+`:"x",`+rest),
				a.seal(a.header(), `{"\u00`+fmt.Sprintf("%02x", name[0])+name[1:]+`":"x",`+rest))
		}
		a.tokens(badToken, "roles twice", a.seal(a.header(), `{"roles":[],"roles":["admin"],`+rest), a.seal(a.header(), `{"x":{"y":1,"y":2},`+rest))
	}},
	{74, "names that only resemble a claim", aKey, func(a *attack) {
		for name, others := range map[string][]string{
			"sub": {"SUB", "Sub", "\u017fub", "sub\x00", " sub"}, "exp": {"EXP", "exp\x00"}, "iss": {"ISS", "i\u017fs"}, "aud": {"AUD"},
			a.options.TenantClaim: {strings.ToUpper(a.options.TenantClaim), a.options.TenantClaim + "\x00", "Tenant "}, a.options.SessionClaim: {strings.ToUpper(a.options.SessionClaim)},
		} {
			for _, other := range others {
				a.tokens(badToken, other+" instead of "+name, a.claimed(name, "", other, string(a.body[name])))
			}
		}
		a.tokens(badToken, "EXP beside an expired exp", a.claimed("exp", a.at(-7200), "iat", a.at(-7300), "EXP", a.at(300)))
		a.expect(served, "unknown claims beside the real ones", bearer(a.claimed("SUB", `"root"`, "TENANT", `"another"`, "\u017fub", `"root"`)))
	}},
	{75, "deep nesting and __proto__", aKey, func(a *attack) {
		for _, depth := range []int{50, 2000, 9000, 100_000} {
			a.tokens(badToken, "arrays", a.claimed("x", strings.Repeat("[", depth)+strings.Repeat("]", depth)))
			a.tokens(badToken, "objects", a.claimed("x", strings.Repeat(`{"a":`, depth)+"1"+strings.Repeat("}", depth)))
		}
		a.expect(served, "__proto__ is a name like any other", bearer(a.claimed("__proto__", `{"admin":true}`)))
	}},
	{76, "claims that are no object", aKey, func(a *attack) {
		c := a.claims()
		for _, claims := range []string{"null", "[]", `"x"`, "", "1", "\ufeff" + c, utf16(c), c + "x", c + "{}", c + ",", "[" + c + "]", c[:len(c)-1], c[1:], c + "\x00", "//\n" + c, strings.ReplaceAll(c, `"`, "'")} {
			a.tokens(badToken, "claims", a.seal(a.header(), claims))
		}
	}},
	{77, "segments with other letters or spare bits", 0, func(a *attack) {
		h, c, s := a.text[0], a.text[1], a.text[2]
		for _, token := range []string{h + "=." + c + "." + s, h + "." + c + "=." + s, a.token + "=", a.token + "==", h + "." + c + "\r\n." + s, h + "." + c + "." + s[:10] + "\n" + s[10:],
			h + "." + c + "." + s[:10] + "+/" + s[12:], a.token + "\x00", a.token + "%3D", a.token + ";", spare(a.token)} {
			a.tokens(badToken, "letters", token)
		}
		a.expect(badRequest, "a space makes two tokens", bearer(h+"."+c+" ."+s), bearer(a.token+" "))
	}},
	{78, "roles in the token, in any form", aKey | aForbiddenRoute, func(a *attack) {
		for _, roles := range []string{`"admin"`, `["admin"]`, `{"admin":true}`, "null", "1"} {
			for _, name := range []string{"roles", "role", "scope", "scp", "groups", "permissions"} {
				a.expect(forbidden, name, a.forbidden(a.claimed(name, roles)))
			}
		}
	}},
	{79, "tenant and session of another type", aKey, func(a *attack) {
		for _, name := range []string{a.options.TenantClaim, a.options.SessionClaim} {
			is := string(a.body[name])
			for _, value := range []string{"", "[" + is + "]", "[" + is + `,"b"]`, "{}", "null", "1", `""`, `"*"`, `" "`, strings.ToUpper(is) + " ", is[:len(is)-1] + `\u0000"`, is[:len(is)-1] + ` "`, `"../x"`} {
				a.tokens(badToken, name+" "+value, a.claimed(name, value))
			}
		}
	}},
	{80, "a role that the session does not have", aKey | aForbiddenRoute, func(a *attack) {
		a.expect(forbidden, "without the claim", a.forbidden(a.token))
		a.expect(forbidden, "with it", a.forbidden(a.claimed("roles", `["admin","root","*","role:admin"]`, "admin", "true")))
	}},
}

func (a *attack) now(plus int64) int64 { return time.Now().Unix() + plus }

func (a *attack) at(plus int64) string { return fmt.Sprint(a.now(plus)) }

// forbidden is the request that the caller of good tokens may not make.
func (a *attack) forbidden(token string) request {
	method, target, _ := strings.Cut(a.options.Forbidden, " ")
	return bearer(token).to(method, target)
}

func utf16(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		out.Write([]byte{b, 0})
	}
	return out.String()
}

// spare sets a bit of the last letter that stands for no byte. Where the length leaves no
// such bit it adds a letter, which stands for none either.
func spare(token string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	sig := token[strings.LastIndexByte(token, '.')+1:]
	if len(sig)%4 == 0 {
		return token + "A"
	}
	last := strings.IndexByte(letters, token[len(token)-1])
	return token[:len(token)-1] + letters[last|1:(last|1)+1]
}
