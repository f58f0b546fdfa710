package token_test

//lint:file-ignore SA1019 malformed keys can only be made by hand

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	crand "crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

func config(alg token.Algorithm, edit ...func(*token.SignerConfig)) token.SignerConfig {
	cfg := token.SignerConfig{Issuer: issuerName, Audience: audience, KeyID: "k1", Algorithm: alg, Key: secret(ours().private(alg))}
	for _, e := range edit {
		e(&cfg)
	}
	return cfg
}

func signer(t testing.TB, cfg token.SignerConfig) *token.Signer {
	t.Helper()
	s, err := token.NewSigner(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sess(lifetime time.Duration) session.Session {
	return session.Session{ID: wantRef.ID, Tenant: wantRef.Tenant, User: wantRef.User, ExpiresAt: time.Now().Add(lifetime)}
}

func TestWhatASignerSignsItsTrustVerifies(t *testing.T) {
	for _, alg := range allAlgorithms {
		t.Run(string(alg), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := signer(t, config(alg))
				signed, err := s.Sign(sess(time.Hour))
				if err != nil {
					t.Fatal(err)
				}
				got := accepts(t, verifier(t, s.Issuer()), signed.Reveal())
				now := time.Now().UTC().Truncate(time.Second)
				if got.Issuer() != issuerName || got.KeyID() != "k1" || got.Algorithm() != alg || got.ClientID() != issuerName || len(got.TokenID()) < 20 {
					t.Errorf("issuer %q, key %q, algorithm %q, client %q, id %q", got.Issuer(), got.KeyID(), got.Algorithm(), got.ClientID(), got.TokenID())
				}
				if !got.IssuedAt().Equal(now) || !got.ExpiresAt().Equal(now.Add(5*time.Minute)) || !signed.ExpiresAt().Equal(got.ExpiresAt()) {
					t.Errorf("issued %v, expires %v, signed says %v", got.IssuedAt(), got.ExpiresAt(), signed.ExpiresAt())
				}
				// The independent forger's key is the same, so both accept each other.
				accepts(t, verifier(t, trust(t, alg)), signed.Reveal())
				accepts(t, verifier(t, s.Issuer()), good(alg))
			})
		})
	}
}

func TestASignedTokenIsOfRFC9068(t *testing.T) {
	s := signer(t, config(token.EdDSA, func(c *token.SignerConfig) { c.ClientID = `the "web" client` }))
	signed, err := s.Sign(sess(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Split(signed.Reveal(), ".")
	decode := func(s string) map[string]any {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if diff := cmp.Diff(map[string]any{"alg": "EdDSA", "kid": "k1", "typ": "at+jwt"}, decode(part[0])); diff != "" {
		t.Error(diff)
	}
	claims := decode(part[1])
	for _, changing := range []string{"iat", "exp", "jti"} {
		if claims[changing] == nil {
			t.Errorf("no %s", changing)
		}
		delete(claims, changing)
	}
	want := map[string]any{"iss": issuerName, "aud": audience, "sub": "alice", "client_id": `the "web" client`, "tenant": "acme", "sid": sessionID.Reveal()}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Error(diff)
	}
	again, _ := s.Sign(sess(time.Hour))
	if again.Reveal() == signed.Reveal() {
		t.Error("two tokens are equal")
	}
}

func TestATokenNeverOutlivesItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := signer(t, config(token.EdDSA))
		signed, err := s.Sign(sess(90*time.Second + 700*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Until(signed.ExpiresAt()); got != 90*time.Second {
			t.Errorf("it lasts %v, want 90s", got)
		}
		for name, row := range map[string]struct {
			session session.Session
			want    error
		}{
			"the zero session":          {session.Session{}, session.ErrInvalidID},
			"no tenant":                 {session.Session{ID: wantRef.ID, User: wantRef.User, ExpiresAt: time.Now().Add(time.Hour)}, session.ErrInvalidID},
			"no user":                   {session.Session{ID: wantRef.ID, Tenant: wantRef.Tenant, ExpiresAt: time.Now().Add(time.Hour)}, session.ErrInvalidID},
			"no id":                     {session.Session{Tenant: wantRef.Tenant, User: wantRef.User, ExpiresAt: time.Now().Add(time.Hour)}, session.ErrInvalidID},
			"no expiry":                 {session.Session{ID: wantRef.ID, Tenant: wantRef.Tenant, User: wantRef.User}, session.ErrNotFound},
			"expired":                   {sess(-time.Second), session.ErrNotFound},
			"expires now":               {sess(0), session.ErrNotFound},
			"expires within the second": {sess(999 * time.Millisecond), session.ErrNotFound},
		} {
			signed, err := s.Sign(row.session)
			if !errors.Is(err, row.want) || signed.Reveal() != "" {
				t.Errorf("%s: got %v, want %v", name, err, row.want)
			}
		}
	})
}

func TestTheLongestTokenIsWithinTheLimit(t *testing.T) {
	text := strings.Repeat(`"`, 255) // doubles when escaped
	s := signer(t, config(token.RS256, func(c *token.SignerConfig) {
		c.Issuer, c.Audience, c.ClientID, c.KeyID = text, text, text, text[:128]
		c.TenantClaim, c.SessionClaim = text, text[1:]
	}))
	long := sess(time.Hour)
	long.User = session.MustParseUserID(strings.Repeat("é", 127))
	long.Tenant = tenant.MustParse(strings.Repeat("a", 63))
	signed, err := s.Sign(long)
	if err != nil {
		t.Fatal(err)
	}
	got, err := verifier(t, s.Issuer()).Verify(context.Background(), signed.Reveal())
	if err != nil || got.Ref() != long.Ref() {
		t.Errorf("%d bytes: %v", len(signed.Reveal()), err)
	}
}

func TestEveryBadSignerFieldIsNamed(t *testing.T) {
	other := theirs()
	mixed := append(append(ed25519.PrivateKey(nil), ours().ed[:32]...), other.ed[32:]...)
	wrongEC := &ecdsa.PrivateKey{PublicKey: other.ec.PublicKey, D: ours().ec.D}
	wrongRSA := *ours().rsa
	wrongRSA.PublicKey = other.rsa.PublicKey
	with := func(alg token.Algorithm, key any) token.SignerConfig {
		return config(alg, func(c *token.SignerConfig) { c.Key = secret(key) })
	}
	for _, row := range []struct {
		name string
		cfg  token.SignerConfig
		want []string
	}{
		{"the zero config", token.SignerConfig{}, []string{"Issuer: required", "Audience: required", "KeyID: required", "Algorithm: ", "Key: required"}},
		{"every field that has a range", config("none", func(c *token.SignerConfig) {
			c.Issuer, c.Audience, c.KeyID, c.ClientID = "a\n", "b\x7f", strings.Repeat("k", 129), "é"
			c.Lifetime, c.TenantClaim, c.SessionClaim = 25*time.Hour, "iss", "exp"
		}), []string{"Issuer: ", "Audience: ", "KeyID: ", `Algorithm: "none"`, "Lifetime: 25h", "ClientID: ", "TenantClaim: ", "SessionClaim: "}},
		{"a negative lifetime", config(token.EdDSA, func(c *token.SignerConfig) { c.Lifetime = -1 }), []string{"Lifetime: "}},
		{"a key of another algorithm", with(token.ES256, ours().ed), []string{"Key: "}},
		{"a public key", with(token.EdDSA, ours().public(token.EdDSA)), []string{"Key: "}},
		{"a short Ed25519 key", with(token.EdDSA, ours().ed[:63]), []string{"Key: 63 bytes"}},
		{"a nil ECDSA key", with(token.ES256, (*ecdsa.PrivateKey)(nil)), []string{"Key: a nil pointer"}},
		{"a nil RSA key", with(token.PS256, (*rsa.PrivateKey)(nil)), []string{"Key: a nil pointer"}},
		{"an empty ECDSA key", with(token.ES256, &ecdsa.PrivateKey{}), []string{"Key: "}},
		{"an empty RSA key", with(token.RS256, &rsa.PrivateKey{}), []string{"Key: "}},
		{"an ECDSA key without its private half", with(token.ES256, &ecdsa.PrivateKey{PublicKey: ours().ec.PublicKey}), []string{"Key: "}},
		{"an RSA key without its private half", with(token.RS256, &rsa.PrivateKey{PublicKey: ours().rsa.PublicKey}), []string{"Key: "}},
		{"an Ed25519 key with another's public half", with(token.EdDSA, mixed), []string{"Key: does not verify"}},
		{"an ECDSA key with another's public half", with(token.ES256, wrongEC), []string{"Key: does not verify"}},
		{"an RSA key with another's public half", with(token.RS256, &wrongRSA), []string{"Key: does not verify"}},
		{"a short secret", with(token.HS256, ours().plain[:31]), []string{"Key: "}},
		{"a secret of HS256 for HS384", with(token.HS384, ours().plain[:32]), []string{"Key: "}},
		{"a secret of HS384 for HS512", with(token.HS512, ours().plain[:48]), []string{"Key: "}},
		{"a key on P-256 for ES384", with(token.ES384, ours().ec), []string{"Key: "}},
		{"a key on P-521 for ES256", with(token.ES256, ours().p521), []string{"Key: "}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := token.NewSigner(row.cfg)
			if err == nil || s != nil {
				t.Fatal("accepted")
			}
			text, ours := strings.CutPrefix(err.Error(), "token: invalid config: ")
			if !ours {
				t.Errorf("got %q", err)
			}
			lines := strings.Split(text, "\n")
			if len(lines) != len(row.want) {
				t.Fatalf("got %q, want %d lines", lines, len(row.want))
			}
			for n, want := range row.want {
				if !strings.HasPrefix(lines[n], want) {
					t.Errorf("line %d is %q, want %q first", n, lines[n], want)
				}
			}
		})
	}
}

func TestTheSignersPublishedSetVerifies(t *testing.T) {
	for _, alg := range publicAlgorithms {
		s := signer(t, config(alg))
		doc, err := s.JWKS()
		if err != nil {
			t.Fatal(err)
		}
		set, err := token.ParseJWKS(doc)
		if err != nil {
			t.Fatal(err)
		}
		accepts(t, verifier(t, trust(t, alg, func(i *token.Issuer) { i.Keys = set })), good(alg))
		for _, private := range []string{`"d"`, `"p"`, `"q"`, `"k"`} {
			if strings.Contains(string(doc), private) {
				t.Errorf("%s has %s", doc, private)
			}
		}
	}
	for _, alg := range secretAlgorithms {
		if doc, err := signer(t, config(alg)).JWKS(); err == nil || doc != nil {
			t.Errorf("a secret of %s is published: %s", alg, doc)
		}
	}
}

// TestNoIssuerSignsForAnother: twenty issuers whose keys share ids. A token is accepted only under
// the issuer whose key signed it, with any kid.
func TestNoIssuerSignsForAnother(t *testing.T) {
	const count = 20
	pairs := make([]pair, count)
	issuers := make([]token.Issuer, count)
	name := func(n int) string { return fmt.Sprintf("https://idp-%d.example.com", n) }
	// A secret is quickly signed with, so most issuers have one.
	algorithm := func(n int) token.Algorithm {
		if n%5 == 0 {
			return token.EdDSA
		}
		return token.HS256
	}
	for n := range count {
		_, private, _ := ed25519.GenerateKey(nil)
		pairs[n] = pair{ed: private, plain: make([]byte, 64)}
		crand.Read(pairs[n].plain)
		// Two ids each, and every id is used by other issuers too.
		public := pairs[n].public(algorithm(n))
		set, err := token.NewKeySet(
			key(t, "k1", algorithm(n), public),
			key(t, fmt.Sprintf("k%d", 2+n%3), algorithm(n), public))
		if err != nil {
			t.Fatal(err)
		}
		issuers[n] = token.Issuer{Name: name(n), Audience: audience, Algorithms: []token.Algorithm{algorithm(n)}, Keys: set}
	}
	v := verifier(t, issuers...)
	attempts := int64(testneed.Scale(100_000, 1))
	var accepted, made atomic.Int64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for made.Add(1) <= attempts && !t.Failed() {
				signs, claims := rand.IntN(count), rand.IntN(count)
				if rand.IntN(2) == 0 {
					claims = signs
				}
				kid := fmt.Sprintf("k%d", 1+rand.IntN(4))
				alg := algorithm(signs)
				raw := pairs[signs].forge(alg, headerOf(alg, "kid", `"`+kid+`"`), claimsOf("iss", `"`+name(claims)+`"`))
				got, err := v.Verify(context.Background(), raw)
				want := signs == claims && (kid == "k1" || kid == fmt.Sprintf("k%d", 2+signs%3))
				switch {
				case (err == nil) != want:
					t.Errorf("issuer %d signs as %d with %s: %v", signs, claims, kid, err)
				case want && got.Issuer() != name(signs):
					t.Errorf("accepted as %q", got.Issuer())
				case want:
					accepted.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := accepted.Load(); n < attempts/10 && !t.Failed() {
		t.Errorf("%d of %d are accepted: the test proves nothing", n, attempts)
	}
}
