package authzen_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/authzen"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/tenant"
)

const (
	noteRules = `
p, role:editor, *, note, write, true, allow
p, role:authenticated, *, note, read, r.obj.owner == r.sub.id, allow
p, role:authenticated, *, note, near, "ipMatch(r.env.ip, '10.0.0.0/8') || r.env.trusted || r.env.mfa", allow
p, role:authenticated, *, note, deep, r.sub.level >= 5, allow
p, role:anyone, *, note, peek, true, allow
`
	noteAttributes = `
note, owner, string, no, owner
note, size, int, no, size
env, trusted, bool, no,
sub, level, int, no,
`
)

// notes is a fixture with a user of each tenant, and a note of each tenant.
func notes(t *testing.T, change ...func(*authzen.Config)) *fixture {
	users := directory{
		"acme/alice": {ID: "alice", Roles: policy.RoleNames{"editor"}, Attributes: policy.Values{"level": 1}},
		"acme/bob":   {ID: "bob", Attributes: policy.Values{"level": 1}},
		"evil/eve":   {ID: "eve", Roles: policy.RoleNames{"editor"}},
	}
	var w *fixture
	w = newFixture(t, noteRules, noteAttributes, func(c *authzen.Config) {
		c.Subjects = users.find
		c.Resources = func(_ context.Context, t tenant.ID, r authzen.Resource) (policy.Object, error) {
			o := r.Object(t, w.engine.Attributes())
			switch r.ID {
			case "of-evil":
				o.Tenant = evil
			case "of-acme":
				o.Tenant = acme
			case "gone":
				return policy.Object{}, middleware.ErrNotFound
			}
			return o, nil
		}
		for _, f := range change {
			f(c)
		}
	})
	return w
}

func body(subject, action, resource string) string {
	return `{"subject":` + subject + `,"action":` + action + `,"resource":` + resource + `}`
}

func user(id string) string { return `{"type":"user","id":"` + id + `"}` }
func act(name string) string {
	return `{"name":"` + name + `"}`
}
func note(id string) string { return `{"type":"note","id":"` + id + `"}` }

// The tenant is the asker's. Neither a header, a member nor an id of the request makes it another.
func TestNoRequestNamesAnotherTenant(t *testing.T) {
	w := notes(t)
	ours, theirs := w.signIn(acme, "gw", "gateway"), w.signIn(evil, "gw", "gateway")
	for name, c := range map[string]struct {
		credential, body string
		want             bool
	}{
		"an own editor":                           {ours, body(user("alice"), act("write"), note("1")), true},
		"another tenant's editor":                 {ours, body(user("eve"), act("write"), note("1")), false},
		"there they are one":                      {theirs, body(user("eve"), act("write"), note("1")), true},
		"another tenant's note":                   {ours, body(user("alice"), act("write"), note("of-evil")), false},
		"an own note asked from elsewhere":        {theirs, body(user("eve"), act("write"), note("of-acme")), false},
		"the subject asked from elsewhere":        {theirs, body(user("alice"), act("write"), note("1")), false},
		"a tenant among properties":               {ours, body(`{"type":"user","id":"eve","tenant":"evil","properties":{"tenant":"evil"}}`, act("write"), `{"type":"note","id":"1","properties":{"tenant":"evil"}}`), false},
		"a tenant in the context":                 {ours, `{"tenant":"evil","context":{"tenant":"evil"},` + body(user("eve"), act("write"), note("1"))[1:], false},
		"a tenant before the id":                  {ours, body(user("evil/eve"), act("write"), note("1")), false},
		"roles among properties":                  {ours, body(`{"type":"user","id":"bob","roles":["editor"],"properties":{"roles":["editor"],"role":"editor"}}`, act("write"), note("1")), false},
		"a level among properties":                {ours, body(`{"type":"user","id":"bob","properties":{"level":9}}`, act("deep"), note("1")), false},
		"an id among properties":                  {ours, body(`{"type":"user","id":"bob","properties":{"id":"alice"}}`, act("write"), note("1")), false},
		"nobody":                                  {ours, body(user("nobody"), act("peek"), note("1")), false},
		"a note that is not there":                {ours, body(user("alice"), act("write"), note("gone")), false},
		"an action that is none":                  {ours, body(user("alice"), act("WRITE"), note("1")), false},
		"an own note by a property":               {ours, body(user("bob"), act("read"), `{"type":"note","id":"1","properties":{"owner":"bob"}}`), true},
		"an owner of another type":                {ours, body(user("bob"), act("read"), `{"type":"note","id":"1","properties":{"owner":["bob"]}}`), false},
		"what the context says of the connection": {ours, `{"context":{"ip":"10.0.0.1","trusted":true,"mfa":true},` + body(user("bob"), act("near"), note("1"))[1:], false},
	} {
		rec := w.post(c.credential, authzen.PathEvaluation, c.body)
		want := `{"decision":false}` + "\n"
		if c.want {
			want = `{"decision":true}` + "\n"
		}
		if rec.Code != http.StatusOK || rec.Body.String() != want {
			t.Errorf("%s: %d %s, want %s", name, rec.Code, rec.Body, want)
		}
	}
	// The guard refuses a header that disagrees with the token.
	if rec := w.post(ours, authzen.PathEvaluation, body(user("eve"), act("write"), note("1")), "X-Tenant", "evil"); rec.Code != http.StatusForbidden {
		t.Errorf("a header of another tenant: %d", rec.Code)
	}
	for _, e := range w.events {
		if e.Tenant != e.Asker.Tenant() {
			t.Errorf("%v asked in %v", e.Asker.Tenant(), e.Tenant)
		}
	}
}

// Declared attributes alone are believed of the context, and never the guard's own.
func TestContextIsBelievedWhereTheServiceSaysSo(t *testing.T) {
	var w *fixture
	w = notes(t, func(c *authzen.Config) {
		c.Context = func(p authzen.Properties) policy.AttributeSource { return p.Env(w.engine.Attributes()) }
	})
	gateway := w.signIn(acme, "gw", "gateway")
	for context, want := range map[string]string{
		`{"trusted":true}`:             "true",
		`{"trusted":"true"}`:           "false",
		`{"ip":"10.0.0.1"}`:            "false",
		`{"mfa":true}`:                 "false",
		`{"trusted":null}`:             "false",
		`{"trusted":{"trusted":true}}`: "false",
	} {
		rec := w.post(gateway, authzen.PathEvaluation, `{"context":`+context+`,`+body(user("bob"), act("near"), note("1"))[1:])
		if rec.Code != http.StatusOK || rec.Body.String() != `{"decision":`+want+"}\n" {
			t.Errorf("%s: %d %s", context, rec.Code, rec.Body)
		}
	}
}

// A rule decides who may ask.
func TestARuleDecidesWhoMayAsk(t *testing.T) {
	w := notes(t)
	payload := body(user("alice"), act("write"), note("1"))
	for name, c := range map[string]struct {
		credential string
		want       int
	}{
		"nobody":               {"", 401},
		"a forged token":       {"x.y.z", 401},
		"without the role":     {w.signIn(acme, "alice", "editor"), 403},
		"the gateway":          {w.signIn(acme, "gw", "gateway"), 200},
		"another tenant's too": {w.signIn(evil, "gw", "gateway"), 200},
	} {
		for _, path := range []string{authzen.PathEvaluation, authzen.PathEvaluations} {
			if rec := w.post(c.credential, path, payload); rec.Code != c.want {
				t.Errorf("%s, %s: %d, want %d", name, path, rec.Code, c.want)
			}
		}
	}
	// Without a guard nothing is decided.
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, authzen.PathEvaluation, strings.NewReader(payload))
	r.Header.Set("Content-Type", "application/json")
	w.pdp.ServeHTTP(rec, r)
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "decision") {
		t.Errorf("without a guard: %d %s", rec.Code, rec.Body)
	}
}

// Requests that two parsers could read in two ways, or that are not requests, are 400; those that
// cost too much are refused before they do.
func TestMalformedRequestsAreRefused(t *testing.T) {
	w := notes(t, func(c *authzen.Config) { c.MaxBody, c.MaxEvaluations = 64<<10, 20 })
	gateway := w.signIn(acme, "gw", "gateway")
	good := body(user("alice"), act("write"), note("1"))
	if rec := w.post(gateway, authzen.PathEvaluation, good); rec.Code != 200 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	with := func(extra string) string { return `{` + extra + `,` + good[1:] }
	for name, text := range map[string]string{
		"empty":                      "",
		"no JSON":                    "{",
		"a text":                     `"x"`,
		"an array":                   "[" + good + "]",
		"two bodies":                 good + good,
		"something after":            good + "x",
		"a name twice":               with(`"subject":` + user("bob")),
		"a name twice, escaped":      with(`"\u0073ubject":` + user("bob")),
		"an id twice":                body(`{"type":"user","id":"alice","id":"bob"}`, act("write"), note("1")),
		"twice where nobody looks":   with(`"x":{"y":[{"a":1,"a":2}]}`),
		"not UTF-8":                  body(user("al\xffce"), act("write"), note("1")),
		"half of a pair":             body(user(`\ud800`), act("write"), note("1")),
		"a number beyond":            with(`"x":1e999`),
		"nested deep":                with(`"x":` + strings.Repeat("[", 20) + strings.Repeat("]", 20)),
		"nested very deep":           with(`"x":` + strings.Repeat(`{"x":`, 9000) + "1" + strings.Repeat("}", 9000)),
		"a byte order mark":          "\ufeff" + good,
		"a comment":                  "/**/" + good,
		"no subject":                 `{"action":` + act("write") + `,"resource":` + note("1") + `}`,
		"no action":                  `{"subject":` + user("alice") + `,"resource":` + note("1") + `}`,
		"no resource":                `{"subject":` + user("alice") + `,"action":` + act("write") + `}`,
		"null for a subject":         body("null", act("write"), note("1")),
		"a text for a subject":       body(`"alice"`, act("write"), note("1")),
		"no type":                    body(`{"id":"alice"}`, act("write"), note("1")),
		"no id":                      body(`{"type":"user"}`, act("write"), note("1")),
		"an empty id":                body(user(""), act("write"), note("1")),
		"a number for an id":         body(`{"type":"user","id":1}`, act("write"), note("1")),
		"another case":               body(`{"type":"user","ID":"alice"}`, act("write"), note("1")),
		"no name":                    body(user("alice"), `{}`, note("1")),
		"a number for a name":        body(user("alice"), `{"name":1}`, note("1")),
		"no resource type":           body(user("alice"), act("write"), `{"id":"1"}`),
		"no resource id":             body(user("alice"), act("write"), `{"type":"note"}`),
		"a list of properties":       body(user("alice"), act("write"), `{"type":"note","id":"1","properties":[]}`),
		"an action's properties":     body(user("alice"), `{"name":"write","properties":1}`, note("1")),
		"a text for a context":       with(`"context":"x"`),
		"a null context":             with(`"context":null`),
		"properties that are null":   body(user("alice"), act("write"), `{"type":"note","id":"1","properties":null}`),
		"a semantic that is unknown": with(`"options":{"evaluations_semantic":"any"},"evaluations":[{}]`),
		"options that are none":      with(`"options":1,"evaluations":[{}]`),
		"evaluations that are none":  with(`"evaluations":{}`),
		"too many evaluations":       with(`"evaluations":[` + strings.Repeat("{},", 20) + `{}]`),
	} {
		path := authzen.PathEvaluation
		if strings.Contains(text, "evaluations") {
			path = authzen.PathEvaluations
		}
		rec := w.post(gateway, path, text)
		if rec.Code != http.StatusBadRequest || strings.Contains(rec.Body.String(), "decision\"") {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
		if strings.Contains(rec.Body.String(), "alice") {
			t.Errorf("%s: the answer repeats the request: %s", name, rec.Body)
		}
	}
	for name, c := range map[string]struct {
		header []string
		body   string
		want   int
	}{
		"no content type":               {[]string{"Content-Type", ""}, good, 400},
		"a form":                        {[]string{"Content-Type", "application/x-www-form-urlencoded"}, good, 400},
		"with a charset":                {[]string{"Content-Type", "application/json; charset=utf-8"}, good, 200},
		"an encoding":                   {[]string{"Content-Encoding", "gzip"}, good, 400},
		"a huge body":                   {nil, with(`"x":"` + strings.Repeat("x", 70<<10) + `"`), 413},
		"an id of the request":          {[]string{"X-Request-ID", "r-1"}, good, 200},
		"an id of the request, long":    {[]string{"X-Request-ID", strings.Repeat("x", 300)}, good, 400},
		"a member that nobody knows":    {nil, with(`"x":{"y":[1,null,true]}`), 200},
		"as deep as it may be":          {nil, with(`"x":` + strings.Repeat("[", 15) + strings.Repeat("]", 15)), 200},
		"evaluations that are no array": {nil, with(`"evaluations":"x"`), 200}, // of one evaluation: unknown
	} {
		rec := w.post(gateway, authzen.PathEvaluation, c.body, c.header...)
		if rec.Code != c.want {
			t.Errorf("%s: %d %s, want %d", name, rec.Code, rec.Body, c.want)
		}
		if len(c.header) == 2 && c.header[0] == "X-Request-ID" && c.want == 200 && rec.Header().Get("X-Request-ID") != c.header[1] {
			t.Errorf("%s: %q", name, rec.Header())
		}
	}
}

// An outage of the directory, of the store or of the policy is 503 for the whole request, and never
// a decision.
func TestOutagesAreNoDecisions(t *testing.T) {
	down := errors.New("hunter2 is down")
	batch := `{"subject":` + user("alice") + `,"action":` + act("write") + `,"evaluations":[{"resource":` + note("1") + `},{"resource":` + note("2") + `}]}`
	for name, change := range map[string]func(*authzen.Config){
		"directory": func(c *authzen.Config) {
			c.Subjects = func(context.Context, tenant.ID, authzen.Subject) (policy.Subject, error) {
				return policy.Subject{ID: "alice", Roles: policy.RoleNames{"editor"}}, down
			}
		},
		"store": func(c *authzen.Config) {
			c.Resources = func(_ context.Context, _ tenant.ID, r authzen.Resource) (policy.Object, error) {
				if r.ID == "2" {
					return policy.Object{}, down
				}
				return policy.Object{Type: "note", ID: r.ID, Tenant: acme}, nil
			}
		},
		"policy": func(c *authzen.Config) { c.Policy = broken{c.Policy.(*policy.Engine), down} },
	} {
		w := notes(t, change)
		rec := w.post(w.signIn(acme, "gw", "gateway"), authzen.PathEvaluations, batch)
		if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" || strings.Contains(rec.Body.String(), "hunter2") || strings.Contains(rec.Body.String(), "true") {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	// An object of no tenant, and a directory that knows nobody by an empty id.
	w := notes(t, func(c *authzen.Config) {
		c.Resources = func(context.Context, tenant.ID, authzen.Resource) (policy.Object, error) {
			return policy.Object{Type: "note", ID: "1"}, nil
		}
	})
	if rec := w.post(w.signIn(acme, "gw", "gateway"), authzen.PathEvaluation, body(user("alice"), act("write"), note("1"))); rec.Code != http.StatusInternalServerError {
		t.Errorf("an object of no tenant: %d %s", rec.Code, rec.Body)
	}
	w = notes(t, func(c *authzen.Config) {
		c.Subjects = func(context.Context, tenant.ID, authzen.Subject) (policy.Subject, error) {
			return policy.Subject{}, nil
		}
	})
	if rec := w.post(w.signIn(acme, "gw", "gateway"), authzen.PathEvaluation, body(user("x"), act("peek"), note("1"))); rec.Body.String() != "{\"decision\":false}\n" {
		t.Errorf("a subject without an id: %d %s", rec.Code, rec.Body)
	}
}

type broken struct {
	*policy.Engine
	err error
}

func (b broken) Decide(context.Context, policy.Request) (policy.Decision, error) {
	return policy.Decision{Effect: policy.Allow}, b.err
}

// Several questions: defaults are replaced as a whole, the order is kept, and an item that is
// malformed is answered no without the others.
func TestEvaluationsKeepTheirOrderAndDefaults(t *testing.T) {
	w := notes(t)
	gateway := w.signIn(acme, "gw", "gateway")
	defaults := `"subject":` + user("alice") + `,"action":` + act("write") + `,"resource":{"type":"note","id":"1","properties":{"owner":"bob"}}`
	bad := `{"decision":false,"context":{"error":{"message":"resource.id is missing","status":400}}}`
	for text, want := range map[string]string{
		`"evaluations":[]`: `{"decision":true}`,
		`"evaluations":[{},{"subject":` + user("bob") + `},{"resource":{"type":"note"}},{}]`:                                                                                     `{"evaluations":[{"decision":true},{"decision":false},` + bad + `,{"decision":true}]}`,
		`"options":{"evaluations_semantic":"deny_on_first_deny"},"evaluations":[{},{"subject":` + user("bob") + `},{}]`:                                                          `{"evaluations":[{"decision":true},{"decision":false}]}`,
		`"options":{"evaluations_semantic":"permit_on_first_permit"},"evaluations":[{"subject":` + user("bob") + `},{},{}]`:                                                      `{"evaluations":[{"decision":false},{"decision":true}]}`,
		`"evaluations":[{"subject":` + user("bob") + `,"action":` + act("read") + `},{"subject":` + user("bob") + `,"action":` + act("read") + `,"resource":` + note("1") + `}]`: `{"evaluations":[{"decision":true},{"decision":false}]}`,
		`"evaluations":["x"]`: `{"evaluations":[{"decision":false,"context":{"error":{"message":"an evaluation is no object","status":400}}}]}`,
	} {
		rec := w.post(gateway, authzen.PathEvaluations, "{"+defaults+","+text+"}")
		if rec.Code != 200 || strings.TrimSpace(rec.Body.String()) != want {
			t.Errorf("%s:\ngot  %d %s\nwant %s", text, rec.Code, rec.Body, want)
		}
	}
}

// A search is of the asker's tenant, and one that would be answered in part is not answered.
func TestSearchesAreWholeOrNotAnswered(t *testing.T) {
	var asked tenant.ID
	list := func(_ context.Context, t tenant.ID, _ string) ([]policy.Object, error) {
		asked = t
		return []policy.Object{{Type: "note", ID: "1", Tenant: acme}, {Type: "note", ID: "2", Tenant: evil}}, nil
	}
	payload := `{"subject":` + user("alice") + `,"action":` + act("write") + `,"resource":{"type":"note"}}`
	w := notes(t, func(c *authzen.Config) { c.SearchResources = list })
	rec := w.post(w.signIn(acme, "gw", "gateway"), authzen.PathSearchResource, payload)
	if want := `{"results":[{"type":"note","id":"1"}]}`; strings.TrimSpace(rec.Body.String()) != want || asked != acme {
		t.Errorf("%d %s in %v, want %s", rec.Code, rec.Body, asked, want)
	}
	rec = w.post(w.signIn(acme, "gw", "gateway"), authzen.PathSearchResource, strings.Replace(payload, "alice", "nobody", 1))
	if want := `{"results":[]}`; strings.TrimSpace(rec.Body.String()) != want {
		t.Errorf("%d %s, want %s", rec.Code, rec.Body, want)
	}
	w = notes(t, func(c *authzen.Config) { c.SearchResources, c.MaxCandidates = list, 1 })
	if rec = w.post(w.signIn(acme, "gw", "gateway"), authzen.PathSearchResource, payload); rec.Code != 500 || strings.Contains(rec.Body.String(), "results") {
		t.Errorf("too many candidates: %d %s", rec.Code, rec.Body)
	}
	w = notes(t, func(c *authzen.Config) {
		c.SearchResources = list
		c.Policy = broken{c.Policy.(*policy.Engine), errors.New("down")}
	})
	if rec = w.post(w.signIn(acme, "gw", "gateway"), authzen.PathSearchResource, payload); rec.Code != 503 || strings.Contains(rec.Body.String(), "results") {
		t.Errorf("an outage: %d %s", rec.Code, rec.Body)
	}
	if rec = w.post(w.signIn(acme, "gw", "gateway"), authzen.PathSearchSubject, payload); rec.Code != 404 {
		t.Errorf("a search that is not offered: %d %s", rec.Code, rec.Body)
	}
}

// The metadata name what is answered, and nothing else.
func TestMetadataNameWhatIsAnswered(t *testing.T) {
	w := notes(t)
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, authzen.PathMetadata, nil))
	want := `{"access_evaluation_endpoint":"https://pdp.test/access/v1/evaluation","access_evaluations_endpoint":"https://pdp.test/access/v1/evaluations",` +
		`"policy_decision_point":"https://pdp.test","search_action_endpoint":"https://pdp.test/access/v1/search/action"}`
	if rec.Code != 200 || strings.TrimSpace(rec.Body.String()) != want || rec.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	w = notes(t, func(c *authzen.Config) { c.Identifier = "" })
	rec = httptest.NewRecorder()
	w.mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, authzen.PathMetadata, nil))
	if rec.Code != 404 && rec.Code != 401 {
		t.Errorf("without an identifier: %d %s", rec.Code, rec.Body)
	}
}

func TestConfigProblemsAreToldAllAtOnce(t *testing.T) {
	_, err := authzen.NewHandler(authzen.Config{Identifier: "http://pdp.test", MaxBody: -1, MaxEvaluations: 1 << 20})
	if err == nil {
		t.Fatal("an empty Config builds")
	}
	for _, want := range []string{"authzen: invalid config: Policy: required", "Subjects: required", "Resources: required", "Identifier: ", "MaxBody: ", "MaxEvaluations: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: no %s", err, want)
		}
	}
}
