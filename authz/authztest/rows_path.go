package authztest

import (
	"fmt"
	"strings"
	"unicode"
)

// Paths that programs read in different ways.
var pathRows = []row{
	{89, "doubled slashes", 0, func(a *attack) {
		p := a.service.Path
		a.everybody(ambiguous, "/"+p, "//"+p, p+"//", p+"//x", strings.Replace(p, "/", "//", 1))
	}},
	{90, "encoded slashes", 0, func(a *attack) {
		p := a.service.Path
		for _, slash := range []string{"%2F", "%2f", "%5C", "%5c", "%252F", "%25%32%46", "%c0%af"} {
			a.everybody(ambiguous, "/"+slash+p[1:], p+slash+"x", p+slash)
		}
	}},
	{91, "needless escapes", 0, func(a *attack) {
		p := a.service.Path
		i := strings.IndexFunc(p, unicode.IsLetter)
		a.everybody(ambiguous, p[:i]+fmt.Sprintf("%%%02x", p[i])+p[i+1:], p[:i]+fmt.Sprintf("%%%02X", p[i])+p[i+1:], p+"%2e", p+"%5f", p+"%7E")
	}},
	{92, "dot segments", 0, func(a *attack) {
		p := a.service.Path
		for _, dots := range []string{"/pub/..", "/.", "/..", "/%2e%2e", "/pub/%2e%2e", "/pub/.%2e", "/%2E", "/pub/..;", "/..;"} {
			a.everybody(ambiguous, dots+p)
		}
		a.everybody(ambiguous, p+"/.", p+"/..", p+"/../x", p+"/x/../..")
	}},
	{93, "path parameters, backslashes, control bytes and bad UTF-8", 0, func(a *attack) {
		p := a.service.Path
		for _, s := range []string{";a=b", ";", `\x`, `\`, "%00", "%0d%0a", "%09", "%7f", "%ff", "%ed%a0%80", "\xff", "\"", "|", "%3B"} {
			a.everybody(ambiguous, p+s, "/x"+s+p)
		}
	}},
	{94, "another case and a slash at the end", 0, func(a *attack) {
		for _, p := range []string{strings.ToUpper(a.service.Path), a.service.Path + "/", a.service.Path + "."} {
			a.expect(signIn, p, request{target: p})
			a.never5xx(bearer(a.token).to("", p))
		}
	}},
	{95, "the absolute form, another host and the asterisk", 0, func(a *attack) {
		p := a.service.Path
		a.expect(signIn, "absolute form", request{target: "http://evil.test" + p}, request{target: "https://service.test" + p}, request{host: "evil.test"}, request{host: "localhost"})
		a.expect(ambiguous, "absolute form with dots", request{target: "http://evil.test/x/.." + p}, request{target: "http://evil.test/" + p})
		a.expect(ambiguous, "user information", request{target: "http://service.test@evil.test" + p})
		a.expect(ambiguous, "the asterisk", request{method: "OPTIONS", target: "*"}, request{target: "http://evil.test"})
	}},
	{96, "a public path in the query or after a hash", 0, func(a *attack) {
		public := a.options.Public
		if public == "" {
			public = "/public"
		}
		a.expect(signIn, "the query", request{target: a.service.Path + "?p=" + public}, request{target: a.service.Path + "?" + public}, request{target: a.service.Path + "?/../.." + public})
		a.expect(ambiguous, "a hash, which no client sends", request{target: a.service.Path + "#" + public}, request{target: public + "#/../" + a.service.Path})
	}},
}

// everybody expects the same for nobody and for a good token.
func (a *attack) everybody(want answer, targets ...string) {
	a.Helper()
	for _, target := range targets {
		a.expect(want, target, request{target: target}, bearer(a.token).to("", target))
	}
}

// never5xx expects an answer that is not the service's own failure.
func (a *attack) never5xx(requests ...request) {
	a.Helper()
	for _, r := range requests {
		if got := a.send(r); got != nil && got.status >= 500 {
			a.Errorf("%s %s is answered %d", r.method, r.target, got.status)
		}
	}
}
