package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session/token"
)

func TestHostileClaimsAreRefused(t *testing.T) {
	const alg = token.EdDSA
	edit := func(edits ...string) string { return good(alg, edits...) }
	text := func(payload string) string { return ours().forge(alg, headerOf(alg), payload) }
	more := func(member string) string { return text(strings.TrimSuffix(claimsOf(), "}") + "," + member + "}") }
	now := time.Now().Unix()
	at := func(d int64) string { return fmt.Sprint(now + d) }
	const syntax, untrusted = "not strict JSON", "is not trusted"

	rows := []attack{
		{"payload is null", text("null"), "not an object"},
		{"payload is an array", text("[]"), "not an object"},
		{"payload is a string", text(`"x"`), "not an object"},
		{"payload is a space", text(" "), syntax},
		{"payload begins with a byte order mark", text("\ufeff" + claimsOf()), syntax},
		{"payload is UTF-16", text("{\x00}\x00"), syntax},
		{"something after the payload", text(claimsOf() + "x"), syntax},
		{"a second object after the payload", text(claimsOf() + claimsOf()), syntax},
		{"a comment", text("/**/" + claimsOf()), syntax},
		{"a trailing comma", text(strings.TrimSuffix(claimsOf(), "}") + ",}"), syntax},
		{"sub twice", more(`"sub":"root"`), syntax},
		{"sub twice, once escaped", more(`"s\u0075b":"root"`), syntax},
		{"tenant twice", more(`"tenant":"evil"`), syntax},
		{"exp twice", more(`"exp":` + at(600)), syntax},
		{"iss twice", more(`"iss":"https://evil.example.com"`), syntax},
		{"a nested name twice", more(`"x":{"a":1,"a":2}`), syntax},
		{"a name twice inside an array", more(`"x":[{"a":1,"a":2}]`), syntax},
		{"nine levels", more(`"x":` + strings.Repeat("[", 8) + strings.Repeat("]", 8)), "nested too deep"},
		{"2 000 levels, never closed", more(`"x":` + strings.Repeat(`[`, 2000)), "nested too deep"},
		{"invalid UTF-8 in sub", edit("sub", "\"a\xff\""), syntax},
		{"invalid UTF-8 in a claim nobody reads", edit("x", "\"a\xff\""), syntax},
		{"half a surrogate pair in sub", edit("sub", `"a\ud800"`), syntax},
		{"half a surrogate pair in a name", more(`"\udc00":1`), syntax},
		{"a number beyond float64 in a claim nobody reads", edit("x", "1e400"), "out of range"},
		{"NaN", edit("exp", "NaN"), syntax},
		{"a leading zero", edit("exp", "01795000000"), syntax},

		{"iss is missing", edit("iss", ""), "iss is missing"},
		{"iss is empty", edit("iss", `""`), "iss is missing"},
		{"iss is an array", edit("iss", `["`+issuerName+`"]`), "not a string"},
		{"iss is a number", edit("iss", "1"), "not a string"},
		{"iss is null", edit("iss", "null"), "not a string"},
		{"iss with a slash", edit("iss", `"`+issuerName+`/"`), untrusted},
		{"iss in another case", edit("iss", `"https://ID.example.com"`), untrusted},
		{"iss with a port", edit("iss", `"https://id.example.com:443"`), untrusted},
		{"iss with a user", edit("iss", `"https://a@id.example.com"`), untrusted},
		{"iss in another script", edit("iss", `"https://іd.example.com"`), untrusted},
		{"iss with NUL", edit("iss", `"`+issuerName+`\u0000"`), untrusted},
		{"ISS instead of iss", edit("iss", "", "ISS", `"`+issuerName+`"`), "iss is missing"},

		{"aud is missing", edit("aud", ""), "aud does not"},
		{"aud is empty", edit("aud", `""`), "aud does not"},
		{"aud is an empty array", edit("aud", `[]`), "aud does not"},
		{"aud is null", edit("aud", `null`), "not a string"},
		{"aud holds a number", edit("aud", `["`+audience+`",1]`), "not a string"},
		{"aud is nested", edit("aud", `[["`+audience+`"]]`), "not a string"},
		{"aud is an object", edit("aud", `{"0":"`+audience+`"}`), "not a string"},
		{"aud with a suffix", edit("aud", `"`+audience+`.evil"`), "aud does not"},
		{"aud with a prefix", edit("aud", `"evil.`+audience+`"`), "aud does not"},
		{"aud in another case", edit("aud", `"https://API.example.com"`), "aud does not"},
		{"aud as a list in a string", edit("aud", `"`+audience+` x"`), "aud does not"},
		{"aud of 10 000 entries", edit("aud", `["`+strings.Repeat(`x","`, 10000)+audience+`"]`), "8 KiB"},

		{"exp is missing", edit("exp", ""), "exp is missing"},
		{"exp is null", edit("exp", "null"), "not a number"},
		{"exp is 0", edit("exp", "0"), "expired"},
		{"exp is -1", edit("exp", "-1"), "out of range"},
		{"exp is -0", edit("exp", "-0"), "out of range"},
		{"exp is true", edit("exp", "true"), "not a number"},
		{"exp is an array", edit("exp", "[]"), "not a number"},
		{"exp is a string", edit("exp", `"`+at(300)+`"`), "not a number"},
		{"exp is 1e400", edit("exp", "1e400"), "out of range"},
		{"exp is 1e30", edit("exp", "1e30"), "out of range"},
		{"exp is 2^63", edit("exp", "9223372036854775808"), "out of range"},
		{"exp is in the year 10000", edit("exp", "253402300800"), "out of range"},
		{"exp is in the year 9999", edit("exp", "253402300799"), "too long"},
		{"exp is in the year 2286", edit("exp", "9999999999"), "too long"},
		{"exp is past and EXP is not", edit("exp", at(-3600), "iat", at(-7200), "EXP", at(300)), "expired"},
		{"exp\\u0000 instead of exp", text(strings.Replace(claimsOf(), `"exp"`, `"exp\u0000"`, 1)), "exp is missing"},
		{"exp before iat", edit("iat", at(30), "exp", at(20)), "not after iat"},
		{"exp equal to iat", edit("iat", at(30), "exp", at(30)), "not after iat"},
		{"exp a day and a second after iat", edit("iat", at(0), "exp", at(24*3600+1)), "too long"},
		{"nbf in an hour", edit("nbf", at(3600)), "not valid yet"},
		{"nbf after exp", edit("nbf", at(30), "exp", at(20)), "not after nbf"},
		{"nbf equal to exp", edit("nbf", at(20), "exp", at(20)), "not after nbf"},
		{"nbf is 1e30", edit("nbf", "1e30"), "out of range"},
		{"nbf is -1e30", edit("nbf", "-1e30"), "out of range"},
		{"nbf is 2^63-1", edit("nbf", "9223372036854775807"), "out of range"},
		{"nbf is null", edit("nbf", "null"), "not a number"},
		{"iat is missing", edit("iat", ""), "iat is missing"},
		{"iat in an hour", edit("iat", at(3600), "exp", at(7200)), "in the future"},
		{"iat is 1e30", edit("iat", "1e30"), "out of range"},
		{"iat is 1970", edit("iat", "1"), "too long"},
		{"iat is a string", edit("iat", `"1"`), "not a number"},

		{"sub is missing", edit("sub", ""), "sub is missing"},
		{"sub is empty", edit("sub", `""`), "sub is missing"},
		{"sub is a number", edit("sub", "1"), "not a string"},
		{"sub is null", edit("sub", "null"), "not a string"},
		{"sub with NUL", edit("sub", `"alice\u0000"`), "not a user id"},
		{"sub with a control character", edit("sub", `"alice\u0085"`), "not a user id"},
		{"sub with a line break", edit("sub", `"alice\nbob"`), "not a user id"},
		{"sub of 256 bytes", edit("sub", `"`+strings.Repeat("a", 256)+`"`), "not a user id"},
		{"sub of 1 MiB", edit("sub", `"`+strings.Repeat("a", 1<<20)+`"`), "8 KiB"},
		{"sub of two words", edit("sub", `"alice bob"`), "not a user id"},
		{"SUB instead of sub", edit("sub", "", "SUB", `"alice"`), "sub is missing"},
		{"ſub instead of sub", edit("sub", "", "ſub", `"alice"`), "sub is missing"},
		{"tenant is missing", edit("tenant", ""), "the tenant is missing"},
		{"TENANT instead of tenant", edit("tenant", "", "TENANT", `"acme"`), "the tenant is missing"},
		{"tenant is empty", edit("tenant", `""`), "the tenant is missing"},
		{"tenant that is a path", edit("tenant", `"acme/eu"`), "not a tenant id"},
		{"tenant is a list", edit("tenant", `["a","b"]`), "not a string"},
		{"tenant with NUL", edit("tenant", `"acme\u0000"`), "not a tenant id"},
		{"tenant is every tenant", edit("tenant", `"*"`), "not a tenant id"},
		{"sid is missing", edit("sid", ""), "the session is missing"},
		{"sid is cut short", edit("sid", `"`+sessionID.Reveal()[:42]+`"`), "not a session id"},
		{"sid is a glob", edit("sid", `"*"`), "not a session id"},
		{"sid is a number", edit("sid", "1"), "not a string"},

		{"jti is missing", edit("jti", ""), "jti or client_id"},
		{"jti is a number", edit("jti", "1"), "not a string"},
		{"jti with a line break", edit("jti", `"a\nb"`), "printable"},
		{"jti of 256 bytes", edit("jti", `"`+strings.Repeat("a", 256)+`"`), "printable"},
		{"client_id is missing", edit("client_id", ""), "jti or client_id"},
		{"client_id is empty", edit("client_id", `""`), "printable"},

		{"the nonce of an ID token", edit("nonce", `"n"`), "not an access token"},
		{"the at_hash of an ID token", edit("at_hash", `"n"`), "not an access token"},
		{"the events of a logout token", edit("events", `{}`), "not an access token"},
		{"the htm of a DPoP proof", edit("htm", `"GET"`), "not an access token"},
		{"a binding to what is no thumbprint", edit("cnf", `{"jkt":"x"}`), "not a SHA-256 thumbprint"},
		{"a binding to nothing", edit("cnf", `{}`), "not a SHA-256 thumbprint"},
		{"a binding to a certificate, which is not checked here", edit("cnf", `{"x5t#S256":"`+thumbprint()+`"}`), "a binding that is not accepted"},
		{"a binding to a key and more", edit("cnf", `{"jkt":"`+thumbprint()+`","x5t#S256":"`+thumbprint()+`"}`), "a binding that is not accepted"},
		{"a binding that is no object", edit("cnf", `"`+thumbprint()+`"`), "not an object"},
		{"a null binding", edit("cnf", `null`), "not an object"},
		{"a thumbprint in another spelling", edit("cnf", `{"jkt":"`+thumbprint()+`="}`), "not a SHA-256 thumbprint"},
	}
	refuses(t, verifier(t, trust(t, alg)), good(alg), rows)
}

func TestUnusualAndValidClaimsAreAccepted(t *testing.T) {
	now := time.Now().Unix()
	v := verifier(t, trust(t, token.EdDSA))
	for name, raw := range map[string]string{
		"aud as an array with others":         good(token.EdDSA, "aud", `["x","`+audience+`","y"]`),
		"exp with a fraction":                 good(token.EdDSA, "exp", fmt.Sprintf("%d.75", now+300)),
		"a Double as Java writes it":          good(token.EdDSA, "iat", fmt.Sprintf("%.9E", float64(now))),
		"exp a day after iat":                 good(token.EdDSA, "exp", fmt.Sprint(now+24*3600), "iat", fmt.Sprint(now)),
		"nbf in the past":                     good(token.EdDSA, "nbf", fmt.Sprint(now-10)),
		"eight levels":                        good(token.EdDSA, "x", strings.Repeat("[", 7)+strings.Repeat("]", 7)),
		"TENANT beside tenant is not read":    good(token.EdDSA, "TENANT", `"evil"`, "Tenant", `"evil"`, "SUB", `"root"`, "ſub", `"root"`),
		"__proto__ is not read":               good(token.EdDSA, "__proto__", `{"tenant":"evil"}`),
		"a nested tenant is not read":         good(token.EdDSA, "a", `{"tenant":"evil","sub":"root"}`),
		"roles grant nothing and are no harm": good(token.EdDSA, "roles", `"admin"`, "role", `{"admin":true}`),
		"white space around the payload":      ours().forge(token.EdDSA, headerOf(token.EdDSA), " \n"+claimsOf()+"\t"),
		"typ in upper case":                   ours().forge(token.EdDSA, headerOf(token.EdDSA, "typ", `"AT+JWT"`), claimsOf()),
		"typ as a full media type":            ours().forge(token.EdDSA, headerOf(token.EdDSA, "typ", `"application/at+jwt"`), claimsOf()),
		"a thumbprint in the header":          ours().forge(token.EdDSA, headerOf(token.EdDSA, "x5t", `"abc"`, "x5t#S256", "null"), claimsOf()),
	} {
		t.Run(name, func(t *testing.T) { accepts(t, v, raw) })
	}
}

func TestATypeThatIsOptedIntoNeedsNoClaimsOfRFC9068(t *testing.T) {
	v := verifier(t, trust(t, token.EdDSA, func(i *token.Issuer) { i.Types = []string{"JWT"} }))
	header := headerOf(token.EdDSA, "typ", `"JWT"`)
	got := accepts(t, v, ours().forge(token.EdDSA, header, claimsOf("jti", "", "client_id", "")))
	if got.TokenID() != "" || got.ClientID() != "" {
		t.Errorf("TokenID %q, ClientID %q, want none", got.TokenID(), got.ClientID())
	}
	refuses(t, v, ours().forge(token.EdDSA, header, claimsOf()), []attack{
		{"an access token of RFC 9068", good(token.EdDSA), "typ is not accepted"},
		{"an ID token of the same audience", ours().forge(token.EdDSA, header, claimsOf("nonce", `"n"`, "azp", `"web"`)), "not an access token"},
	})
}

func TestClaimsOfOtherNamesAreReadWhenConfigured(t *testing.T) {
	const long = "https://example.com/tenant"
	v := verifier(t, trust(t, token.EdDSA, func(i *token.Issuer) { i.TenantClaim, i.SessionClaim = long, "session" }))
	id := fmt.Sprintf("%q", sessionID.Reveal())
	accepts(t, v, good(token.EdDSA, long, `"acme"`, "session", id, "tenant", `"evil"`, "sid", `7`))
	if _, err := v.Verify(context.Background(), good(token.EdDSA)); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("the default names are still read: %v", err)
	}
}

// TestTimeEdges goes to each side of every limit, to the nanosecond.
func TestTimeEdges(t *testing.T) {
	const s = time.Second
	leeways := []struct{ configured, effective time.Duration }{{0, 60 * s}, {-1, 0}, {5 * s, 5 * s}, {300 * s, 300 * s}}
	synctest.Test(t, func(t *testing.T) {
		for _, l := range leeways {
			v := verifier(t, trust(t, token.EdDSA, func(i *token.Issuer) { i.Leeway = l.configured }))
			for _, limit := range []time.Duration{100 * s, 200 * s, 1000 * s} {
				for _, offset := range []time.Duration{limit - l.effective, limit, limit + l.effective} {
					for _, edge := range []time.Duration{-1, 0, 1} {
						now := offset + edge
						want := now >= 200*s-l.effective && now < 1000*s+l.effective
						checkAt(t, v, now, want, l.effective)
					}
				}
			}
		}
	})
}

// checkAt verifies a token with iat 100, nbf 200 and exp 1000 seconds after an origin that
// lies offset before now.
func checkAt(t *testing.T, v *token.Verifier, offset time.Duration, want bool, leeway time.Duration) {
	t.Helper()
	// Claims hold whole seconds, so the clock is moved to the fraction that offset needs.
	fraction := (offset%time.Second + time.Second) % time.Second
	time.Sleep((fraction - time.Duration(time.Now().Nanosecond()) + time.Second) % time.Second)
	origin := time.Now().Add(-offset).Unix()
	raw := good(token.EdDSA, "iat", fmt.Sprint(origin+100), "nbf", fmt.Sprint(origin+200), "exp", fmt.Sprint(origin+1000))
	_, err := v.Verify(context.Background(), raw)
	if (err == nil) != want {
		t.Errorf("%v after the origin, leeway %v: %v, want accepted %v", offset, leeway, err, want)
	}
}

func TestATokenExpiresWhileItIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := verifier(t, trust(t, token.EdDSA))
		raw := good(token.EdDSA) // 300 s, and 60 s of leeway
		time.Sleep(359 * time.Second)
		accepts(t, v, raw)
		time.Sleep(time.Second)
		if _, err := v.Verify(context.Background(), raw); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("accepted at exp + leeway: %v", err)
		}
	})
}
