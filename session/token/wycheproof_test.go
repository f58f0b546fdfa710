package token_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// Wycheproof (https://github.com/C2SP/wycheproof) is a corpus of attacks on signatures and
// keys, and of cases that must work. Its files are not part of this repository: the folder
// that holds wycheproof/*.json is REEVE_VECTORS, or shared/vectors beside the repository.

// quirk is a vector whose verdict is not one to follow: why, and what it is refused for, or
// the vector that it equals and that is accepted.
type quirk struct {
	why, cause string
	equals     int
}

var upstreamQuirks = map[int]quirk{
	346: {why: "marked valid: a PS384 token with a JWK that says PS256", cause: "unknown key"},
	347: {why: "marked valid: an ES512 token with a JWK that says ES521, which is no algorithm", cause: `algorithm "ES521" is not accepted`},
	350: {why: "marked valid: as 346, with key_ops", cause: "unknown key"},
	351: {why: "marked valid: as 347, with key_ops", cause: `algorithm "ES521" is not accepted`},
	367: {why: "marked invalid: the bytes of 357, which is valid", equals: 357},
	370: {why: "marked invalid: the bytes of 357, which is valid", equals: 357},
	372: {why: "marked valid: a ? in base64url", cause: "outside base64url"},
	373: {why: "marked valid: a ? in base64url", cause: "outside base64url"},
}

// holds reports what is wrong with the quirk: agreement with its verdict, or a disagreement
// for another reason than the one that it is here for.
func (q quirk) holds(result, jws string, err error, earlier map[int]string) error {
	switch {
	case (err == nil) == (result == "valid"):
		return errors.New("agreed with")
	case err == nil && (q.equals == 0 || jws != earlier[q.equals]):
		return errors.New("accepted, and it does not equal what is valid")
	case err != nil && (q.cause == "" || !strings.Contains(err.Error(), q.cause)):
		return fmt.Errorf("refused for %q, want %q", err, q.cause)
	}
	return nil
}

type vectorFile struct {
	TestGroups []struct {
		Comment         string
		Public, Private json.RawMessage
		Tests           []struct {
			ID       int `json:"tcId"`
			Comment  string
			JWS, JWE json.RawMessage
			Result   string
		}
	}
}

// vectors reads a file of the corpus. Without REEVE_VECTORS and without the folder the
// test is skipped; with it, what is missing is an error.
func vectors(t *testing.T, name string) vectorFile {
	t.Helper()
	dir := os.Getenv("REEVE_VECTORS")
	if dir == "" {
		dir = filepath.Join(repositoryRoot(t), "..", "shared", "vectors")
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			testneed.Missing(t, "no test vectors here: set REEVE_VECTORS to a folder that holds wycheproof/json_web_*_test.json")
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "wycheproof", name))
	if err != nil {
		t.Fatal(err)
	}
	var f vectorFile
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// repositoryRoot is where go.work lies, above the folder of this package.
func repositoryRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.work above this package")
		}
		dir = filepath.Dir(dir)
	}
}

// keysOf reads a JWK or a set of them as a user would: public keys with ParseJWKS, and
// secrets, which no key set may hold, with NewKey.
func keysOf(t *testing.T, public, private json.RawMessage) (*token.KeySet, error) {
	t.Helper()
	doc := public
	if doc == nil {
		doc = private
	}
	var set struct {
		Keys []struct{ Kty, Kid, Alg, Use, K string }
	}
	if !bytes.Contains(doc, []byte(`"keys"`)) {
		doc = slices.Concat([]byte(`{"keys":[`), doc, []byte(`]}`))
	}
	if err := json.Unmarshal(doc, &set); err != nil {
		t.Fatal(err)
	}
	var secrets []token.Key
	for _, k := range set.Keys {
		if k.Kty != "oct" || k.Use != "sig" {
			return token.ParseJWKS(doc)
		}
		secret, err := base64.RawURLEncoding.DecodeString(k.K)
		if err != nil {
			t.Fatal(err)
		}
		key, err := token.NewKey(k.Kid, token.Algorithm(k.Alg), session.NewSecretKey(secret))
		if err != nil && strings.Contains(err.Error(), "one byte repeated") {
			// Those vectors are about base64. That the key itself is refused has its own test.
			key, err = token.RepeatedSecret(k.Kid, token.Algorithm(k.Alg), secret), nil
		}
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, key)
	}
	return token.NewKeySet(secrets...)
}

// tally is how the vectors of a file came out.
type tally struct{ agreed, quirks, encrypted int }

// run compares every verdict.
func run(t *testing.T, f vectorFile, quirks map[int]quirk) tally {
	t.Helper()
	var got tally
	earlier := map[int]string{}
	some, err := token.NewKeySet(key(t, "k1", token.EdDSA, ours().public(token.EdDSA)))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range f.TestGroups {
		for _, c := range g.Tests {
			name := fmt.Sprintf("%d (%s: %s)", c.ID, g.Comment, c.Comment)
			if c.JWE != nil {
				if err := token.VerifyJWS(some, text(c.JWE)); !errors.Is(err, token.ErrInvalid) {
					t.Errorf("%s: a JWE is not refused: %v", name, err)
				}
				got.encrypted++
				continue
			}
			keys, err := keysOf(t, g.Public, g.Private)
			if err == nil {
				err = token.VerifyJWS(keys, text(c.JWS))
			}
			earlier[c.ID] = text(c.JWS)
			q, isQuirk := quirks[c.ID]
			switch {
			case isQuirk:
				if wrong := q.holds(c.Result, text(c.JWS), err, earlier); wrong != nil {
					t.Errorf("%s: named as a quirk, %s: %v", name, q.why, wrong)
				}
				got.quirks++
			case (err == nil) != (c.Result == "valid"):
				t.Errorf("%s: marked %s, and here %v", name, c.Result, err)
			default:
				got.agreed++
			}
		}
	}
	return got
}

// text returns the input for a token: its text, or a JSON serialization as it is written.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func TestWycheproofSignatures(t *testing.T) {
	got := run(t, vectors(t, "json_web_signature_test.json"), upstreamQuirks)
	if want := (tally{agreed: 393, quirks: 8}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWycheproofKeys(t *testing.T) {
	got := run(t, vectors(t, "json_web_key_test.json"), nil)
	if want := (tally{agreed: 26}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWycheproofCrypto(t *testing.T) {
	got := run(t, vectors(t, "json_web_crypto_test.json"), nil)
	if want := (tally{agreed: 49, encrypted: 34}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWycheproofEncryptionIsRefused(t *testing.T) {
	got := run(t, vectors(t, "json_web_encryption_test.json"), nil)
	if want := (tally{encrypted: 139}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
