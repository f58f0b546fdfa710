package forwardauth_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/reevehq/reeve/authz/forwardauth"
)

// FuzzDecide: whatever a client sends, the answer is one of four, nobody who is signed out gets
// further than the public routes, and the template in the answer is one of the table.
func FuzzDecide(f *testing.F) {
	f.Add("GET", "/public", "api.test", "X-Reeve-User", "mallory")
	f.Add("OPTIONS", "/notes/1", "", "Access-Control-Request-Method", "PUT")
	f.Add("GET", "//x/../public", "a@b", "X_Reeve_User", "")
	f.Add("GET", "/notes", "own.test", "Host", "other.test")
	f.Add("CONNECT", "http://x/%2e", "x", "Connection", "x-reeve-user")
	w := newFixture(f, forwardauth.Envoy)
	f.Fuzz(func(t *testing.T, method, target, host, name, value string) {
		answer := w.server.Decide(t.Context(), forwardauth.Request{Method: method, Target: target, Host: host, Header: http.Header{name: {value}}, RemoteAddr: "192.0.2.1:1"})
		if !slices.Contains([]int{200, 401, 403, 503}, answer.Status) {
			t.Fatalf("%d", answer.Status)
		}
		if answer.Status == 503 {
			t.Fatal("an outage without an outage")
		}
		route := answer.Header.Get(forwardauth.RouteHeader)
		if !answer.Allowed() {
			if route != "" {
				t.Fatalf("a refusal names the route %q", route)
			}
			return
		}
		if route != "/public" && (route != "/notes/:id" || method != http.MethodOptions) {
			t.Fatalf("%s %q by nobody is allowed as %q", method, target, route)
		}
		for _, of := range forwardauth.Headers()[:5] {
			if values := answer.Header[of]; len(values) != 1 || values[0] != "" {
				t.Fatalf("%s is %q for nobody", of, values)
			}
		}
	})
}
