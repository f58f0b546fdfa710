package authz_test

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// theirRoles are those of the shapes that the service has a role for.
var theirRoles = map[string]string{"editor": "editor", "editors": "editor", "Editor": "editor", "org:admin": "admin", "admin": "admin", "member": "viewer"}

// documented are the shapes of session/token/testdata/providers, the entry of each, and the row of
// docs/providers.md that it is.
var documented = map[string]struct {
	row, audience string
	entry         func(i *token.Issuer)
}{
	"keycloak-26-at-jwt": {"Keycloak", "billing", func(i *token.Issuer) { i.Foreign = token.Keycloak(theirRoles) }},
	"keycloak-26":        {"Keycloak", "billing", func(i *token.Issuer) { i.Foreign = token.Keycloak(theirRoles) }},
	"keycloak-24-nonce":  {"Keycloak", "billing", func(i *token.Issuer) { i.Foreign = token.Keycloak(theirRoles) }},
	"auth0":              {"Auth0", "https://api.example.com", func(i *token.Issuer) { i.Foreign = token.Auth0("read:docs") }},
	"auth0-rfc9068":      {"Auth0", "https://api.example.com", func(i *token.Issuer) { i.Foreign = token.Auth0("read:docs") }},
	"entra-v2": {"Entra ID", "6e74172b-be56-4843-9ff4-e66a39bb12e3", func(i *token.Issuer) {
		i.Name, i.Foreign = "https://login.microsoftonline.com/{tenant}/v2.0", token.EntraID("access_as_user", theirRoles)
	}},
	"cognito":  {"Cognito", "xxxxxxxxxxxxexample", func(i *token.Issuer) { i.Foreign, i.Tenant = token.Cognito(theirRoles), acme }},
	"okta":     {"Okta", "api://default", func(i *token.Issuer) { i.Foreign, i.Tenant = token.Okta("docs"), acme }},
	"google":   {"Google", "client.apps.googleusercontent.com", func(i *token.Issuer) { i.Foreign, i.EncodeTenants = token.Google(), true }},
	"firebase": {"Firebase", "my-project", func(i *token.Issuer) { i.Foreign = token.Firebase() }},
	"supabase": {"Supabase", "authenticated", func(i *token.Issuer) { i.Foreign = token.Supabase() }},
	"clerk-v2": {"Clerk", "https://app.acme.example", func(i *token.Issuer) { i.Foreign = token.Clerk(theirRoles) }},
	"workos": {"WorkOS", "https://api.workos.com/user_management/client_01", func(i *token.Issuer) {
		i.Name = "https://api.workos.com/user_management/client_01"
		i.Foreign = token.WorkOS(i.Name, theirRoles)
	}},
	"zitadel":     {"Zitadel", "billing", func(i *token.Issuer) { i.Foreign = token.Zitadel("kind", "access", theirRoles) }},
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
// token, a refresh at the provider, a revocation, a refresh after it, a new sign-in there, and a
// sign-out. The outcome of each is compared with docs/providers.md, cell by cell.
func TestTheTableOfProviders(t *testing.T) {
	page, err := os.ReadFile("../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsOfProviders(t, string(page))
	for name, d := range documented {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { aProviderIsAsItsRowSays(t, name, rows[d.row]) })
		})
	}
	shown := map[string]bool{}
	for _, d := range documented {
		shown[d.row] = true
	}
	for name, row := range rows {
		if shown[name] == (row["verifies"] == "no") {
			t.Errorf("%s verifies: %q, and there is a shape of it: %v", name, row["verifies"], shown[name])
		}
		if lines := linesOfEntry(string(page), name); row["verifies"] != "no" && row["lines"] != lines {
			t.Errorf("%s is written in %q lines, and its entry on the page has %s", name, row["lines"], lines)
		}
	}
}

// rowsOfProviders reads the table of providers: the cells of each by the names of their columns.
func rowsOfProviders(t *testing.T, page string) map[string]map[string]string {
	t.Helper()
	_, page, _ = strings.Cut(page, "\n## The providers\n")
	page, _, _ = strings.Cut(page, "\n## ")
	var columns []string
	rows := map[string]map[string]string{}
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 3 || strings.HasPrefix(cells[1], " ---") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if columns == nil {
			columns = cells
			continue
		}
		row := map[string]string{}
		for i, cell := range cells[:min(len(cells), len(columns))] {
			row[columns[i]] = cell
		}
		rows[cells[1]] = row
	}
	if len(rows) < 19 {
		t.Fatalf("%d providers are on the page", len(rows))
	}
	return rows
}

// literals are the functions of package token for each row.
var literals = map[string]string{
	"Keycloak": "Keycloak", "Auth0": "Auth0", "Entra ID": "EntraID", "Cognito": "Cognito", "Okta": "Okta", "Google": "Google", "Firebase": "Firebase",
	"Supabase": "Supabase", "Clerk": "Clerk", "WorkOS": "WorkOS", "Zitadel": "Zitadel", "Ory Hydra": "Hydra", "SuperTokens": "SuperTokens",
	"Kubernetes": "Kubernetes", "GitHub Actions": "GitHubActions", "Cloudflare Access": "CloudflareAccess", "Google IAP": "IAP",
}

// linesOfEntry counts the lines of an issuer's entry on the page, from its Name to its literal.
func linesOfEntry(page, row string) string {
	before, _, found := strings.Cut(page, "token."+literals[row]+"(")
	if !found || literals[row] == "" {
		return "none"
	}
	return strconv.Itoa(1 + strings.Count(before[strings.LastIndex(before, "Name: "):], "\n"))
}

func aProviderIsAsItsRowSays(t *testing.T, name string, row map[string]string) {
	d := documented[name]
	p := newProvider(t, named)
	p.issuer.Name, p.issuer.Audience = "https://id.example.com", d.audience
	d.entry(&p.issuer)
	p.issuer.MaxLifetime = 24 * time.Hour
	if row["logout"] == "none exists" {
		p.issuer.Logout = nil
	}
	s := readShape(t, name, p.issuer.Name)
	p.name = s.issuer
	w := p.trusting(func(c *authz.Config) { c.Policy = engine(t, rules+logoutRules) })
	if err := w.manager.SetTenantStatus(t.Context(), s.tenant, tenant.Active); err != nil {
		t.Fatal(err)
	}
	status := func(what, raw string, want int) (current session.Session) {
		t.Helper()
		rec := w.do("GET", "/me", "", headers{"Authorization": "Bearer " + raw})
		if p.issuer.Header != "" {
			rec = w.do("GET", "/me", "", headers{p.issuer.Header: raw})
		}
		if rec.Code != want {
			t.Errorf("%s: %d, want %d: %v", what, rec.Code, want, w.events[len(w.events)-1].Err)
		}
		if rec.Code == 200 {
			current, _ = w.caller.Session()
		}
		return current
	}
	first := p.shaped(s, "session-1", time.Now())
	began := status("the first token", first, 200)
	if began.Tenant != s.tenant || began.User != s.user || !slices.Equal(began.Roles.Names(), s.roles) {
		t.Errorf("it is %s of %s, %v; want %s of %s, %v", began.User, began.Tenant, began.Roles.Names(), s.user, s.tenant, s.roles)
	}
	if len(s.roles) > 0 && row["roles"] == "service" {
		t.Errorf("the row says that the service gives roles, and the token names %v", s.roles)
	}
	if status("the token again", first, 200).ID != began.ID {
		t.Error("the token has another session the second time")
	}
	signedIn := time.Now()
	time.Sleep(10 * time.Second)
	if same := status("refreshed", p.shaped(s, "session-1", signedIn), 200).ID == began.ID; !same || row["refresh"] != "same session" && row["refresh"] != "one job, one token" {
		t.Errorf("refreshed at the provider it has the same session: %v, and the row says %q", same, row["refresh"])
	}
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
	status("refreshed after it", p.shaped(s, "session-1", signedIn), want)
	status("a new sign-in", p.shaped(s, "session-2", time.Now()), 200)
	status("the first token, after it", first, 401)
	if row["a revocation holds by"] != kind {
		t.Errorf("docs/providers.md says that a revocation holds by %q, and it holds by %q", row["a revocation holds by"], kind)
	}
	if p.issuer.Logout != nil {
		signOutAsTheRowSays(t, p, w, s, row["logout"], status)
	}
}

// signOutAsTheRowSays signs the user out at the provider by a token as the provider sends it.
func signOutAsTheRowSays(t *testing.T, p *provider, w *fixture, s shape, cell string, status func(what, raw string, want int) session.Session) {
	t.Helper()
	verifier, err := token.NewVerifier(p.issuer)
	if err != nil {
		t.Fatal(err)
	}
	w.echo.POST("/backchannel-logout", authz.BackchannelLogout(authz.LogoutConfig{Tokens: verifier, Sessions: w.manager, Replay: memstore.NewReplay(0)}))
	time.Sleep(10 * time.Second)
	raw := p.shaped(s, "session-3", time.Now())
	status("before the sign-out", raw, 200)
	time.Sleep(2 * time.Second)
	about, answer, after := map[string]any{"sub": s.claims["sub"]}, 200, 401
	switch cell {
	case "sub":
	case "sid":
		about = map[string]any{"sid": "session-3"}
	case "sub: see below":
		answer, after = 400, 200
	case "sid alone: refused":
		about, answer, after = map[string]any{"sid": "session-3"}, 400, 200
	default:
		t.Fatalf("the row says of a sign-out there: %q", cell)
	}
	r := httptest.NewRequest("POST", "/backchannel-logout", strings.NewReader(url.Values{"logout_token": {p.logout(about)}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	if w.echo.ServeHTTP(rec, r); rec.Code != answer {
		t.Errorf("the sign-out is answered %d, want %d", rec.Code, answer)
	}
	status("after the sign-out", raw, after)
}

type shape struct {
	header, claims map[string]any
	issuer         string
	tenant         tenant.ID
	user           session.UserID
	roles          []string
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
		Want           struct {
			User, Tenant string
			Roles        []string
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if file.Iss == "" {
		file.Iss = issuer
	}
	return shape{file.Header, file.Claims, file.Iss, tenant.MustParse(file.Want.Tenant), session.MustParseUserID(file.Want.User), file.Want.Roles}
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
