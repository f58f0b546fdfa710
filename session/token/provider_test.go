package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// shape is a token as a provider documents it, and who it is of.
type shape struct {
	Header, Claims map[string]any
	Iss            string // by default https://id.example.com
	Via            string // the header that it comes in
	Want           struct {
		User, Tenant, Name, ACR string
		Roles                   []string
		Auth, Machine           bool
	}
}

// providerCase is an entry for a shape, and what of the shape is to be changed so that it is of
// another kind.
type providerCase struct {
	audience    string
	entry       func(*token.Issuer)
	wrongKind   string // a claim, or header:member, whose change makes another kind
	isIDToken   bool
	tenantClaim string // "" for an issuer of one tenant whose tokens name none
}

var ourRoles = map[string]string{"editor": "editor", "editors": "editor", "Editor": "editor", "admin": "admin", "org:admin": "admin", "member": "viewer"}

func providers() map[string]providerCase {
	acme := tenant.MustParse("acme")
	of := func(f *token.Foreign) func(*token.Issuer) { return func(i *token.Issuer) { i.Foreign = f } }
	one := func(f *token.Foreign) func(*token.Issuer) {
		return func(i *token.Issuer) { i.Foreign, i.Tenant = f, acme }
	}
	clerk1 := token.Clerk(ourRoles)
	clerk1.Tenant, clerk1.Roles = "org_id", "org_role"
	domains := map[string]tenant.ID{"acme.example": acme, "globex.example": tenant.MustParse("globex")}
	const workos = "https://api.workos.com/user_management/client_01"
	return map[string]providerCase{
		"keycloak-26":        {audience: "billing", entry: of(token.Keycloak(ourRoles)), wrongKind: "typ", tenantClaim: "organization"},
		"keycloak-26-at-jwt": {audience: "billing", entry: of(token.Keycloak(ourRoles)), wrongKind: "typ", tenantClaim: "organization"},
		"keycloak-24-nonce":  {audience: "billing", entry: of(token.Keycloak(ourRoles)), wrongKind: "typ", tenantClaim: "organization"},
		"auth0":              {audience: "https://api.example.com", entry: of(token.Auth0("read:docs")), wrongKind: "scope", tenantClaim: "org_id"},
		"auth0-rfc9068":      {audience: "https://api.example.com", entry: of(token.Auth0("read:docs")), wrongKind: "scope", tenantClaim: "org_id"},
		"entra-v2": {audience: "6e74172b-be56-4843-9ff4-e66a39bb12e3", entry: func(i *token.Issuer) {
			i.Name, i.Foreign = "https://login.microsoftonline.com/{tenant}/v2.0", token.EntraID("access_as_user", ourRoles)
		}, wrongKind: "scp", tenantClaim: "tid"},
		"entra-v1": {audience: "api://billing", entry: func(i *token.Issuer) {
			i.Name, i.Foreign = "https://sts.windows.net/{tenant}/", token.EntraID("access_as_user", ourRoles)
		}, wrongKind: "scp", tenantClaim: "tid"},
		"cognito": {audience: "xxxxxxxxxxxxexample", entry: one(token.Cognito(ourRoles)), wrongKind: "token_use"},
		"okta":    {audience: "api://default", entry: one(token.Okta("docs")), wrongKind: "scp"},
		"google": {audience: "client.apps.googleusercontent.com", entry: func(i *token.Issuer) {
			i.Foreign, i.EncodeTenants = token.Google(), true
		}, wrongKind: "azp", isIDToken: true, tenantClaim: "hd"},
		"firebase":    {audience: "my-project", entry: of(token.Firebase()), isIDToken: true, tenantClaim: "/firebase/tenant"},
		"supabase":    {audience: "authenticated", entry: of(token.Supabase()), wrongKind: "role", tenantClaim: "/app_metadata/tenant"},
		"clerk-v2":    {audience: "https://app.acme.example", entry: of(token.Clerk(map[string]string{"admin": "admin"})), wrongKind: "header:cat", tenantClaim: "/o/id"},
		"clerk-v1":    {audience: "https://app.acme.example", entry: of(clerk1), wrongKind: "sts", tenantClaim: "org_id"},
		"workos":      {audience: workos, entry: func(i *token.Issuer) { i.Name, i.Foreign = workos, token.WorkOS(workos, ourRoles) }, tenantClaim: "org_id"},
		"zitadel":     {audience: "billing", entry: of(token.Zitadel("kind", "access", ourRoles)), wrongKind: "kind", tenantClaim: "urn:zitadel:iam:user:resourceowner:id"},
		"hydra":       {audience: "billing", entry: of(token.Hydra("docs")), wrongKind: "scp", tenantClaim: "/ext/tenant"},
		"supertokens": {audience: issuerName, entry: of(token.SuperTokens("5")), wrongKind: "header:version", tenantClaim: "tId"},
		"kubernetes": {audience: "billing", entry: func(i *token.Issuer) {
			i.Foreign, i.Tenants = token.Kubernetes(issuerName), map[string]tenant.ID{"prod": acme}
		}, tenantClaim: "/kubernetes.io/namespace"},
		"github-actions": {audience: "https://api.example.com", entry: one(token.GitHubActions("1234")), wrongKind: "repository_owner_id"},
		"cloudflare-access": {audience: "32eafc7626e737136aea53d2d", entry: func(i *token.Issuer) {
			i.Foreign, i.Tenant, i.Header = token.CloudflareAccess(), acme, "cf-access-jwt-assertion"
		}, wrongKind: "type"},
		"iap": {audience: "/projects/1234/global/backendServices/5678", entry: func(i *token.Issuer) {
			i.Name, i.Foreign, i.Tenants, i.Header = "https://cloud.google.com/iap", token.IAP(), domains, "x-goog-iap-jwt-assertion"
		}, tenantClaim: "hd"},
	}
}

// read returns the shape of a file.
func (c providerCase) read(t testing.TB, name string) shape {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "providers", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var s shape
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	i := token.Issuer{Name: issuerName}
	c.entry(&i)
	if s.Iss == "" {
		s.Iss = i.Name
	}
	return s
}

func (c providerCase) issuer(t testing.TB, edit ...func(*token.Issuer)) token.Issuer {
	t.Helper()
	i := trust(t, token.EdDSA)
	i.Audience = c.audience
	c.entry(&i)
	for _, e := range edit {
		e(&i)
	}
	return i
}

// at sets a value at a path of the claims, or removes it.
func setAt(claims map[string]any, path string, value any) {
	names := []string{path}
	if path[0] == '/' {
		names = strings.Split(path[1:], "/")
	}
	for _, name := range names[:len(names)-1] {
		claims = claims[name].(map[string]any)
	}
	if last := names[len(names)-1]; value == nil {
		delete(claims, last)
	} else {
		claims[last] = value
	}
}

// sign makes a token of the shape.
func (s shape) sign(t testing.TB, p pair, edit ...func(header, claims map[string]any)) string {
	t.Helper()
	now := time.Now().Unix()
	header, claims := maps.Clone(s.Header), deepCopy(s.Claims)
	for name, v := range claims {
		switch v {
		case "$now":
			claims[name] = now
		case "$now-10":
			claims[name] = now - 10
		case "$exp":
			claims[name] = now + 300
		case "$iss":
			claims[name] = s.Iss
		}
	}
	for _, e := range edit {
		e(header, claims)
	}
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return p.forge(token.EdDSA, string(h), string(b))
}

func deepCopy(m map[string]any) map[string]any {
	c := maps.Clone(m)
	for name, v := range c {
		if inner, ok := v.(map[string]any); ok {
			c[name] = deepCopy(inner)
		}
	}
	return c
}

// verifyVia verifies a token that came where its provider sends it.
func verifyVia(v *token.Verifier, via, raw string) (*token.Verified, error) {
	if via == "" {
		return v.Verify(context.Background(), raw)
	}
	return v.VerifyHeader(context.Background(), via, raw)
}

// strangerOf verifies and returns whom the provider has signed in.
func strangerOf(t testing.TB, v *token.Verifier, via, raw string) session.Stranger {
	t.Helper()
	got, err := verifyVia(v, via, raw)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	if got.Ref() != (session.Ref{}) {
		t.Fatalf("it refers to the session %v", got.Ref())
	}
	s, ok := got.Stranger()
	if !ok {
		t.Fatal("it is of no stranger")
	}
	return s
}

func TestEveryProvidersTokenIsReadByItsLiteral(t *testing.T) {
	cases := providers()
	files, err := filepath.Glob("testdata/providers/*.json")
	if err != nil || len(files) != len(cases) {
		t.Fatalf("%d shapes and %d entries, %v", len(files), len(cases), err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := c.read(t, name)
			v := verifier(t, c.issuer(t))
			for range 2 { // the second is one that was seen before
				got := strangerOf(t, v, s.Via, s.sign(t, ours()))
				if got.Issuer != s.Iss || got.User.String() != s.Want.User || got.Tenant.String() != s.Want.Tenant || got.Name != s.Want.Name {
					t.Errorf("got %s of %s, session %q, by %s", got.User, got.Tenant, got.Name, got.Issuer)
				}
				if got.RolesNamed != (s.Want.Roles != nil) || !slices.Equal(got.Roles, s.Want.Roles) || got.ACR != s.Want.ACR || got.Machine != s.Want.Machine {
					t.Errorf("roles %v (%v), acr %q, machine %v", got.Roles, got.RolesNamed, got.ACR, got.Machine)
				}
				if got.AuthTime.IsZero() == s.Want.Auth || got.IssuedAt.IsZero() || !got.ExpiresAt.After(time.Now()) || got.Thumbprint != "" {
					t.Errorf("times %v %v %v", got.IssuedAt, got.AuthTime, got.ExpiresAt)
				}
			}
		})
	}
}

// A token that a provider signs for somebody or something else is refused, for each shape.
func TestNoProvidersOtherTokenIsAccepted(t *testing.T) {
	for name, c := range providers() {
		t.Run(name, func(t *testing.T) {
			s := c.read(t, name)
			v := verifier(t, c.issuer(t))
			refused := func(what, cause, raw string) {
				t.Helper()
				got, err := verifyVia(v, s.Via, raw)
				if got != nil || !errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), cause) {
					t.Errorf("%s: %v, %v; want it refused for %q", what, got, err, cause)
				}
			}
			edited := func(path string, value any) string {
				return s.sign(t, ours(), func(_, claims map[string]any) { setAt(claims, path, value) })
			}
			now := time.Now().Unix()
			refused("another's key", "signature", s.sign(t, theirs()))
			refused("an iat of 20 s ahead", "issued in the future", edited("iat", now+20))
			refused("no iat", "iat is missing", edited("iat", nil))
			refused("expired", "expired", edited("exp", now-100))
			refused("no exp", "exp is missing", edited("exp", nil))
			refused("an event", "not an access token", edited("events", map[string]any{}))
			refused("another issuer", "is not trusted", edited("iss", "https://evil.example.com"))
			refused("without a user", "the user is missing", s.sign(t, ours(), func(_, claims map[string]any) {
				for _, name := range []string{"sub", "oid", "uid"} {
					delete(claims, name)
				}
			}))
			if _, hasAud := s.Claims["aud"]; hasAud {
				refused("another audience", "aud does not name", edited("aud", "https://other.example.com"))
				refused("an audience that begins like ours", "aud does not name", edited("aud", c.audience+"x"))
				refused("no audience", "aud does not name", edited("aud", nil))
			} else if claim := map[string]string{"cognito": "client_id", "clerk-v2": "azp", "clerk-v1": "azp"}[name]; claim != "" {
				refused("the audience of another client", "aud does not name", edited(claim, "another"))
				refused("aud in place of it", "aud does not name", s.sign(t, ours(), func(_, claims map[string]any) { delete(claims, claim); claims["aud"] = c.audience }))
			}
			for _, to := range []any{"another", nil} {
				switch member, inHeader := strings.CutPrefix(c.wrongKind, "header:"); {
				case inHeader:
					refused("another kind", "not of the kind", s.sign(t, ours(), func(header, _ map[string]any) { setAt(header, member, to) }))
				case c.wrongKind == "azp" && to != nil:
					refused("another client", "azp is another client", edited("azp", to))
				case c.wrongKind != "" && c.wrongKind != "azp":
					refused("another kind", "not of the kind", edited(c.wrongKind, to))
				}
			}
			if !c.isIDToken {
				refused("with an at_hash, so an ID token", "not an access token", edited("at_hash", "HK6E_P6Dh8Y93mRNtsDB1Q"))
			} else {
				refused("with a scope, so an access token", "not an ID token", edited("scope", "openid"))
			}
			if c.tenantClaim == "" {
				return
			}
			for what, value := range map[string]any{"two tenants": []any{"acme", "globex"}, "no tenant in a list": []any{}, "an object": map[string]any{}, "a number": 7, "an empty tenant": "", "no tenant": nil} {
				refused(what, "tenant", edited(c.tenantClaim, value))
			}
			// A tenant in another case is another: never the one that was meant.
			raw := edited(c.tenantClaim, strings.ToUpper(s.Want.Tenant))
			if got, err := verifyVia(v, s.Via, raw); err == nil {
				if stranger, _ := got.Stranger(); stranger.Tenant.String() == s.Want.Tenant && strings.ToUpper(s.Want.Tenant) != s.Want.Tenant {
					t.Errorf("a tenant in another case is %s", stranger.Tenant)
				}
			}
		})
	}
}

// Both versions of Entra ID sign with one source of keys, for the same users.
func TestTwoVersionsOfOneProviderShareTheirKeys(t *testing.T) {
	cases := providers()
	one, two := cases["entra-v1"].issuer(t), cases["entra-v2"].issuer(t)
	two.Keys = one.Keys
	if _, err := token.NewVerifier(one, two); err == nil || !strings.Contains(err.Error(), "Keys: the source of another issuer") {
		t.Errorf("without a word of it: %v", err)
	}
	two.SameAs = one.Name
	v := verifier(t, one, two)
	known := cases["entra-v1"].read(t, "entra-v1").Iss
	for _, name := range []string{"entra-v1", "entra-v2"} {
		s := cases[name].read(t, name)
		if got := strangerOf(t, v, "", s.sign(t, ours())); got.Issuer != known || got.User.String() != s.Want.User {
			t.Errorf("%s: %s by %s", name, got.User, got.Issuer)
		}
		// A version's token under the other's name has another audience.
		other := cases[map[string]string{"entra-v1": "entra-v2", "entra-v2": "entra-v1"}[name]].read(t, map[string]string{"entra-v1": "entra-v2", "entra-v2": "entra-v1"}[name])
		raw := s.sign(t, ours(), func(_, claims map[string]any) { claims["iss"] = other.Iss })
		if _, err := v.Verify(context.Background(), raw); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s under the other's name: %v", name, err)
		}
	}
}

// A token of a provider with a header of its own is accepted in that one alone, and a bearer
// token in none but its own place.
func TestATokenIsAcceptedOnlyWhereItsIssuersTokensCome(t *testing.T) {
	cases := providers()
	cf, iap := cases["cloudflare-access"], cases["iap"]
	sc, si := cf.read(t, "cloudflare-access"), iap.read(t, "iap")
	native := trust(t, token.EdDSA, func(i *token.Issuer) { i.Name = "https://own.example.com" })
	v := verifier(t, native, cf.issuer(t, func(i *token.Issuer) { i.UserPrefix = "cf:" }), iap.issuer(t, func(i *token.Issuer) { i.UserPrefix = "iap:" }))
	if got := v.Headers(); !slices.Equal(got, []string{"Cf-Access-Jwt-Assertion", "X-Goog-Iap-Jwt-Assertion"}) {
		t.Errorf("headers %v", got)
	}
	own := ours().forge(token.EdDSA, headerOf(token.EdDSA), claimsOf("iss", `"https://own.example.com"`))
	for what, c := range map[string]struct {
		raw string
		at  string
	}{"own": {own, ""}, "Cloudflare's": {sc.sign(t, ours()), "cf-access-jwt-assertion"}, "Google's": {si.sign(t, ours()), "X-Goog-Iap-Jwt-Assertion"}} {
		for round := range 2 {
			for _, at := range []string{"", "cf-access-jwt-assertion", "X-Goog-Iap-Jwt-Assertion", "X-Other"} {
				_, err := verifyVia(v, at, c.raw)
				known, ok := v.Cached(c.raw)
				if at != "" {
					known, ok = v.CachedHeader(at, c.raw)
				}
				if good := at == c.at; (err == nil) != good || ok != good || ok != (known != nil) {
					t.Errorf("%s at %q, round %d: %v, known %v", what, at, round, err, ok)
				}
			}
		}
	}
	if _, err := v.VerifyHeader(context.Background(), "", own); !errors.Is(err, token.ErrInvalid) {
		t.Error("a header without a name is where bearer tokens come")
	}
}
