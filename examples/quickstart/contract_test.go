package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLoginAnswersAsATokenEndpoint(t *testing.T) {
	s := newService(t)
	r := s.do("POST", "/login", form("tenant", "acme", "user", "alice", "password", "demo"))
	s.want(r, 200)
	if got := r.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	if got := fields(t, r.body); !slices.Equal(got, []string{"access_token", "expires_in", "refresh_token", "token_type"}) {
		t.Errorf("fields %v", got)
	}
	got := decode[tokens](t, r)
	if got.Type != "Bearer" || got.Access == "" || got.Refresh == "" || got.ExpiresIn < 890 || got.ExpiresIn > 900 {
		t.Errorf("type %q, expires in %d s", got.Type, got.ExpiresIn)
	}
}

func TestMeAnswersWhoTheCallerIs(t *testing.T) {
	s := newService(t)
	r := s.as("carol", "GET", "/me")
	s.want(r, 200)
	if got := fields(t, r.body); !slices.Equal(got, []string{"exp", "roles", "tenant_id", "user_id"}) {
		t.Errorf("fields %v", got)
	}
	got := decode[struct {
		User   string   `json:"user_id"`
		Tenant string   `json:"tenant_id"`
		Roles  []string `json:"roles"`
		Exp    int64    `json:"exp"`
	}](t, r)
	if got.User != "carol" || got.Tenant != "globex" || !slices.Equal(got.Roles, []string{"admin"}) {
		t.Errorf("%+v", got)
	}
	if left := time.Until(time.Unix(got.Exp, 0)); left < time.Hour || left > 24*time.Hour {
		t.Errorf("the session ends in %v", left)
	}
}

func TestEachRoleDoesWhatThePolicySays(t *testing.T) {
	const draft = `{"customer":"Acme Ltd","amount":100,"status":"draft"}`
	for _, step := range []struct {
		name, user, method, path, body string
		want                           int
	}{
		{"a viewer lists", "bob", "GET", "/invoices", "", 200},
		{"a viewer reads another's invoice", "bob", "GET", "/invoices/1", "", 200},
		{"a viewer creates nothing", "bob", "POST", "/invoices", draft, 403},
		{"a viewer updates nothing", "bob", "PUT", "/invoices/1", draft, 403},
		{"a viewer deletes nothing", "bob", "DELETE", "/invoices/1", "", 403},
		{"an editor updates an own unpaid invoice", "alice", "PUT", "/invoices/1", draft, 200},
		{"an editor does not update an own paid invoice", "alice", "PUT", "/invoices/2", draft, 403},
		{"an editor does not update another's invoice", "alice", "PUT", "/invoices/4", draft, 403},
		{"an editor deletes nothing", "alice", "DELETE", "/invoices/1", "", 403},
		{"an editor creates", "alice", "POST", "/invoices", draft, 201},
		{"an admin updates a paid invoice", "dave", "PUT", "/invoices/2", draft, 200},
		{"an admin updates another's invoice", "dave", "PUT", "/invoices/1", draft, 200},
		{"an admin deletes another's invoice", "dave", "DELETE", "/invoices/2", "", 204},
		{"an admin of another tenant finds nothing", "carol", "GET", "/invoices/1", "", 404},
		{"nor updates it", "carol", "PUT", "/invoices/1", draft, 404},
		{"nor deletes it", "carol", "DELETE", "/invoices/1", "", 404},
		{"an admin deletes in the own tenant", "carol", "DELETE", "/invoices/3", "", 204},
	} {
		t.Run(step.name, func(t *testing.T) {
			s := newService(t)
			var options []option
			if step.body != "" {
				options = append(options, jsonBody(step.body))
			}
			s.want(s.as(step.user, step.method, step.path, options...), step.want)
		})
	}
}

// A policy that lets everybody through to the handlers shows that these ask about the
// invoice as well.
func TestHandlersAskAboutTheInvoiceWhereTheRouteLetsThrough(t *testing.T) {
	dir := policyFolder(t, "# Routes for roles.", `p, role:authenticated, *, /invoices, *, true, allow
p, role:authenticated, *, /invoices/:id, *, true, allow
p, user:alice, *, invoice, read, r.obj.status == 'paid', deny
# Routes for roles.`)
	s := newServiceWith(t, os.DirFS(dir))
	const draft = `{"customer":"X","amount":1,"status":"draft"}`
	s.want(s.as("bob", "POST", "/invoices", jsonBody(draft)), 403)
	s.want(s.as("bob", "PUT", "/invoices/1", jsonBody(draft)), 403)
	s.want(s.as("bob", "DELETE", "/invoices/1"), 403)
	s.want(s.as("alice", "DELETE", "/invoices/1"), 403)
	s.want(s.as("alice", "GET", "/invoices/2"), 403)
	r := s.as("alice", "GET", "/invoices")
	s.want(r, 200)
	if all := decode[[]invoice](t, r); len(all) != 2 || all[0].ID != 1 || all[1].ID != 4 {
		t.Errorf("a list has what cannot be read: %s", r.body)
	}
	s.want(s.as("bob", "GET", "/invoices/2"), 200)
	s.want(s.as("dave", "DELETE", "/invoices/1"), 204)
}

func TestInvoicesAreCreatedReadUpdatedAndDeleted(t *testing.T) {
	s := newService(t)
	created := s.as("alice", "POST", "/invoices", jsonBody(`{"customer":"Vandelay","amount":4200,"status":"draft"}`))
	s.want(created, 201)
	const want = `{"id":6,"tenant":"acme","owner":"alice","customer":"Vandelay","amount":4200,"status":"draft"}` + "\n"
	if created.body != want {
		t.Errorf("created %s", created.body)
	}
	if got := created.header.Get("Location"); got != "/invoices/6" {
		t.Errorf("Location %q", got)
	}
	if r := s.as("bob", "GET", "/invoices/6"); r.status != 200 || r.body != want {
		t.Errorf("read %d %s", r.status, r.body)
	}
	paid := strings.Replace(want, "draft", "paid", 1)
	if r := s.as("alice", "PUT", "/invoices/6", jsonBody(`{"customer":"Vandelay","amount":4200,"status":"paid"}`)); r.status != 200 || r.body != paid {
		t.Errorf("updated %d %s", r.status, r.body)
	}
	s.want(s.as("alice", "PUT", "/invoices/6", jsonBody(`{"customer":"Vandelay","amount":1,"status":"draft"}`)), 403)
	if r := s.as("bob", "GET", "/invoices/6"); r.body != paid {
		t.Errorf("a refused update changed the invoice: %s", r.body)
	}
	s.want(s.as("dave", "DELETE", "/invoices/6"), 204)
	s.want(s.as("bob", "GET", "/invoices/6"), 404)
	s.want(s.as("dave", "DELETE", "/invoices/6"), 404)
	if r := s.as("carol", "POST", "/invoices", jsonBody(`{"customer":"Wonka","amount":1}`)); r.status != 201 ||
		r.body != `{"id":7,"tenant":"globex","owner":"carol","customer":"Wonka","amount":1,"status":"draft"}`+"\n" {
		t.Errorf("ids are not global, or the status has no default: %d %s", r.status, r.body)
	}
}

func TestAListHasTheInvoicesOfTheCallersTenantOnly(t *testing.T) {
	s := newService(t)
	for user, want := range map[string][]int64{"bob": {1, 2, 4}, "carol": {3, 5}} {
		r := s.as(user, "GET", "/invoices")
		s.want(r, 200)
		var ids []int64
		for _, inv := range decode[[]invoice](t, r) {
			ids = append(ids, inv.ID)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%s lists %v, want %v", user, ids, want)
		}
	}
}

func TestALongListComesInPages(t *testing.T) {
	s := newService(t)
	ctx := inTenant(t, "globex")
	for range pageSize {
		if _, err := s.app.invoices.create(ctx, invoice{Tenant: tenantID("globex"), Owner: "carol", content: content{"Wonka", 1, "sent"}}); err != nil {
			t.Fatal(err)
		}
	}
	first := s.as("carol", "GET", "/invoices")
	s.want(first, 200)
	if n := len(decode[[]invoice](t, first)); n != pageSize {
		t.Fatalf("a page of %d", n)
	}
	next, ok := strings.CutPrefix(first.header.Get("Link"), "<")
	next, _, found := strings.Cut(next, `>; rel="next"`)
	if !ok || !found {
		t.Fatalf("Link %q", first.header.Get("Link"))
	}
	last := s.as("carol", "GET", next)
	s.want(last, 200)
	if n := len(decode[[]invoice](t, last)); n != 2 || last.header.Get("Link") != "" {
		t.Errorf("a last page of %d with Link %q", n, last.header.Get("Link"))
	}
	for _, query := range []string{"?after=", "?after=0", "?after=-1", "?after=1&after=2", "?after=1%20or%201=1", "?limit=9", "?after=1;tenant=acme"} {
		s.want(s.as("carol", "GET", "/invoices"+query), 400)
	}
}

func TestRefreshTokensRotate(t *testing.T) {
	s := newService(t)
	first := s.login("alice")
	r := s.do("POST", "/refresh", form("refresh_token", first.Refresh))
	s.want(r, 200)
	if got := r.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	second := decode[tokens](t, r)
	if second.Refresh == first.Refresh || second.Access == first.Access || second.Type != "Bearer" {
		t.Errorf("refreshing changed nothing")
	}
	s.want(s.do("GET", "/me", bearer(second.Access)), 200)
	s.want(s.do("GET", "/me", bearer(first.Access)), 200)
}

func TestLogoutEndsTheSessionAtOnce(t *testing.T) {
	s := newService(t)
	here, there := s.login("alice"), s.login("alice")
	s.want(s.do("POST", "/logout", bearer(here.Access)), 204)
	s.want(s.do("GET", "/me", bearer(here.Access)), 401)
	s.want(s.do("POST", "/refresh", form("refresh_token", here.Refresh)), 401)
	s.want(s.do("POST", "/logout", bearer(here.Access)), 401)
	s.want(s.do("GET", "/me", bearer(there.Access)), 200)
}

func TestLogoutAllEndsEverySessionOfTheCallerAndNobodyElses(t *testing.T) {
	s := newService(t)
	here, there, bob := s.login("alice"), s.login("alice"), s.login("bob")
	s.want(s.do("POST", "/logout/all", bearer(here.Access)), 204)
	s.want(s.do("GET", "/me", bearer(here.Access)), 401)
	s.want(s.do("GET", "/me", bearer(there.Access)), 401)
	s.want(s.do("POST", "/refresh", form("refresh_token", there.Refresh)), 401)
	s.want(s.do("GET", "/me", bearer(bob.Access)), 200)
	s.want(s.do("GET", "/me", bearer(s.login("alice").Access)), 200)
}

func TestPublicRoutesNeedNoToken(t *testing.T) {
	s := newService(t)
	s.want(s.do("GET", "/livez"), 200)
	s.want(s.do("GET", "/readyz"), 200)
	r := s.do("GET", "/.well-known/jwks.json")
	s.want(r, 200)
	set := decode[struct{ Keys []map[string]string }](t, r)
	if len(set.Keys) != 1 || set.Keys[0]["kty"] != "OKP" || set.Keys[0]["x"] == "" || set.Keys[0]["d"] != "" {
		t.Errorf("%s", r.body)
	}
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	s := newService(t)
	if r := s.as("bob", "HEAD", "/invoices"); r.status != 200 || r.body != "" {
		t.Errorf("%d %q", r.status, r.body)
	}
	s.want(s.as("bob", "HEAD", "/invoices/3"), 404)
	s.want(s.do("HEAD", "/invoices"), 401)
}

// fields returns the names of a JSON object, sorted.
func fields(t *testing.T, text string) []string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
