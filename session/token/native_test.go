package token_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// nativeGolden has what the verifier said of the corpus before it read tokens of other
// providers. REEVE_GOLDEN=1 writes it anew.
const nativeGolden = "testdata/native.golden"

// widened matches the lines of the corpus that the wider alphabet of ids has changed: those of
// an id that is refused, or was, and of a URL as a user and JWT as a tenant, which are ids now.
var widened = regexp.MustCompile(`: (sub|tenant|org) \[[0-9 ]+\]: (token: invalid: claims: (sub is not a user id|the tenant is not a tenant id|the tenant is not the issuer's)|ok acme https://api\.example\.com true|ok JWT alice true)`)

// TestTokensOfIssuersWithoutForeignAreReadAsBefore holds every member of every part of a token,
// with values of each kind, against what was said of it before there was Foreign: accepted as
// which session, or refused with which cause.
func TestTokensOfIssuersWithoutForeignAreReadAsBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := nativeCorpus(t)
		if os.Getenv("REEVE_GOLDEN") == "1" {
			if err := os.WriteFile(nativeGolden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(nativeGolden)
		if err != nil {
			t.Fatal(err)
		}
		was, is := strings.Split(string(want), "\n"), strings.Split(got, "\n")
		if len(is) < 300 {
			t.Fatalf("%d lines", len(is))
		}
		for _, line := range is {
			if !slices.Contains(was, line) && !widened.MatchString(line) {
				t.Errorf("now    %s", line)
			}
		}
		for _, line := range was {
			if !slices.Contains(is, line) && !widened.MatchString(line) {
				t.Errorf("before %s", line)
			}
		}
	})
}

func nativeCorpus(t *testing.T) string {
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat("n", ed25519.SeedSize)))
	k, err := token.NewKey("k1", token.EdDSA, private.Public())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.NewKeySet(k)
	if err != nil {
		t.Fatal(err)
	}
	base := token.Issuer{Name: issuerName, Audience: audience, Algorithms: []token.Algorithm{token.EdDSA}, Keys: keys}
	jwt, bound, renamed := base, base, base
	jwt.Types = []string{"JWT"}
	bound.Tenant = tenant.MustParse("acme")
	renamed.TenantClaim, renamed.SessionClaim = "org", "session"
	entries := []struct {
		name   string
		issuer token.Issuer
	}{{"at+jwt", base}, {"JWT", jwt}, {"one tenant", bound}, {"renamed", renamed}}
	now := time.Now().Unix()
	id := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("s", 32)))
	header := map[string]string{"alg": `"EdDSA"`, "kid": `"k1"`, "typ": `"at+jwt"`}
	claims := map[string]string{
		"iss": `"` + issuerName + `"`, "aud": `"` + audience + `"`, "sub": `"alice"`, "iat": fmt.Sprint(now), "exp": fmt.Sprint(now + 300),
		"jti": `"t-1"`, "client_id": `"web"`, "tenant": `"acme"`, "sid": `"` + id + `"`,
	}
	values := []string{
		"", `""`, "null", "true", "0", "-1", "1e400", "1e30", "[]", "{}", `["acme"]`, `["acme","globex"]`, `{"id":"acme"}`, `"globex"`, `"JWT"`, `"at+jwt"`, `"` + audience + `"`,
		`["` + audience + `","x"]`, `"alice"`, `"a b"`, `"\u0061lice"`, `{"a":1,"a":2}`, `[[[[[[[[[1]]]]]]]]]`, fmt.Sprint(now - 120), fmt.Sprint(now + 30), fmt.Sprint(now + 90),
		fmt.Sprint(now+300) + ".5", fmt.Sprint(now + 90000), `"` + strings.Repeat("x", 300) + `"`, `{"jkt":"` + id + `"}`, `{"x5t#S256":"a"}`,
	}
	names := []string{
		"iss", "aud", "sub", "iat", "exp", "nbf", "jti", "client_id", "azp", "cnf", "tenant", "sid", "org", "session", "organization", "org_id", "roles", "realm_access", "scope", "scp",
		"nonce", "at_hash", "c_hash", "events", "htm", "htu", "auth_time", "acr", "amr", "token_use", "TENANT",
	}
	members := []string{"alg", "kid", "typ", "cat", "version", "jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc", "cty", "x5t"}
	var out strings.Builder
	for _, e := range entries {
		v := verifier(t, e.issuer)
		var order []string
		numbers := map[string][]string{}
		say := func(n int, h, c string) {
			text := b64(h) + "." + b64(c)
			got, err := v.Verify(t.Context(), text+"."+b64(string(ed25519.Sign(private, []byte(text)))))
			said := fmt.Sprint(err)
			if err == nil {
				ref := got.Ref()
				said = fmt.Sprint("ok ", ref.Tenant, " ", ref.User, " ", !ref.ID.IsZero(), " ", got.TokenID(), " ", got.ClientID(), " ", got.IssuedAt().Unix()-now, " ", got.ExpiresAt().Unix()-now, " ", got.Thumbprint() != "")
			}
			if numbers[said] == nil {
				order = append(order, said)
			}
			numbers[said] = append(numbers[said], fmt.Sprint(n))
		}
		tell := func(name string) {
			for _, said := range order {
				fmt.Fprintf(&out, "%s: %s [%s]: %s\n", e.name, name, strings.Join(numbers[said], " "), said)
			}
			order, numbers = nil, map[string][]string{}
		}
		h, c := header, claims
		if slices.Contains(e.issuer.Types, "JWT") {
			h = map[string]string{"alg": `"EdDSA"`, "kid": `"k1"`, "typ": `"JWT"`}
		}
		if e.issuer.TenantClaim == "org" {
			c = map[string]string{"org": `"acme"`, "session": `"` + id + `"`}
			for name, value := range claims {
				if name != "tenant" && name != "sid" {
					c[name] = value
				}
			}
		}
		say(0, object(h), object(c))
		tell("as it is")
		for _, name := range names {
			for n, value := range values {
				say(n, object(h), object(c, name, value))
			}
			tell(name)
		}
		for _, name := range members {
			for n, value := range values {
				say(n, object(h, name, value), object(c))
			}
			tell("header " + name)
		}
	}
	return out.String()
}
