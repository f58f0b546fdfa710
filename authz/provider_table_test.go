package authz_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// documented are the shapes of session/token/testdata/providers, the entry of each, and the row of
// docs/providers.md that it is.
var documented = map[string]struct {
	row, audience string
	entry         func(i *token.Issuer)
}{
	"keycloak-26":       {"Keycloak", "billing", func(i *token.Issuer) { i.Foreign = token.Keycloak(nil) }},
	"keycloak-24-nonce": {"Keycloak", "billing", func(i *token.Issuer) { i.Foreign = token.Keycloak(nil) }},
	"auth0":             {"Auth0", "https://api.example.com", func(i *token.Issuer) { i.Foreign = token.Auth0("read:docs") }},
	"auth0-rfc9068":     {"Auth0", "https://api.example.com", func(i *token.Issuer) { i.Foreign = token.Auth0("read:docs") }},
	"entra-v2": {"Entra ID", "6e74172b-be56-4843-9ff4-e66a39bb12e3", func(i *token.Issuer) {
		i.Name, i.Foreign = "https://login.microsoftonline.com/{tenant}/v2.0", token.EntraID("access_as_user", nil)
	}},
	"cognito":  {"Cognito", "xxxxxxxxxxxxexample", func(i *token.Issuer) { i.Foreign, i.Tenant = token.Cognito(nil), acme }},
	"okta":     {"Okta", "api://default", func(i *token.Issuer) { i.Foreign, i.Tenant = token.Okta("docs"), acme }},
	"google":   {"Google", "client.apps.googleusercontent.com", func(i *token.Issuer) { i.Foreign, i.EncodeTenants = token.Google(), true }},
	"firebase": {"Firebase", "my-project", func(i *token.Issuer) { i.Foreign = token.Firebase() }},
	"supabase": {"Supabase", "authenticated", func(i *token.Issuer) { i.Foreign = token.Supabase() }},
	"clerk-v2": {"Clerk", "https://app.acme.example", func(i *token.Issuer) { i.Foreign = token.Clerk(nil) }},
	"workos": {"WorkOS", "https://api.workos.com/user_management/client_01", func(i *token.Issuer) {
		i.Name = "https://api.workos.com/user_management/client_01"
		i.Foreign = token.WorkOS(i.Name, nil)
	}},
	"zitadel":     {"Zitadel", "billing", func(i *token.Issuer) { i.Foreign = token.Zitadel("kind", "access", nil) }},
	"hydra":       {"Ory Hydra", "billing", func(i *token.Issuer) { i.Foreign = token.Hydra("docs") }},
	"supertokens": {"SuperTokens", "https://id.example.com", func(i *token.Issuer) { i.Foreign = token.SuperTokens("5") }},
	"kubernetes": {"Kubernetes", "billing", func(i *token.Issuer) {
		i.Foreign, i.Tenants = token.Kubernetes(i.Name), map[string]tenant.ID{"prod": acme}
	}},
	"github-actions": {"GitHub Actions", "https://api.example.com", func(i *token.Issuer) { i.Foreign, i.Tenant = token.GitHubActions("1234"), acme }},
	"cloudflare-access": {"Cloudflare Access", "32eafc7626e737136aea53d2d", func(i *token.Issuer) {
		i.Foreign, i.Tenant, i.Header = token.CloudflareAccess(), acme, "Cf-Access-Jwt-Assertion"
	}},
	"iap": {"Google IAP", "/projects/1234/global/backendServices/5678", func(i *token.Issuer) {
		i.Name, i.Foreign, i.Header = "https://cloud.google.com/iap", token.IAP(), "X-Goog-Iap-Jwt-Assertion"
		i.Tenants = map[string]tenant.ID{"acme.example": acme}
	}},
}

// TestTheTableOfProviders takes each documented shape through the whole middleware: the first
// token, a revocation, a refresh at the provider, and a new sign-in there. What becomes of the
// refresh is what docs/providers.md says of the provider.
func TestTheTableOfProviders(t *testing.T) {
	page, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			rows[strings.TrimSpace(cells[1])] = line
		}
	}
	for name, d := range documented {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(t, named)
				p.issuer.Name, p.issuer.Audience = "https://id.example.com", d.audience
				d.entry(&p.issuer)
				p.issuer.MaxLifetime = 24 * time.Hour
				if p.issuer.Foreign.IDTokens || p.issuer.Foreign.AudienceClaim != "" || p.issuer.Header != "" {
					p.issuer.Logout = nil // these have none
				}
				s := readShape(t, name, p.issuer.Name)
				w := p.trusting()
				if err := w.manager.SetTenantStatus(t.Context(), s.tenant, tenant.Active); err != nil {
					t.Fatal(err)
				}
				status := func(what, raw string, want int) {
					t.Helper()
					rec := w.do("GET", "/me", "", headers{"Authorization": "Bearer " + raw})
					if p.issuer.Header != "" {
						rec = w.do("GET", "/me", "", headers{p.issuer.Header: raw})
					}
					if rec.Code != want {
						t.Errorf("%s: %d, want %d: %v", what, rec.Code, want, w.events[len(w.events)-1].Err)
					}
				}
				first := p.shaped(s, "session-1", time.Now())
				status("the first token", first, 200)
				status("the token again", first, 200)
				time.Sleep(10 * time.Second)
				if err := w.manager.RevokeUser(t.Context(), s.tenant, s.user); err != nil {
					t.Fatal(err)
				}
				status("after the revocation", first, 401)
				time.Sleep(10 * time.Second)
				kind, want := "session", 401
				switch f := p.issuer.Foreign; {
				case f.Session != "" && s.names(f.Session):
				case f.AuthTime != "":
					kind = "sign-in"
				default:
					kind, want = "next token", 200
				}
				status("refreshed at the provider", p.shaped(s, "session-1", time.Now().Add(-20*time.Second)), want)
				status("a new sign-in", p.shaped(s, "session-2", time.Now()), 200)
				status("the first token, after it", first, 401)
				if row := rows[d.row]; !strings.Contains(row, "| "+kind+" |") {
					t.Errorf("docs/providers.md says of %s %q, and a revocation holds by %q", d.row, row, kind)
				}
			})
		})
	}
}

type shape struct {
	header, claims map[string]any
	issuer         string
	tenant         tenant.ID
	user           session.UserID
}

func readShape(t *testing.T, name, issuer string) shape {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "session", "token", "testdata", "providers", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Header, Claims map[string]any
		Iss            string
		Want           struct{ User, Tenant string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if file.Iss == "" {
		file.Iss = issuer
	}
	return shape{file.Header, file.Claims, file.Iss, tenant.MustParse(file.Want.Tenant), session.MustParseUserID(file.Want.User)}
}

// names reports whether tokens of the shape have a claim.
func (s shape) names(claim string) bool {
	_, there := s.claims[claim]
	return there
}

// shaped is a token of now, of a sign-in at the provider.
func (p *provider) shaped(s shape, name string, at time.Time) string {
	p.t.Helper()
	claims, now := maps.Clone(s.claims), time.Now().Unix()
	for claim, v := range claims {
		switch v {
		case "$now":
			claims[claim] = now
		case "$exp":
			claims[claim] = now + 300
		case "$iss":
			claims[claim] = s.issuer
		}
	}
	f := p.issuer.Foreign
	if _, there := claims[f.Session]; there {
		claims[f.Session] = name
	}
	if _, there := claims[f.AuthTime]; there {
		claims[f.AuthTime] = at.Unix()
	}
	header := maps.Clone(s.header)
	header["kid"] = "p1"
	h, err := json.Marshal(header)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.signHeader(string(h), claims)
}
