package token_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/session/token"
)

func TestEveryBadFieldIsNamed(t *testing.T) {
	good := trust(t, token.EdDSA)
	var nilSet *token.KeySet
	shared := trust(t, token.EdDSA, func(i *token.Issuer) { i.Name, i.Keys = "other", good.Keys })
	long := strings.Repeat("x", 256)

	for _, row := range []struct {
		name    string
		issuers []token.Issuer
		want    []string
	}{
		{"no issuer", nil, []string{"Issuers: required"}},
		{"the zero issuer names all that is required", []token.Issuer{{}}, []string{
			"Issuers[0].Name: required", "Issuers[0].Audience: required", "Issuers[0].Algorithms: required", "Issuers[0].Keys: required"}},
		{"every field that has a range", []token.Issuer{good, {
			Name: "a\nb", Audience: long, Algorithms: []token.Algorithm{"none", token.EdDSA, token.EdDSA, token.HS256}, Keys: nilSet,
			Types: []string{"", "DPoP+JWT", "application/logout+jwt"}, Leeway: 301 * time.Second, MaxLifetime: -1,
			TenantClaim: "sub", SessionClaim: "sub",
		}}, []string{
			"Issuers[1].Name: not printable ASCII of at most 255 bytes",
			"Issuers[1].Audience: not printable ASCII of at most 255 bytes",
			`Issuers[1].Algorithms: "none" is not one of EdDSA, ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512, HS256, HS384, HS512`,
			`Issuers[1].Algorithms: "EdDSA" twice`,
			"Issuers[1].Algorithms: HS256 cannot be mixed with another",
			"Issuers[1].Keys: a nil pointer",
			`Issuers[1].Types: "" is not a type`,
			`Issuers[1].Types: "dpop+jwt" is not a credential`,
			`Issuers[1].Types: "application/logout+jwt" is not a credential`,
			"Issuers[1].Leeway: 5m1s, at most 5m0s is allowed",
			"Issuers[1].MaxLifetime: -1ns, 1s to 744h0m0s is allowed",
			`Issuers[1].TenantClaim: "sub" has a meaning of its own: name another claim`,
			`Issuers[1].SessionClaim: "sub" has a meaning of its own: name another claim`,
			"Issuers[1].SessionClaim: the same as TenantClaim: name another claim",
		}},
		{"one name twice", []token.Issuer{good, trust(t, token.EdDSA)}, []string{`Issuers[1].Name: "https://id.example.com" twice`}},
		{"one source of keys for two issuers", []token.Issuer{good, shared}, []string{"Issuers[1].Keys: the source of another issuer"}},
		{"a set without a key of the algorithm", []token.Issuer{trust(t, token.EdDSA, func(i *token.Issuer) { i.Algorithms = []token.Algorithm{token.ES256} })},
			[]string{"Issuers[0].Keys: no key for any of Algorithms"}},
		{"an empty set", []token.Issuer{trust(t, token.EdDSA, func(i *token.Issuer) { i.Keys = new(token.KeySet) })},
			[]string{"Issuers[0].Keys: no key for any of Algorithms"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			v, err := token.NewVerifier(row.issuers...)
			if err == nil || v != nil {
				t.Fatal("it is accepted")
			}
			text, ours := strings.CutPrefix(err.Error(), "token: invalid config: ")
			if !ours {
				t.Errorf("got %q", err)
			}
			if diff := cmp.Diff(row.want, strings.Split(text, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestASecretStandsBesideNoOtherAlgorithm(t *testing.T) {
	for _, secret := range secretAlgorithms {
		for _, other := range allAlgorithms {
			if other == secret {
				continue
			}
			for _, both := range [][]token.Algorithm{{secret, other}, {other, secret}} {
				_, err := token.NewVerifier(trust(t, secret, func(i *token.Issuer) { i.Algorithms = both }))
				if err == nil || !strings.Contains(err.Error(), "cannot be mixed with another") {
					t.Errorf("%v: %v", both, err)
				}
			}
		}
	}
	verifier(t, trust(t, token.ES512, func(i *token.Issuer) { i.Algorithms = publicAlgorithms }))
}

func TestTheZeroVerifierRefusesEverything(t *testing.T) {
	if _, err := new(token.Verifier).Verify(context.Background(), good(token.EdDSA)); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestAnEntryIsCopied(t *testing.T) {
	i := trust(t, token.EdDSA, func(i *token.Issuer) { i.Types = []string{"at+jwt"} })
	v := verifier(t, i)
	i.Algorithms[0], i.Types[0] = token.HS256, "jwt"
	accepts(t, v, good(token.EdDSA))
}

func TestTheKeySourceDecidesRefusalOrOutage(t *testing.T) {
	k1 := key(t, "k1", token.EdDSA, ours().public(token.EdDSA))
	other := key(t, "k2", token.EdDSA, ours().public(token.EdDSA))
	es := key(t, "k1", token.ES256, ours().public(token.ES256))
	for _, row := range []struct {
		name     string
		key      token.Key
		err      error
		want     error
		wantText string
	}{
		{"the key", k1, nil, nil, ""},
		{"an unknown key refuses", token.Key{}, fmt.Errorf("jwks: %w", token.ErrUnknownKey), token.ErrInvalid, `key "k1" is unknown`},
		{"an outage is an outage", token.Key{}, fmt.Errorf("jwks: %w", token.ErrUnavailable), token.ErrUnavailable, "keys unavailable"},
		{"any other error is an outage", token.Key{}, errors.New("boom"), token.ErrUnavailable, "boom"},
		{"a deadline is an outage", token.Key{}, context.DeadlineExceeded, token.ErrUnavailable, "deadline"},
		{"unknown and unavailable is an outage", token.Key{}, errors.Join(token.ErrUnknownKey, token.ErrUnavailable), token.ErrUnavailable, ""},
		{"an error that calls itself a refusal is an outage", token.Key{}, token.ErrInvalid, token.ErrUnavailable, ""},
		{"an error beside a good key is an outage", k1, errors.New("stale"), token.ErrUnavailable, ""},
		{"the zero Key", token.Key{}, nil, token.ErrInvalid, "another key"},
		{"a key of another id", other, nil, token.ErrInvalid, "another key"},
		{"a key of another algorithm", es, nil, token.ErrInvalid, "another key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := verifier(t, trust(t, token.EdDSA, func(i *token.Issuer) {
				i.Keys = sourceFunc(func(context.Context, string, token.Algorithm) (token.Key, error) { return row.key, row.err })
			}))
			_, err := v.Verify(context.Background(), good(token.EdDSA))
			if row.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, row.want) || errors.Is(err, token.ErrInvalid) == errors.Is(err, token.ErrUnavailable) {
				t.Errorf("got %v, want %v alone", err, row.want)
			}
			if !strings.Contains(err.Error(), row.wantText) {
				t.Errorf("got %q, want %q in it", err, row.wantText)
			}
		})
	}
}

// TestTheKeySourceIsAskedOnlyForTheTrusted: what is asked may leave the process, so
// a stranger must not choose it freely.
func TestTheKeySourceIsAskedOnlyForTheTrusted(t *testing.T) {
	var asked []string
	v := verifier(t, trust(t, token.EdDSA, func(i *token.Issuer) {
		i.Keys = sourceFunc(func(_ context.Context, kid string, alg token.Algorithm) (token.Key, error) {
			asked = append(asked, kid+" "+string(alg))
			return token.Key{}, token.ErrUnknownKey
		})
	}))
	h := func(edits ...string) string { return headerOf(token.EdDSA, edits...) }
	for _, raw := range []string{
		"x", strings.Repeat("A", 1<<20),
		good(token.EdDSA, "iss", `"https://evil.example.com"`),
		good(token.EdDSA, "iss", ""),
		good(token.ES256),
		ours().forge(token.EdDSA, h("typ", `"JWT"`), claimsOf()),
		ours().forge(token.EdDSA, h("jku", `"https://evil.example.com"`), claimsOf()),
		ours().forge(token.EdDSA, h("kid", `"a\u0000"`), claimsOf()),
		ours().forge(token.EdDSA, h(), strings.Replace(claimsOf(), "{", `{"sub":"x",`, 1)),
	} {
		if _, err := v.Verify(context.Background(), raw); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	}
	if len(asked) > 0 {
		t.Errorf("asked for %q", asked)
	}
	v.Verify(context.Background(), good(token.EdDSA))
	if !slices.Equal(asked, []string{"k1 EdDSA"}) {
		t.Errorf("asked for %q, want one key", asked)
	}
}

func TestErrorsRepeatLittleOfATokenAndNothingRaw(t *testing.T) {
	v := verifier(t, trust(t, token.EdDSA))
	iss := strings.Repeat(`\u001b[31m\n`, 200)
	kid := strings.Repeat("k", 128)
	for _, raw := range []string{
		good(token.EdDSA, "iss", `"`+iss+`"`),
		good(token.EdDSA, "iss", `"`+strings.Repeat("é", 500)+`"`),
		good(token.EdDSA, "secret-name", `1`, "sub", `"secret value"`),
		good(token.EdDSA, "x", `{"secret-name":1,"secret-name":2}`),
		ours().forge(token.EdDSA, headerOf(token.EdDSA, "kid", `"`+kid+`"`), claimsOf()),
		ours().forge(token.EdDSA, headerOf(token.EdDSA, "x", `{"secret-name":1,"secret-name":2}`), claimsOf()),
		ours().forge(token.EdDSA, headerOf(token.EdDSA, "jwk", `{"secret-name":1}`), claimsOf()),
	} {
		_, err := v.Verify(context.Background(), raw)
		if err == nil {
			t.Fatal("accepted")
		}
		text := err.Error()
		if len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || strings.Contains(text, "secret") || strings.Contains(text, raw[:20]) {
			t.Errorf("the cause is %q", text)
		}
	}
}
