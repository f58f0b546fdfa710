package token_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/reevehq/reeve/session/token"
)

// TestNothingKeepsTheTextOfAToken: tokens have 7 KiB of what nobody reads, and of each much less is
// held by whatever outlives the verification, which a stranger could fill otherwise.
func TestNothingKeepsTheTextOfAToken(t *testing.T) {
	const tokens, limit = 100, 2 << 10
	padding := `"` + strings.Repeat("x", 4<<10) + `"`
	ctx := context.Background()
	verified := func(v *token.Verifier, raw string) any {
		got, err := v.Verify(ctx, raw)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	native := verifier(t, trust(t, token.HS256))
	others := verifier(t, foreign(t))
	template := verifier(t, foreign(t, func(i *token.Issuer) {
		i.Name, i.Foreign.Tenant, i.EncodeTenants = "https://id.example.com/{tenant}", "tid", true
	}))
	logouts := verifier(t, trust(t, token.EdDSA, trustLogout))
	var sources, issuers []string
	source := verifier(t, trust(t, token.HS256, func(i *token.Issuer) {
		i.Keys = sourceFunc(func(_ context.Context, kid string, alg token.Algorithm) (token.Key, error) {
			sources = append(sources, kid, string(alg))
			return token.Key{}, token.ErrUnknownKey
		})
	}))
	directory, err := token.NewVerifierWithConfig(token.VerifierConfig{
		Issuers: []token.Issuer{trust(t, token.HS256)},
		Resolve: func(_ context.Context, iss string) (token.Issuer, error) {
			issuers = append(issuers, iss)
			return token.Issuer{}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(n int) any{
		"an accepted token": func(n int) any {
			return verified(native, good(token.HS256, "sub", fmt.Sprintf(`"u%d"`, n), "cnf", `{"jkt":"`+thumbprint()+`"}`, "x", padding))
		},
		"a token whose claims are escaped": func(n int) any {
			return verified(native, good(token.HS256, "sub", fmt.Sprintf(`"\u0075%d"`, n), "jti", fmt.Sprintf(`"\u0075%d"`, n), "x", padding))
		},
		"a token of another provider": func(n int) any { return verified(others, theirsOf("sub", fmt.Sprintf(`"f:%d"`, n), "x", padding)) },
		"a token of a template": func(n int) any {
			tenant := fmt.Sprintf("t%d", n)
			return verified(template, theirsOf("iss", `"https://id.example.com/`+tenant+`"`, "tid", `"`+tenant+`"`, "x", padding))
		},
		"a logout token": func(n int) any { return logsOut(t, logouts, goodLogout("jti", fmt.Sprintf(`"l%d"`, n), "x", padding)) },
		"the id of a key, by its source": func(n int) any {
			_, err := source.Verify(ctx, ours().forge(token.HS256, headerOf(token.HS256, "kid", fmt.Sprintf(`"k%d"`, n), "x", padding), claimsOf()))
			return err
		},
		"an issuer that nobody knows": func(n int) any {
			_, err := directory.Verify(ctx, good(token.HS256, "iss", fmt.Sprintf(`"https://%d.example.com"`, n), "x", padding))
			return err
		},
	} {
		held := [tokens]any{make(tokens)} // it is made once
		used := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := used()
		for n := range held {
			held[n] = make(n)
		}
		if each := (int64(used()) - int64(before)) / tokens; each > limit {
			t.Errorf("%s: %d bytes of each are kept, at most %d", name, each, limit)
		}
		runtime.KeepAlive(&held)
	}
	if len(sources) < 2*tokens || len(issuers) < tokens {
		t.Errorf("a source was asked for %d keys, and a directory for %d issuers", len(sources)/2, len(issuers))
	}
}
