package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/session/token"
)

// keyring is a source of keys that a test changes, and that counts how often it is asked.
type keyring struct {
	keys  map[string]token.Key
	err   error
	asked int
}

func (r *keyring) Key(_ context.Context, kid string, alg token.Algorithm) (token.Key, error) {
	r.asked++
	if r.err != nil {
		return token.Key{}, r.err
	}
	k, ok := r.keys[kid]
	if !ok || k.Algorithm() != alg {
		return token.Key{}, token.ErrUnknownKey
	}
	return k, nil
}

func ringOf(keys ...token.Key) *keyring {
	r := &keyring{keys: map[string]token.Key{}}
	for _, k := range keys {
		r.keys[k.ID()] = k
	}
	return r
}

// remembers reports whether raw is answered from memory: the same value, not an equal one.
func remembers(t *testing.T, v *token.Verifier, raw string) bool {
	t.Helper()
	a, errA := v.Verify(context.Background(), raw)
	b, errB := v.Verify(context.Background(), raw)
	return errA == nil && errB == nil && a == b
}

func TestAnAcceptedTokenIsRemembered(t *testing.T) {
	v := verifier(t, trust(t, token.EdDSA))
	raw := good(token.EdDSA)
	if !remembers(t, v, raw) {
		t.Error("it is verified twice")
	}
	off, err := token.NewVerifierWithConfig(token.VerifierConfig{Issuers: []token.Issuer{trust(t, token.EdDSA)}, CacheSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	if remembers(t, off, raw) {
		t.Error("it is remembered where it should not be")
	}
	accepts(t, off, raw)
}

// TestWhatIsRememberedIsTheWholeToken: the caches of others keyed on a part of a token
// gave one token's answer to another (CVE-2026-33496, fast-jwt GHSA-rp9m-7r4c-75qg).
func TestWhatIsRememberedIsTheWholeToken(t *testing.T) {
	v := verifier(t, trust(t, token.EdDSA))
	raw := good(token.EdDSA)
	accepts(t, v, raw)
	other := theirs().forge(token.EdDSA, headerOf(token.EdDSA), claimsOf())
	rows := []attack{
		{"the same claims signed by another", other, "signature"},
		{"the same text with another signature", raw[:strings.LastIndex(raw, ".")] + other[strings.LastIndex(other, "."):], "signature"},
		{"with something after it", raw + "A", ""},
		{"with something before it", "A" + raw, ""},
	}
	for i := 0; i < len(raw); i += 7 {
		flipped := []byte(raw)
		if flipped[i] = 'A'; raw[i] == 'A' {
			flipped[i] = 'B'
		}
		rows = append(rows, attack{fmt.Sprintf("with another byte %d", i), string(flipped), ""})
	}
	refuses(t, v, raw, rows)
}

// TestNothingThatCanChangeIsRemembered changes one thing at a time after a token was
// accepted.
func TestNothingThatCanChangeIsRemembered(t *testing.T) {
	good1 := key(t, "k1", token.EdDSA, ours().public(token.EdDSA))
	same := key(t, "k1", token.EdDSA, ours().public(token.EdDSA)) // as a new fetch brings it
	wrong := key(t, "k1", token.EdDSA, theirs().public(token.EdDSA))
	for _, row := range []struct {
		name   string
		change func(r *keyring, v *token.Verifier, i token.Issuer)
		want   error // nil when it is still good
	}{
		{"nothing", func(*keyring, *token.Verifier, token.Issuer) {}, nil},
		{"the key is fetched anew", func(r *keyring, _ *token.Verifier, _ token.Issuer) { r.keys["k1"] = same }, nil},
		{"the key is withdrawn", func(r *keyring, _ *token.Verifier, _ token.Issuer) { delete(r.keys, "k1") }, token.ErrInvalid},
		{"another key takes its id", func(r *keyring, _ *token.Verifier, _ token.Issuer) { r.keys["k1"] = wrong }, token.ErrInvalid},
		{"the source is down", func(r *keyring, _ *token.Verifier, _ token.Issuer) { r.err = token.ErrUnavailable }, token.ErrUnavailable},
		{"the issuer is removed", func(_ *keyring, v *token.Verifier, i token.Issuer) { v.Remove(i.Name) }, token.ErrInvalid},
		{"the issuer is replaced by its like", func(_ *keyring, v *token.Verifier, i token.Issuer) { v.Replace(i) }, nil},
		{"the issuer is removed and added with another audience", func(_ *keyring, v *token.Verifier, i token.Issuer) {
			v.Remove(i.Name)
			i.Audience = "x"
			v.Add(i)
		}, token.ErrInvalid},
		{"the issuer is removed and added with another source of keys", func(_ *keyring, v *token.Verifier, i token.Issuer) {
			v.Remove(i.Name)
			i.Keys = ringOf(wrong)
			v.Add(i)
		}, token.ErrInvalid},
		{"the leeway is taken away", func(_ *keyring, v *token.Verifier, i token.Issuer) {
			time.Sleep(330 * time.Second)
			i.Leeway = -1
			v.Replace(i)
		}, token.ErrInvalid},
		{"the audience changes", func(_ *keyring, v *token.Verifier, i token.Issuer) { i.Audience = "x"; v.Replace(i) }, token.ErrInvalid},
		{"the algorithms change", func(_ *keyring, v *token.Verifier, i token.Issuer) {
			i.Algorithms = []token.Algorithm{token.ES256}
			v.Replace(i)
		}, token.ErrInvalid},
		{"the types change", func(_ *keyring, v *token.Verifier, i token.Issuer) { i.Types = []string{"jwt"}; v.Replace(i) }, token.ErrInvalid},
		{"the lifetime is shortened", func(_ *keyring, v *token.Verifier, i token.Issuer) { i.MaxLifetime = time.Minute; v.Replace(i) }, token.ErrInvalid},
		{"the claim of the tenant changes", func(_ *keyring, v *token.Verifier, i token.Issuer) { i.TenantClaim = "org"; v.Replace(i) }, token.ErrInvalid},
		{"the token expires", func(*keyring, *token.Verifier, token.Issuer) { time.Sleep(360 * time.Second) }, token.ErrInvalid},
		{"the token is about to expire", func(*keyring, *token.Verifier, token.Issuer) { time.Sleep(360*time.Second - 1) }, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := ringOf(good1)
				i := trust(t, token.EdDSA, func(i *token.Issuer) { i.Keys = r })
				v := verifier(t, i)
				raw := good(token.EdDSA) // 300 s, and 60 s of leeway
				if !remembers(t, v, raw) {
					t.Fatal("it is not remembered: the test is wrong")
				}
				row.change(r, v, i)
				for range 2 {
					got, err := v.Verify(context.Background(), raw)
					if !errors.Is(err, row.want) || (got == nil) != (row.want != nil) {
						t.Errorf("got %v, %v, want %v", got, err, row.want)
					}
				}
			})
		})
	}
}

// A clock that goes back is noticed: nbf and iat are looked at again, too.
func TestATokenIsNotGoodBeforeItsTimeAlthoughItWasRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		i := trust(t, token.EdDSA, func(i *token.Issuer) { i.Leeway = 300 * time.Second })
		v := verifier(t, i)
		raw := good(token.EdDSA, "iat", fmt.Sprint(now+200), "nbf", fmt.Sprint(now+200), "exp", fmt.Sprint(now+400))
		accepts(t, v, raw)
		i.Leeway = 100 * time.Second
		if err := v.Replace(i); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(context.Background(), raw); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("with less leeway: %v", err)
		}
	})
}

func TestRefusalsAreNotRemembered(t *testing.T) {
	r := ringOf()
	v := verifier(t, trust(t, token.EdDSA, func(i *token.Issuer) { i.Keys = r }))
	raw := good(token.EdDSA)
	for range 3 {
		if _, err := v.Verify(context.Background(), raw); !errors.Is(err, token.ErrInvalid) {
			t.Fatalf("got %v", err)
		}
	}
	r.err = token.ErrUnavailable
	if _, err := v.Verify(context.Background(), raw); !errors.Is(err, token.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	*r = *ringOf(key(t, "k1", token.EdDSA, ours().public(token.EdDSA)))
	accepts(t, v, raw)
}

// TestMemoryIsBounded verifies many more tokens than may be remembered.
func TestMemoryIsBounded(t *testing.T) {
	const size = 50
	v, err := token.NewVerifierWithConfig(token.VerifierConfig{Issuers: []token.Issuer{trust(t, token.HS256)}, CacheSize: size})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	var first []*token.Verified
	for n := range 20 * size {
		raw := good(token.HS256, "jti", fmt.Sprintf(`"%d"`, n))
		all, first = append(all, raw), append(first, accepts(t, v, raw))
	}
	remembered := 0
	for n := len(all) - 1; n >= 0; n-- {
		if accepts(t, v, all[n]) == first[n] {
			remembered++
		}
	}
	if remembered == 0 || remembered > 2*size {
		t.Errorf("%d tokens are remembered, of at most %d", remembered, size)
	}
}

// TestMemoryChangesNoAnswer drives two verifiers, of which one remembers, through the same
// history of tokens, keys, issuers and time.
func TestMemoryChangesNoAnswer(t *testing.T) {
	k := map[string]token.Key{
		"ours": key(t, "k1", token.EdDSA, ours().public(token.EdDSA)), "theirs": key(t, "k1", token.EdDSA, theirs().public(token.EdDSA)),
	}
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			now := time.Now().Unix()
			var tokens []string
			for _, life := range []int64{100, 300} {
				edits := []string{"iat", fmt.Sprint(now), "exp", fmt.Sprint(now + life)}
				tokens = append(tokens, ours().forge(token.EdDSA, headerOf(token.EdDSA), claimsOf(edits...)),
					theirs().forge(token.EdDSA, headerOf(token.EdDSA), claimsOf(edits...)))
			}
			r := ringOf(k["ours"])
			i := trust(t, token.EdDSA, func(i *token.Issuer) { i.Keys = r })
			var both []*token.Verifier
			for _, size := range []int{0, -1} {
				v, err := token.NewVerifierWithConfig(token.VerifierConfig{Issuers: []token.Issuer{i}, CacheSize: size})
				if err != nil {
					t.Fatal(err)
				}
				both = append(both, v)
			}
			for range 30 {
				switch rapid.SampledFrom([]string{"verify", "verify", "verify", "verify", "key", "outage", "remove", "add", "audience", "wait"}).Draw(rt, "step") {
				case "verify":
					raw := rapid.SampledFrom(tokens).Draw(rt, "token")
					got, err := both[0].Verify(context.Background(), raw)
					want, wantErr := both[1].Verify(context.Background(), raw)
					if fmt.Sprint(err) != fmt.Sprint(wantErr) || got.Ref() != want.Ref() || got.ExpiresAt() != want.ExpiresAt() {
						rt.Fatalf("with memory %v, without %v", err, wantErr)
					}
				case "key":
					r.keys["k1"] = k[rapid.SampledFrom([]string{"ours", "theirs"}).Draw(rt, "key")]
				case "outage":
					r.err = rapid.SampledFrom([]error{nil, token.ErrUnavailable}).Draw(rt, "error")
				case "remove":
					both[0].Remove(i.Name)
					both[1].Remove(i.Name)
				case "add":
					both[0].Add(i)
					both[1].Add(i)
				case "audience":
					i.Audience = rapid.SampledFrom([]string{audience, "x"}).Draw(rt, "audience")
					both[0].Replace(i)
					both[1].Replace(i)
				case "wait":
					time.Sleep(time.Duration(rapid.IntRange(1, 120).Draw(rt, "seconds")) * time.Second)
				}
			}
		})
	})
}
