package httpauthz_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/reevehq/reeve/session"
)

// TestBothDoorsAnswerAlike sends each request to Echo and to the Mux: status, headers, body
// and decisions are the same.
func TestBothDoorsAnswerAlike(t *testing.T) {
	w := newFixture(t)
	bearer, _ := w.login("viewer")
	_, gone := w.login("viewer")
	signed, err := w.signer.Sign(gone)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.manager.Revoke(t.Context(), gone.Ref()); err != nil {
		t.Fatal(err)
	}
	good := http.Header{"Authorization": {"Bearer " + bearer}}
	with := func(name, value string) http.Header {
		h := good.Clone()
		h[name] = []string{value}
		return h
	}
	down := error(session.ErrUnavailable)
	for _, row := range []struct {
		name, method, target string
		header               http.Header
		status               int
		outage               bool
	}{
		{name: "a public route", method: "GET", target: "/public", status: 200},
		{name: "no credential", method: "GET", target: "/me", status: 401},
		{name: "a good token", method: "GET", target: "/me", header: good, status: 200},
		{name: "a cookie", method: "GET", target: "/me", header: http.Header{"Cookie": {cookie + "=" + bearer}, "Sec-Fetch-Site": {"same-origin"}}, status: 200},
		{name: "a cookie from another site", method: "POST", target: "/pay", header: http.Header{"Cookie": {cookie + "=" + bearer}, "Sec-Fetch-Site": {"cross-site"}}, status: 403},
		{name: "a bad cookie where nobody is needed", method: "GET", target: "/public", header: http.Header{"Cookie": {cookie + "=x"}, "Sec-Fetch-Site": {"same-origin"}}, status: 200},
		{name: "a bad cookie where a caller is needed", method: "GET", target: "/me", header: http.Header{"Cookie": {cookie + "=x"}, "Sec-Fetch-Site": {"same-origin"}}, status: 401},
		{name: "a bad token", method: "GET", target: "/public", header: http.Header{"Authorization": {"Bearer x"}}, status: 401},
		{name: "a session that ended", method: "GET", target: "/me", header: http.Header{"Authorization": {"Bearer " + signed.Reveal()}}, status: 401},
		{name: "an outage", method: "GET", target: "/me", header: good, status: 503, outage: true},
		{name: "another tenant by header", method: "GET", target: "/me", header: with("X-Tenant", "globex"), status: 403},
		{name: "the tenant by header", method: "GET", target: "/me", header: with("X-Tenant", "acme"), status: 200},
		{name: "the tenant by path", method: "GET", target: "/t/acme/me", header: good, status: 200},
		{name: "another tenant by path", method: "GET", target: "/t/globex/me", header: good, status: 403},
		{name: "another tenant by an escaped path", method: "GET", target: "/t/globe%3A/me", header: good, status: 403},
		{name: "a role that may", method: "GET", target: "/notes/1", header: good, status: 200},
		{name: "a role that may not", method: "PUT", target: "/notes/1", header: good, status: 403},
		{name: "a route without a rule", method: "GET", target: "/unruled", header: good, status: 403},
		{name: "a route without a rule, anonymous", method: "GET", target: "/unruled", status: 401},
		{name: "below a wildcard", method: "GET", target: "/files/a/b,c", header: good, status: 200},
		{name: "another spelling of it", method: "GET", target: "/files/a/b%2Cc", header: good, status: 200},
		{name: "a slash at the end that is the route's", method: "GET", target: "/dir/", header: good, status: 200},
		{name: "a doubled slash", method: "GET", target: "//me", header: good, status: 400},
		{name: "a dot segment", method: "GET", target: "/files/../me", header: good, status: 400},
		{name: "an escaped slash", method: "GET", target: "/notes/a%2Fb", header: good, status: 400},
		{name: "a route of one host", method: "GET", target: "/me", header: with("Host", "own.test"), status: 200},
		{name: "a sign-in that is fresh", method: "POST", target: "/pay", header: good, status: 200},
		{name: "no sign-in where one must be fresh", method: "POST", target: "/pay", status: 401},
		{name: "a bearer where DPoP must be", method: "GET", target: "/bound", header: good, status: 401},
		{name: "a stream that nobody watches", method: "GET", target: "/events", header: good, status: 500},
		{name: "an object that the caller may read", method: "GET", target: "/checked", header: good, status: 200},
		{name: "an object that nobody asks about anonymously", method: "GET", target: "/checked", status: 401},
		{name: "an object that the caller may not change", method: "GET", target: "/refused", header: good, status: 403},
		{name: "an object that is not found", method: "GET", target: "/unfound", header: good, status: 404},
		{name: "a sign-in without the second factor", method: "GET", target: "/factor", header: good, status: 401},
		{name: "a sign-in that is not strong enough", method: "GET", target: "/acr", header: good, status: 401},
		{name: "a sign-in by the site itself", method: "POST", target: "/login", header: http.Header{"Sec-Fetch-Site": {"same-origin"}}, status: 200},
		{name: "a sign-in by another site", method: "POST", target: "/login", header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, status: 403},
		{name: "a logout without a token", method: "POST", target: "/logout", status: 400},
		{name: "a handler's error that is Reeve's", method: "GET", target: "/fails", header: good, status: 400},
		{name: "a preflight", method: "OPTIONS", target: "/me", header: http.Header{"Origin": {"https://x.test"}, "Access-Control-Request-Method": {"GET"}}, status: 204},
		{name: "a preflight of a bad path", method: "OPTIONS", target: "/a/../b", header: http.Header{"Origin": {"https://x.test"}, "Access-Control-Request-Method": {"GET"}}, status: 400},
		{name: "an unknown path, anonymous", method: "GET", target: "/nowhere", status: 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.outage {
				w.store.fail.Store(&down)
				defer w.store.fail.Store(nil)
			}
			var answers, told []string
			for _, door := range []http.Handler{w.echo, w.mux} {
				w.events = nil
				w.reached.Store(0)
				rec := ask(door, row.method, row.target, row.header)
				if rec.Code != row.status {
					t.Errorf("%T: got %d %s, want %d", door, rec.Code, rec.Body, row.status)
				}
				if rec.Code >= 400 && w.reached.Load() != 0 {
					t.Errorf("%T: a refused request reached a handler", door)
				}
				header := rec.Header()
				header.Del("Content-Length")
				if rec.Code == 200 {
					header.Del("Content-Type") // which Echo and net/http guess at different times
				}
				answers = append(answers, fmt.Sprintf("%d %v\n%s", rec.Code, header, rec.Body))
				text := ""
				for _, e := range w.events {
					text += fmt.Sprintf("%v %s %s %s %v %d %s\n", e.Kind, e.Action, e.Object, e.Decision.Effect, e.Decision.Reasons, e.Status, e.User)
				}
				told = append(told, text)
			}
			if answers[0] != answers[1] {
				t.Errorf("Echo answers\n%s\nthe Mux\n%s", answers[0], answers[1])
			}
			// Echo routes a path that is refused as ambiguous, net/http would clean it first.
			if told[0] != told[1] && row.name != "a dot segment" {
				t.Errorf("Echo tells\n%s\nthe Mux\n%s", told[0], told[1])
			}
		})
	}
}
