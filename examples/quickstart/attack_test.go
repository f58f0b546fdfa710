package main

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/tenant"
)

func TestEveryRefusedLoginIsTheSameAnswer(t *testing.T) {
	s := newService(t)
	wrong := s.do("POST", "/login", form("tenant", "acme", "user", "alice", "password", "wrong"))
	s.want(wrong, 401)
	if got := wrong.header.Get("WWW-Authenticate"); got != `Bearer realm="quickstart"` {
		t.Errorf("challenge %q", got)
	}
	for name, f := range map[string]option{
		"an unknown user":             form("tenant", "acme", "user", "mallory", "password", "demo"),
		"a user of another tenant":    form("tenant", "globex", "user", "alice", "password", "demo"),
		"an unknown tenant":           form("tenant", "initech", "user", "alice", "password", "demo"),
		"a tenant id of another case": form("tenant", "ACME", "user", "alice", "password", "demo"),
		"a tenant that is a path":     form("tenant", "../acme", "user", "alice", "password", "demo"),
		"a tenant that is a pattern":  form("tenant", "*", "user", "alice", "password", "demo"),
		"a user with a NUL":           form("tenant", "acme", "user", "alice\x00", "password", "demo"),
		"a user with a space":         form("tenant", "acme", "user", "alice ", "password", "demo"),
		"no tenant and no user":       form("tenant", "", "user", "", "password", "demo"),
		"no field at all":             form(),
		"no password":                 form("tenant", "acme", "user", "alice"),
		"an empty password":           form("tenant", "acme", "user", "alice", "password", ""),
		"a password in another case":  form("tenant", "acme", "user", "alice", "password", "Demo"),
	} {
		got := s.do("POST", "/login", f)
		if got.status != wrong.status || got.body != wrong.body || !sameHeader(got.header, wrong.header) {
			t.Errorf("%s: %d %v %s", name, got.status, got.header, got.body)
		}
	}
}

func TestARefusedLoginCostsWhatAnAcceptedOneDoes(t *testing.T) {
	all := accounts()
	cost := func(tenantName, user, password string) time.Duration {
		start := time.Now()
		authenticate(all, tenantName, user, password)
		return time.Since(start)
	}
	known := cost("acme", "alice", "demo")
	for _, unknownUser := range [][2]string{{"acme", "mallory"}, {"nowhere", "alice"}, {"", ""}} {
		// A refusal without the work is a hundred thousand times faster, and a busy machine
		// never is.
		if got := cost(unknownUser[0], unknownUser[1], "demo"); got < known/50 {
			t.Errorf("%v is refused after %v, a known user is compared for %v", unknownUser, got, known)
		}
	}
}

func TestTheAccountThatStandsForNobodySignsNobodyIn(t *testing.T) {
	impostor := nobody
	impostor.hash = accounts()[0].hash
	impostor.salt = accounts()[0].salt
	if !impostor.matches("demo") {
		t.Fatal("the impostor's password does not match, so this shows nothing")
	}
	if _, ok := authenticate([]account{impostor}, "", "", "demo"); ok {
		t.Error("an account without a user signed in")
	}
}

func TestAFormHasItsFieldsOnceAndNoOthers(t *testing.T) {
	s := newService(t)
	good := []string{"tenant", "acme", "user", "alice", "password", "demo"}
	for name, test := range map[string]struct {
		option option
		want   int
	}{
		"two users":                    {form(append(good, "user", "bob")...), 400},
		"an unknown field":             {form(append(good, "role", "admin")...), 400},
		"a broken escape":              {body("application/x-www-form-urlencoded", "tenant=%zz"), 400},
		"JSON":                         {jsonBody(`{"tenant":"acme","user":"alice","password":"demo"}`), 415},
		"no content type":              {func(r *http.Request) {}, 415},
		"more than the limit":          {form(append(good, "x", strings.Repeat("x", maxForm))...), 413},
		"the password in the URL":      {func(r *http.Request) { r.URL.RawQuery = "tenant=acme&user=alice&password=demo"; form()(r) }, 401},
		"a form with the right fields": {form(good...), 200},
	} {
		if got := s.do("POST", "/login", test.option); got.status != test.want {
			t.Errorf("%s: %d, want %d: %s", name, got.status, test.want, got.body)
		}
	}
}

func TestABodyCannotSetWhatIsNotTheClients(t *testing.T) {
	s := newService(t)
	for _, text := range []string{
		`{"customer":"X","amount":1,"status":"draft","owner":"bob"}`,
		`{"customer":"X","amount":1,"status":"draft","tenant":"globex"}`,
		`{"customer":"X","amount":1,"status":"draft","id":3}`,
		`{"customer":"X","amount":1,"status":"draft","Owner":"bob"}`,
		`{"customer":"X","amount":1,"status":"draft","content":{"customer":"Y"}}`,
		`{"customer":"X","amount":1,"amount":2,"status":"draft"}`,
		`{"Customer":"X","amount":1,"status":"draft"}`,
		`{"customer":"X","amount":1,"status":"draft"} {"owner":"bob"}`,
		`{"customer":"X","amount":1,"status":"void"}`,
		`{"customer":"X","amount":1,"status":"PAID"}`,
		`{"customer":"X","amount":0,"status":"draft"}`,
		`{"customer":"X","amount":-1,"status":"draft"}`,
		`{"customer":"X","amount":1.5,"status":"draft"}`,
		`{"customer":"X","amount":1e3,"status":"draft"}`,
		`{"customer":"X","amount":"1","status":"draft"}`,
		`{"customer":"X","amount":9223372036854775808,"status":"draft"}`,
		`{"customer":"X","amount":100000000001,"status":"draft"}`,
		`{"customer":"X","status":"draft"}`,
		`{"customer":"","amount":1,"status":"draft"}`,
		`{"customer":"  ","amount":1,"status":"draft"}`,
		`{"customer":" X","amount":1,"status":"draft"}`,
		`{"customer":"X\n","amount":1,"status":"draft"}`,
		`{"customer":"X\nY","amount":1,"status":"draft"}`,
		`{"customer":"X\u202eY","amount":1,"status":"draft"}`,
		`{"customer":"X` + "\xff" + `","amount":1,"status":"draft"}`,
		`{"customer":"` + strings.Repeat("x", maxCustomer+1) + `","amount":1,"status":"draft"}`,
		`{"customer":null,"amount":1,"status":"draft"}`,
		`[{"customer":"X","amount":1,"status":"draft"}]`,
		`null`, ``, `{`, `"x"`,
	} {
		for _, request := range [][2]string{{"POST", "/invoices"}, {"PUT", "/invoices/1"}} {
			if got := s.as("alice", request[0], request[1], jsonBody(text)); got.status != 400 {
				t.Errorf("%s %s: %d %s", request[0], text, got.status, got.body)
			}
		}
	}
	s.want(s.as("alice", "PUT", "/invoices/1", jsonBody(`{"customer":"X","amount":1}`)), 400)
	const good = `{"customer":"X","amount":1,"status":"draft"}`
	s.want(s.as("alice", "POST", "/invoices", body("text/plain", good)), 415)
	s.want(s.as("alice", "POST", "/invoices", form("customer", "X")), 415)
	s.want(s.as("alice", "POST", "/invoices", jsonBody(`{"customer":"`+strings.Repeat("x", maxInvoiceBody)+`"}`)), 413)
	if r := s.as("bob", "GET", "/invoices"); len(decode[[]invoice](t, r)) != 3 {
		t.Errorf("a refused request stored something: %s", r.body)
	}
	if r := s.as("bob", "GET", "/invoices/1"); !strings.Contains(r.body, `"owner":"alice","customer":"Initech"`) {
		t.Errorf("a refused request changed something: %s", r.body)
	}
}

func TestAHeaderConfirmsTheTenantAndNeverChoosesIt(t *testing.T) {
	s := newService(t)
	s.want(s.as("alice", "GET", "/invoices/1", header("X-Tenant", "acme")), 200)
	for _, claim := range []string{"globex", "ACME", "", "acme,globex", "acme globex", "nowhere", "*"} {
		s.want(s.as("alice", "GET", "/invoices/1", header("X-Tenant", claim)), 403)
		s.want(s.as("alice", "GET", "/invoices/3", header("X-Tenant", claim)), 403)
	}
	s.want(s.as("alice", "GET", "/invoices/1", header("X-Tenant", "acme"), header("X-Tenant", "globex")), 400)
	s.want(s.do("GET", "/invoices/1", header("X-Tenant", "acme")), 401)
}

func TestOneRequestHasOneCredential(t *testing.T) {
	s := newService(t)
	alice, carol := s.signedIn("alice").Access, s.signedIn("carol").Access
	s.want(s.do("GET", "/me", bearer(alice), bearer(carol)), 400)
	s.want(s.do("GET", "/me", bearer(alice), bearer(alice)), 400)
	s.want(s.do("GET", "/me", header("Authorization", "Bearer "+alice+", Bearer "+carol)), 400)
	s.want(s.do("GET", "/me?access_token="+carol, bearer(alice)), 400)
	s.want(s.do("GET", "/me?access_token="+carol), 401)
	s.want(s.do("GET", "/me", header("Cookie", "access_token="+alice+"; session="+alice)), 401)
	s.want(s.do("GET", "/me", header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("alice:demo")))), 401)
}

func TestABadTokenIsRefusedOnEveryRoute(t *testing.T) {
	s := newService(t)
	good := s.signedIn("alice").Access
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
	for name, bad := range map[string]string{
		"garbage":                    "x",
		"without a signature":        parts[0] + "." + parts[1] + ".",
		"of algorithm none":          none + "." + parts[1] + ".",
		"with another's signature":   parts[0] + "." + parts[1] + "." + strings.Split(s.signedIn("carol").Access, ".")[2],
		"with another's claims":      parts[0] + "." + strings.Split(s.signedIn("carol").Access, ".")[1] + "." + parts[2],
		"of another instance's keys": newService(t).signedIn("alice").Access,
		"that is a refresh token":    s.signedIn("alice").Refresh,
	} {
		for _, path := range []string{"/me", "/invoices/1", "/livez", "/nowhere"} {
			if got := s.do("GET", path, bearer(bad)); got.status != 401 {
				t.Errorf("a token %s on %s: %d", name, path, got.status)
			}
		}
	}
	s.want(s.do("GET", "/me", bearer(good)), 200)
}

func TestAnotherTenantsInvoiceIsLikeOneThatNeverWas(t *testing.T) {
	s := newService(t)
	const draft = `{"customer":"X","amount":1,"status":"draft"}`
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		unknown := s.as("dave", method, "/invoices/999999", jsonBody(draft))
		s.want(unknown, 404)
		for _, id := range []string{"3", "5"} {
			got := s.as("dave", method, "/invoices/"+id, jsonBody(draft))
			if got.status != unknown.status || got.body != unknown.body || !sameHeader(got.header, unknown.header) {
				t.Errorf("%s %s: %d %v %s", method, id, got.status, got.header, got.body)
			}
		}
	}
	s.want(s.as("carol", "GET", "/invoices/3"), 200)
	s.want(s.as("carol", "GET", "/invoices/5"), 200)
}

func TestAHostileIDIsNoInvoice(t *testing.T) {
	s := newService(t)
	for path, want := range map[string]int{
		"/invoices/1%20or%201=1":               404,
		"/invoices/1'--":                       404,
		"/invoices/1)%20union%20select%201":    404,
		"/invoices/0":                          404,
		"/invoices/-1":                         404,
		"/invoices/+1":                         404,
		"/invoices/01":                         404,
		"/invoices/1.0":                        404,
		"/invoices/1e0":                        404,
		"/invoices/0x1":                        404,
		"/invoices/1_0":                        404,
		"/invoices/%D9%A1":                     404, // the digit one in Arabic
		"/invoices/9223372036854775808":        404,
		"/invoices/" + strings.Repeat("9", 99): 404,
		"/invoices/*":                          404,
		"/invoices/:id":                        404,
		"/invoices/1%2F..":                     400,
		"/invoices/1%2f..%2f3":                 400,
		"/invoices/1%00":                       400,
		"/invoices/%31":                        400,
		"/invoices/1;tenant=globex":            400,
		"/invoices/../invoices/1":              400,
		"/invoices//1":                         400,
		"//invoices/1":                         400,
		"/invoices/1%5c":                       400,
		"/invoices/%ff":                        400,
	} {
		for _, method := range []string{"GET", "DELETE"} {
			got := s.as("dave", method, "/", func(r *http.Request) {
				r.URL.Opaque = path // sent as it is
				if strings.HasPrefix(path, "//") {
					r.URL.Opaque = "//" + r.URL.Host + path
				}
			})
			if got.status != want {
				t.Errorf("%s %s: %d, want %d", method, path, got.status, want)
			}
		}
	}
	if r := s.as("dave", "GET", "/invoices"); len(decode[[]invoice](t, r)) != 3 {
		t.Errorf("something was deleted: %s", r.body)
	}
}

func TestAnUnknownRouteIsClosed(t *testing.T) {
	s := newService(t)
	for _, path := range []string{"/", "/nowhere", "/invoices/", "/invoices/1/", "/INVOICES", "/invoices/1/lines", "/debug/pprof/"} {
		s.want(s.do("GET", path), 401)
		if got := s.as("carol", "GET", path); got.status != 403 && got.status != 404 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	for _, request := range [][2]string{{"PATCH", "/invoices/1"}, {"POST", "/invoices/1"}, {"DELETE", "/invoices"}, {"GET", "/login"}, {"TRACE", "/me"}} {
		s.want(s.do(request[0], request[1]), 401)
		got := s.as("carol", request[0], request[1])
		if got.status != 403 && got.status != 405 {
			t.Errorf("%v: %d", request, got.status)
		}
		s.want(got, got.status)
	}
}

func TestAReplayedRefreshTokenEndsTheSession(t *testing.T) {
	s := newService(t)
	first := s.login("alice")
	second := decode[tokens](t, s.do("POST", "/refresh", form("refresh_token", first.Refresh)))
	repeated := decode[tokens](t, s.do("POST", "/refresh", form("refresh_token", first.Refresh)))
	if repeated.Refresh != second.Refresh {
		t.Fatal("a repeated refresh did not get the same successor")
	}
	third := decode[tokens](t, s.do("POST", "/refresh", form("refresh_token", second.Refresh)))
	s.want(s.do("GET", "/me", bearer(third.Access)), 200)

	s.want(s.do("POST", "/refresh", form("refresh_token", first.Refresh)), 401)
	s.want(s.do("GET", "/me", bearer(third.Access)), 401)
	s.want(s.do("POST", "/refresh", form("refresh_token", third.Refresh)), 401)
}

func TestAForgedRefreshTokenIsRefusedAndEndsNothing(t *testing.T) {
	s := newService(t)
	mine := s.login("alice")
	last := mine.Refresh[len(mine.Refresh)-2:]
	for _, forged := range []string{"", "x", mine.Access, mine.Refresh + "A", strings.TrimSuffix(mine.Refresh, last) + "AA", strings.Repeat("A", len(mine.Refresh))} {
		if forged != mine.Refresh {
			s.want(s.do("POST", "/refresh", form("refresh_token", forged)), 401)
		}
	}
	s.want(s.do("GET", "/me", bearer(mine.Access)), 200)
	s.want(s.do("POST", "/refresh", form("refresh_token", mine.Refresh)), 200)
}

func TestASuspendedTenantIsNotServed(t *testing.T) {
	s := newService(t)
	s.want(s.as("alice", "GET", "/me"), 200)
	if err := s.app.sessions.SetTenantStatus(t.Context(), tenantID("acme"), tenant.Suspended); err != nil {
		t.Fatal(err)
	}
	s.want(s.as("alice", "GET", "/me"), 403)
	s.want(s.do("POST", "/login", form("tenant", "acme", "user", "alice", "password", "demo")), 403)
	s.want(s.do("POST", "/login", form("tenant", "acme", "user", "alice", "password", "wrong")), 401)
	s.want(s.as("carol", "GET", "/me"), 200)
	if err := s.app.setUpTenants(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want(s.as("alice", "GET", "/me"), 403) // a restart resumes nobody
}

// sameHeader compares what a client can see, but for the clock.
func sameHeader(a, b http.Header) bool {
	a, b = a.Clone(), b.Clone()
	a.Del("Date")
	b.Del("Date")
	for name, values := range a {
		if !slices.Equal(values, b[name]) {
			return false
		}
	}
	return len(a) == len(b)
}
