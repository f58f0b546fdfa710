package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/internal/testwait"
)

// lines returns the request lines since the last call.
func (s *service) lines() []string {
	s.t.Helper()
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	text := s.log.b.String()
	s.log.b.Reset()
	var lines []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, "msg=request") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestEachRequestIsOneLine(t *testing.T) {
	s := newService(t)
	s.signedIn("alice")
	s.signedIn("bob")
	const draft = `{"customer":"X","amount":1,"status":"draft"}`
	at := func(subject, object, action string) string {
		for _, r := range s.app.engine.Rules() {
			if r.Subject == subject && r.Object == object && r.Action == action {
				return fmt.Sprintf("%s:%d", r.File, r.Line)
			}
		}
		t.Fatalf("no rule for %s %s %s", subject, object, action)
		return ""
	}
	for name, test := range map[string]struct {
		request func() response
		want    string // a regular expression after the message
	}{
		"an allowed read names the rule of the object": {
			func() response { return s.as("alice", "GET", "/invoices/1") },
			`decision=allow tenant=acme caller=alice method=GET route=/invoices/:id rule=` + at("role:viewer", "invoice", "read") + ` status=200 us=[0-9]+`},
		"a list names the rule of the route": {
			func() response { return s.as("bob", "GET", "/invoices") },
			`decision=allow tenant=acme caller=bob method=GET route=/invoices rule=` + at("role:viewer", "/invoices", "GET") + ` status=200 us=[0-9]+`},
		"a route that a role may not use names the nearest rule": {
			func() response { return s.as("bob", "DELETE", "/invoices/1") },
			`decision=deny tenant=acme caller=bob method=DELETE route=/invoices/:id rule="no rule; nearest ` + at("role:admin", "/invoices/:id", "DELETE") + ` for role:admin if true" status=403 us=[0-9]+`},
		"an object that a condition refuses names the condition": {
			func() response { return s.as("alice", "PUT", "/invoices/2", jsonBody(draft)) },
			`decision=deny tenant=acme caller=alice method=PUT route=/invoices/:id rule="no rule; nearest ` + at("role:editor", "invoice", "update") + ` for role:editor if r.obj.owner == r.sub.id && [^"]+" status=403 us=[0-9]+`},
		"an anonymous caller": {
			func() response { return s.do("GET", "/me") },
			`decision=deny tenant="" caller=anonymous method=GET route=/me rule="no rule; nearest ` + at("role:authenticated", "/me", "GET") + ` for role:authenticated if true" status=401 us=[0-9]+`},
		"a bad token asks no policy, and the cause is there": {
			func() response { return s.do("GET", "/me", bearer("x")) },
			`decision=deny tenant="" caller=anonymous method=GET route=/me rule="not asked" status=401 cause="[^"]+" us=[0-9]+`},
		"a claim to another tenant": {
			func() response { return s.as("alice", "GET", "/me", header("X-Tenant", "globex")) },
			`decision=deny tenant=acme caller=alice method=GET route=/me rule="not asked" status=403 cause="[^"]+" us=[0-9]+`},
		"an invoice that is not there": {
			func() response { return s.as("alice", "GET", "/invoices/3") },
			`decision=allow tenant=acme caller=alice method=GET route=/invoices/:id rule=` + at("role:viewer", "/invoices/:id", "GET") + ` status=404 us=[0-9]+`},
	} {
		s.lines()
		test.request()
		var got []string
		testwait.Until(t, "a line is logged", func() bool { got = append(got, s.lines()...); return len(got) > 0 })
		if len(got) != 1 || !regexp.MustCompile(`msg=request `+test.want+"\n$").MatchString(got[0]) {
			t.Errorf("%s: %q, want %s", name, got, test.want)
		}
	}
}

func TestTheLogHoldsNoSecretAndNothingTheClientWrote(t *testing.T) {
	s := newService(t)
	got := s.login("alice")
	s.do("POST", "/refresh", form("refresh_token", got.Refresh))
	s.do("GET", "/invoices/canary-path?access_token=canary-query", bearer("canary.bearer.token"), header("Cookie", "canary=cookie"), header("X-Tenant", "canary"))
	s.do("POST", "/login", form("tenant", "canary", "user", "canary", "password", "canary"))
	s.do("GET", "/canary%20decision=allow")
	s.do("CANARY", "/canary")
	s.as("dave", "POST", "/invoices", jsonBody(`{"customer":"canary","amount":1}`))
	s.as("dave", "GET", "/invoices/1", header("X-Tenant", "canary"))
	log := s.log.String()
	for _, secret := range []string{"canary", "demo", got.Access, got.Refresh, strings.Split(got.Access, ".")[1]} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q:\n%s", secret, log)
		}
	}
}

func TestAFailureIsLoggedAndNotTold(t *testing.T) {
	s := newService(t)
	token := s.signedIn("alice").Access
	s.app.invoices = &invoices{dir: t.TempDir()} // which writes to a nil map
	r := s.do("GET", "/invoices/1", bearer(token))
	s.want(r, 500)
	if strings.Contains(r.body, "nil") || strings.Contains(r.body, "panic") {
		t.Errorf("told: %s", r.body)
	}
	testwait.Until(t, "a line is logged", func() bool {
		return strings.Contains(s.log.String(), "level=ERROR msg=request") && strings.Contains(s.log.String(), "panic: assignment to entry in nil map")
	})
}

func TestEveryErrorIsAnsweredAsAProblem(t *testing.T) {
	for _, err := range []error{
		errors.New("secret"), echo.ErrNotFound, echo.ErrMethodNotAllowed, echo.ErrBadRequest, &http.MaxBytesError{}, errBusy, errSignIn, errNoInvoice,
	} {
		e := echo.New()
		recorder := httptest.NewRecorder()
		c := e.NewContext(httptest.NewRequest("GET", "/", nil), recorder)
		answerError(err, c)
		if recorder.Code < 400 || recorder.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(recorder.Body.String(), "secret") {
			t.Errorf("%v: %d %v %s", err, recorder.Code, recorder.Header(), recorder.Body)
		}
	}
}
