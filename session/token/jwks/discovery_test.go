package jwks_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
)

// byPath answers a host's documents.
type byPath map[string]*provider

func (p byPath) RoundTrip(r *http.Request) (*http.Response, error) {
	if doc := p[r.URL.Host+r.URL.Path]; doc != nil {
		return doc.RoundTrip(r)
	}
	return (&provider{status: 404}).RoundTrip(r)
}

// discovered is a fetcher of one issuer by its metadata.
func discovered(t *testing.T, metadata string) (*jwks.Fetcher, *token.Verifier, *token.Signer, byPath) {
	t.Helper()
	f, err := jwks.New(jwks.Config{})
	if err != nil {
		t.Fatal(err)
	}
	signer := newSigner(t, issuer(0), "k1")
	p := byPath{
		host(0) + "/.well-known/openid-configuration": {status: 200, body: metadata},
		"keys.example.com/keys":                       {},
		"new.example.com/keys":                        {},
	}
	p["keys.example.com/keys"].publish(signer)
	f.WithTransport(p)
	s, err := f.Add(jwks.Endpoint{Issuer: issuer(0), Discover: true})
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.NewVerifier(token.Issuer{Name: issuer(0), Audience: "api", Algorithms: []token.Algorithm{token.EdDSA}, Keys: s})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, v, signer, p
}

func metadata(iss, keys string) string { return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, iss, keys) }

const keysURL = "https://keys.example.com/keys"

func TestKeysAreFoundByTheIssuersMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, v, signer, p := discovered(t, metadata(issuer(0), keysURL))
		time.Sleep(time.Second)
		if _, err := v.Verify(t.Context(), sign(t, signer)); err != nil {
			t.Fatal(err)
		}
		// While the keys are fetched well, metadata are read once a day.
		doc := p[host(0)+"/.well-known/openid-configuration"]
		time.Sleep(23 * time.Hour)
		if n := len(doc.times()); n != 1 || len(p["keys.example.com/keys"].times()) < 2 {
			t.Errorf("metadata were read %d times, keys %d", n, len(p["keys.example.com/keys"].times()))
		}
		// Keys that have moved are found again.
		next := newSigner(t, issuer(0), "k2")
		doc.set(200, metadata(issuer(0), "https://new.example.com/keys"))
		p["new.example.com/keys"].publish(next)
		p["keys.example.com/keys"].set(404, "")
		time.Sleep(30 * time.Minute)
		if _, err := v.Verify(t.Context(), sign(t, next)); err != nil {
			t.Errorf("keys that have moved: %v", err)
		}
		if most := mostIn(p["keys.example.com/keys"].times(), 31*time.Second); most > 2 {
			t.Errorf("%d fetches in 31 s", most)
		}
		if most := mostIn(doc.times(), 31*time.Second); most > 2 {
			t.Errorf("metadata were read %d times in 31 s", most)
		}
	})
}

func TestMetadataThatAreNotTheIssuersFindNoKeys(t *testing.T) {
	for name, c := range map[string]struct{ doc, why string }{
		"another issuer's":       {metadata("https://evil.example.com", keysURL), "another issuer's"},
		"with a slash more":      {metadata(issuer(0)+"/", keysURL), "another issuer's"},
		"in another case":        {metadata(strings.ToUpper(issuer(0)), keysURL), "another issuer's"},
		"without an issuer":      {`{"jwks_uri":"` + keysURL + `"}`, "another issuer's"},
		"with two issuers":       {`{"issuer":"` + issuer(0) + `","issuer":"x","jwks_uri":"` + keysURL + `"}`, "occurs twice"},
		"without keys":           {metadata(issuer(0), ""), "jwks_uri: required"},
		"with keys over http":    {metadata(issuer(0), "http://keys.example.com/keys"), "jwks_uri: https is required"},
		"with keys in a file":    {metadata(issuer(0), "file:///etc/passwd"), "jwks_uri: not an absolute URL"},
		"with a password":        {metadata(issuer(0), "https://u:p@keys.example.com/keys"), "jwks_uri: user information"},
		"that are no JSON":       {"<html>", "not a JSON object"},
		"that are an array":      {"[]", "not a JSON object"},
		"whose issuer is a list": {`{"issuer":["` + issuer(0) + `"],"jwks_uri":"` + keysURL + `"}`, "not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, v, signer, p := discovered(t, c.doc)
				time.Sleep(5 * time.Second)
				if _, err := v.Verify(t.Context(), sign(t, signer)); err == nil || !strings.Contains(err.Error(), "unavailable") {
					t.Errorf("got %v", err)
				}
				if n := len(p["keys.example.com/keys"].times()); n != 0 {
					t.Errorf("keys were fetched %d times", n)
				}
				if h := f.Stats(); len(h) != 1 || !strings.Contains(h[0].LastError, c.why) {
					t.Errorf("%+v", h)
				}
			})
		})
	}
}

func TestMetadataNameNoKeysOfAnotherIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _, _, _ := discovered(t, metadata(issuer(0), "https://taken.example.com/keys"))
		if _, err := f.Add(jwks.Endpoint{Issuer: "other", URL: "https://taken.example.com/keys"}); err != nil && !strings.Contains(err.Error(), "that of another issuer") {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		// Whichever came first has them.
		if _, err := f.Add(jwks.Endpoint{Issuer: "third", URL: "https://TAKEN.example.com/keys"}); err == nil || !strings.Contains(err.Error(), "URL: that of another issuer") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnIssuerThatIsNoURLHasNoMetadata(t *testing.T) {
	f, err := jwks.New(jwks.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []jwks.Endpoint{
		{Issuer: "acme", Discover: true}, {Issuer: "http://id.example.com", Discover: true}, {Issuer: "https://id.example.com?a", Discover: true},
		{Issuer: "https://login.microsoftonline.com/{tenant}/v2.0", Discover: true}, {Issuer: "https://id.example.com", URL: keysURL, Discover: true},
	} {
		if s, err := f.Add(e); err == nil || s != nil || !strings.Contains(err.Error(), "Discover") {
			t.Errorf("%s: %v", e.Issuer, err)
		}
	}
}
