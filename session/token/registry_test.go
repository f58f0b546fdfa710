package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/reevehq/reeve/session/token"
)

// TestIssuersAreAddedReplacedAndRemovedAtRunTime also shows that a remembered token is no
// way around any of it.
func TestIssuersAreAddedReplacedAndRemovedAtRunTime(t *testing.T) {
	for name, size := range map[string]int{"with memory": 0, "without memory": -1} {
		t.Run(name, func(t *testing.T) {
			v, err := token.NewVerifierWithConfig(token.VerifierConfig{CacheSize: size})
			if err != nil {
				t.Fatal(err)
			}
			raw := good(token.EdDSA)
			refused := func(when string) {
				t.Helper()
				if _, err := v.Verify(context.Background(), raw); !errors.Is(err, token.ErrInvalid) {
					t.Errorf("%s: %v", when, err)
				}
			}
			ours := trust(t, token.EdDSA)
			refused("before it is added")
			if err := v.Replace(ours); err == nil || !strings.Contains(err.Error(), "is not trusted") {
				t.Errorf("what is not there is replaced: %v", err)
			}
			if err := v.Add(ours); err != nil {
				t.Fatal(err)
			}
			accepts(t, v, raw)
			accepts(t, v, raw)
			if err := v.Add(ours); err == nil || !strings.Contains(err.Error(), "twice") {
				t.Errorf("it is added twice: %v", err)
			}

			other := ours
			other.Audience = "https://other.example.com"
			if err := v.Replace(other); err != nil {
				t.Fatal(err)
			}
			refused("after another audience was configured")
			if err := v.Replace(ours); err != nil {
				t.Fatal(err)
			}
			accepts(t, v, raw)
			bad := ours
			bad.Leeway = 1e18
			if err := v.Replace(bad); err == nil || !strings.HasPrefix(err.Error(), "token: invalid config: Leeway: ") {
				t.Errorf("a bad entry is taken: %v", err)
			}
			accepts(t, v, raw)

			if !v.Remove(issuerName) || v.Remove(issuerName) {
				t.Error("Remove does not report what it did")
			}
			refused("after it was removed")
			if err := v.Add(ours); err != nil {
				t.Fatal(err)
			}
			accepts(t, v, raw)
		})
	}
}

func TestAddedIssuersAreHeldToTheSameRules(t *testing.T) {
	first := trust(t, token.EdDSA)
	v, err := token.NewVerifierWithConfig(token.VerifierConfig{Issuers: []token.Issuer{first}, MaxIssuers: 2})
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string, edit ...func(*token.Issuer)) token.Issuer {
		return trust(t, token.EdDSA, append(edit, func(i *token.Issuer) { i.Name = name })...)
	}
	for name, row := range map[string]struct {
		issuer token.Issuer
		want   string
	}{
		"the zero issuer":           {token.Issuer{}, "Name: required"},
		"a bad field":               {named("b", func(i *token.Issuer) { i.Leeway = 1e18 }), "Leeway: "},
		"another issuer's source":   {named("b", func(i *token.Issuer) { i.Keys = first.Keys }), "Keys: the source of another issuer"},
		"a name that is there":      {named(issuerName), "twice"},
		"a key of no algorithm":     {named("b", func(i *token.Issuer) { i.Algorithms = []token.Algorithm{token.ES256} }), "Keys: no key"},
		"an algorithm nobody knows": {named("b", func(i *token.Issuer) { i.Algorithms = []token.Algorithm{"none"} }), "Algorithms: "},
	} {
		if err := v.Add(row.issuer); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q", name, err, row.want)
		}
	}
	if err := v.Add(named("b")); err != nil {
		t.Fatal(err)
	}
	if err := v.Add(named("c")); err == nil || !strings.Contains(err.Error(), "at most 2") {
		t.Errorf("one more than MaxIssuers: %v", err)
	}
	if err := v.Replace(named("b", func(i *token.Issuer) { i.Keys = first.Keys })); err == nil {
		t.Error("Replace takes another issuer's source")
	}
	accepts(t, v, good(token.EdDSA))
	if _, err := token.NewVerifierWithConfig(token.VerifierConfig{MaxIssuers: -1}); err == nil {
		t.Error("MaxIssuers -1 is accepted")
	}
	var zero token.Verifier
	if err := zero.Add(first); err != nil {
		t.Fatal(err)
	}
	accepts(t, &zero, good(token.EdDSA))
}

// TestAThousandIssuersAreTheDefaultLimit, so that what customers register is bounded
// without a thought.
func TestAThousandIssuersAreTheDefaultLimit(t *testing.T) {
	v := verifier(t, trust(t, token.EdDSA))
	for n := range 999 {
		if err := v.Add(trust(t, token.EdDSA, func(i *token.Issuer) { i.Name = fmt.Sprint(n) })); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Add(trust(t, token.EdDSA, func(i *token.Issuer) { i.Name = "x" })); err == nil {
		t.Error("the thousand and first is accepted")
	}
}

// TestVerifyWhileIssuersChange is for the race detector, and for what readers may see:
// an issuer that is always there is never refused.
func TestVerifyWhileIssuersChange(t *testing.T) {
	stays := trust(t, token.EdDSA)
	goes := trust(t, token.EdDSA, func(i *token.Issuer) { i.Name = "goes" })
	v := verifier(t, stays)
	rawStays, rawGoes := good(token.EdDSA), good(token.EdDSA, "iss", `"goes"`)
	var work sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		work.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := v.Verify(context.Background(), rawStays); err != nil {
					t.Errorf("an issuer that stays: %v", err)
					return
				}
				v.Verify(context.Background(), rawGoes)
			}
		})
	}
	for range 300 {
		if err := v.Add(goes); err != nil {
			t.Error(err)
		}
		if err := v.Replace(stays); err != nil {
			t.Error(err)
		}
		if _, err := v.Verify(context.Background(), rawGoes); err != nil {
			t.Errorf("right after Add: %v", err)
		}
		v.Remove("goes")
		if _, err := v.Verify(context.Background(), rawGoes); err == nil {
			t.Error("accepted right after Remove")
		}
	}
	close(done)
	work.Wait()
}
