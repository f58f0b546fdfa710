// Package trackertest describes the tracker to tenanttest, whatever database it runs on.
package trackertest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/tenant/tenanttest"
)

// Token signs a user in.
func Token(t testing.TB, h http.Handler, tenant, user string) string {
	t.Helper()
	form := url.Values{"tenant": {tenant}, "user": {user}, "password": {"demo"}}
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var body struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.AccessToken == "" {
		t.Fatalf("sign-in of %s: %d %s", user, w.Code, w.Body)
	}
	return body.AccessToken
}

// Requests are all that the tracker serves to those who are signed in.
var Requests = []tenanttest.Request{
	{Method: "GET", Path: "/organisation"},
	{Method: "GET", Path: "/search?q=t", Lists: "task"},
	{Method: "GET", Path: "/projects"},
	{Method: "POST", Path: "/projects", Body: `{"name":"Fence"}`},
	{Method: "GET", Path: "/projects/{project}/tasks", Lists: "task"},
	{Method: "GET", Path: "/projects/{project}/tasks?sort=-title&size=2", Lists: "task"},
	{Method: "POST", Path: "/projects/{project}/tasks", Body: `{"title":"Paint the fence","body":"in green"}`},
	{Method: "GET", Path: "/tasks/{task}", Reads: "task"},
	{Method: "PUT", Path: "/tasks/{task}", Body: `{"project":"{project}","title":"Paint","body":"the fence","private":true}`},
	{Method: "DELETE", Path: "/tasks/{task}"},
	{Method: "GET", Path: "/tasks/{task}/comments"},
	{Method: "POST", Path: "/tasks/{task}/comments", Body: `{"body":"a word"}`},
	{Method: "GET", Path: "/tasks/{task}/attachments"},
	{Method: "POST", Path: "/tasks/{task}/attachments", Body: `{"name":"a.txt","content":"YSBmaWxl"}`},
	{Method: "GET", Path: "/attachments/{attachment}"},
	{Method: "POST", Path: "/exports"},
	{Method: "GET", Path: "/exports/{export}"},
}

// Tracker is an app.App.
type Tracker interface {
	http.Handler
	Reset(ctx context.Context) error
	Wait()
}

// Service describes a tracker. rows reads past every scope.
func Service(t testing.TB, a Tracker, rows func(ctx context.Context, tenant string) ([]string, error)) tenanttest.Service {
	return tenanttest.Service{
		Handler: a, Rows: rows, Reset: a.Reset,
		Settle:   func(context.Context) error { a.Wait(); return nil },
		Requests: Requests,
		Ignore:   []string{"id"},
		Tenants: [2]tenanttest.Tenant{
			{
				Name: "acme", Sign: bearer(Token(t, a, "acme", "alice")),
				Values:  map[string]string{"project": "project-1001", "task": "task-1001", "attachment": "attachment-1001", "export": "export-1001"},
				Secrets: []string{"Acme Anvils", "Sam of Acme", "Anvil delivery", "the anvil", "drawing of an anvil", `"requested_by":"alice"`},
				Objects: map[string]map[string]string{"task": {"task-1001": "Polish the anvil", "task-1002": "Raise for the anvil smith", "task-1003": "Count the anvil stock"}},
				Users: []tenanttest.User{
					{Name: "gus", Sign: bearer(Token(t, a, "acme", "gus")), Values: map[string]string{"task": "task-1002"}, Hidden: []string{"Raise for the anvil smith", "anvil salaries", "Count the anvil stock"}},
					{Name: "sam", Sign: bearer(Token(t, a, "acme", "sam")), Values: map[string]string{"task": "task-1002"}, Hidden: []string{"Raise for the anvil smith", "anvil salaries"}},
				},
			},
			{
				Name: "globex", Sign: bearer(Token(t, a, "globex", "carol")),
				Values:  map[string]string{"project": "project-2002", "task": "task-2001", "attachment": "attachment-2001", "export": "export-2001"},
				Secrets: []string{"Globex Globes", "Sam of Globex", "Globe delivery", "the globe", "drawing of a globe", `"requested_by":"carol"`},
				Objects: map[string]map[string]string{"task": {"task-2001": "Paint the globe", "task-2002": "Raise for the globe painter", "task-2003": "Count the globe stock"}},
				Users: []tenanttest.User{
					{Name: "gil", Sign: bearer(Token(t, a, "globex", "gil")), Values: map[string]string{"task": "task-2002"}, Hidden: []string{"Raise for the globe painter", "globe salaries", "Count the globe stock"}},
					{Name: "sam", Sign: bearer(Token(t, a, "globex", "sam")), Values: map[string]string{"task": "task-2002"}, Hidden: []string{"Raise for the globe painter", "globe salaries"}},
				},
			},
		},
	}
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// Only returns some of the requests, by their names. A list among them is held against its objects
// where the request that reads one is among them too.
func Only(names ...string) []tenanttest.Request {
	var some []tenanttest.Request
	reads := false
	for _, r := range Requests {
		if slices.Contains(names, r.String()) {
			some = append(some, r)
			reads = reads || r.Reads != ""
		}
	}
	if len(some) != len(names) {
		panic("trackertest: there is no such request")
	}
	for i := range some {
		if !reads {
			some[i].Lists = ""
		}
	}
	return some
}
