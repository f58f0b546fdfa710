package authztest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// attack sends requests to the service and holds the answers against the expected ones.
type attack struct {
	*testing.T
	service Service
	options Options
	forge
	token   string // a good one, fresh for each row
	refusal string // the one answer to every bad token
}

func newAttack(t *testing.T, s Service, o Options) *attack {
	if o.Realm == "" {
		o.Realm = "api"
	}
	if o.Leeway == 0 {
		o.Leeway = time.Minute
	}
	if o.TenantClaim == "" {
		o.TenantClaim = "tenant"
	}
	if o.SessionClaim == "" {
		o.SessionClaim = "sid"
	}
	a := &attack{T: t, service: s, options: o, token: s.Token()}
	a.forge = newForge(t, a.token, material(o.Key))
	return a
}

func (r row) title() string { return fmt.Sprintf("%03d %s", r.id, r.name) }

// answer is the necessary answer to a request.
type answer struct {
	status    int
	problem   string // the last part of its type; "" for answers that are not refusals
	challenge string // the error code; "none" for a challenge without one, "" for no challenge
}

// The answers, by the names that the table of rows uses.
var (
	signIn      = answer{401, "authentication-required", "none"}
	badToken    = answer{401, "invalid-token", "invalid_token"}
	badRequest  = answer{400, "invalid-request", "invalid_request"}
	forbidden   = answer{403, "forbidden", ""}
	crossOrigin = answer{403, "cross-origin", ""}
	ambiguous   = answer{400, "ambiguous-request", ""}
	unavailable = answer{503, "auth-unavailable", ""}
	served      = answer{}
)

// request is one request; its zero value asks for the guarded route without a credential.
type request struct {
	method, target string
	host           string
	header         http.Header
	body           string
}

// bearer is a request for the guarded route with a token.
func bearer(token string) request {
	return request{header: http.Header{"Authorization": {"Bearer " + token}}}
}

func (r request) with(name string, values ...string) request {
	h := r.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h[http.CanonicalHeaderKey(name)] = values
	r.header = h
	return r
}

func (r request) to(method, target string) request {
	r.method, r.target = method, target
	return r
}

// send returns the answer to a request, nil when net/http refuses to read it. The request
// line is read as a server reads it; headers are set as they are, since some of these
// could not be sent.
func (a *attack) send(r request) (rec *response) {
	a.Helper()
	if r.method == "" {
		r.method = a.service.Method
	}
	if r.target == "" {
		r.target = a.service.Path
	}
	if r.host == "" {
		r.host = "service.test"
	}
	line := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", r.method, r.target, r.host)
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line)))
	if err != nil {
		return nil
	}
	req.RemoteAddr = "192.0.2.1:4711"
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(r.body)), int64(len(r.body))
	for name, values := range r.header {
		req.Header[name] = values
	}
	req = req.WithContext(a.Context())
	rec = &response{header: http.Header{}}
	defer func() {
		if v := recover(); v != nil {
			a.Errorf("the service panics: %v", v)
			rec = nil
		}
	}()
	a.service.Handler.ServeHTTP(rec, req)
	return rec
}

// response is a recorded answer.
type response struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *response) Header() http.Header { return r.header }

func (r *response) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *response) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

// expect sends each request and compares. what names them when one fails.
func (a *attack) expect(want answer, what string, requests ...request) {
	a.Helper()
	for _, r := range requests {
		got := a.send(r)
		if got == nil {
			if want == served {
				a.Errorf("%s: net/http refuses it", what)
			}
			continue
		}
		if err := a.compare(want, got); err != nil {
			a.Errorf("%s: %v\n%d %v\n%.300s", what, err, got.status, got.header, got.body.String())
		}
	}
}

// tokens expects an answer for each token on the guarded route, and on the public one too,
// where a bad token is no better.
func (a *attack) tokens(want answer, what string, tokens ...string) {
	a.Helper()
	for _, token := range tokens {
		a.expect(want, what, bearer(token))
		if a.options.Public != "" {
			a.expect(want, what+", on the public route", bearer(token).to("GET", a.options.Public))
		}
	}
}

// good expects that the good token still works.
func (a *attack) good() {
	a.Helper()
	a.expect(served, "the good token", bearer(a.service.Token()))
}

func (a *attack) compare(want answer, got *response) error {
	if want == served {
		if got.status < 200 || got.status > 299 {
			return fmt.Errorf("want 2xx")
		}
		return nil
	}
	h := got.header
	switch {
	case got.status != want.status:
		return fmt.Errorf("want %d", want.status)
	case h.Get("Content-Type") != "application/problem+json":
		return fmt.Errorf("the body is not a problem document")
	case h.Get("Cache-Control") != "no-store":
		return fmt.Errorf("the refusal may be cached")
	case len(h["Set-Cookie"]) > 0:
		return fmt.Errorf("the refusal sets a cookie")
	}
	var doc struct {
		Type   string
		Status int
	}
	if err := json.Unmarshal(got.body.Bytes(), &doc); err != nil || doc.Type != "/problems/"+want.problem || doc.Status != want.status {
		return fmt.Errorf("want the problem %q: %v", want.problem, err)
	}
	if after, err := strconv.Atoi(h.Get("Retry-After")); want == unavailable && (err != nil || after < 1 || after > 5) {
		return fmt.Errorf("want Retry-After of 1 to 5 s")
	}
	if err := a.compareChallenge(want, h["Www-Authenticate"]); err != nil {
		return err
	}
	if want == badToken {
		return a.compareRefusals(got)
	}
	return nil
}

// compareChallenge looks at the first challenge: a service may offer other schemes too.
func (a *attack) compareChallenge(want answer, got []string) error {
	expected := `Bearer realm="` + a.options.Realm + `"`
	switch want.challenge {
	case "":
		if len(got) > 0 {
			return fmt.Errorf("want no challenge")
		}
		return nil
	case "none":
	default:
		expected += `, error="` + want.challenge + `"`
	}
	if len(got) == 0 || got[0] != expected {
		return fmt.Errorf("want the challenge %s", expected)
	}
	return nil
}

// compareRefusals demands the same bytes for every bad token, whatever is wrong with it:
// a difference tells a forger how far the forgery went.
func (a *attack) compareRefusals(got *response) error {
	h := got.header.Clone()
	for _, name := range []string{"Date", "X-Request-Id"} {
		h.Del(name)
	}
	text := fmt.Sprintf("%d %v\n%s", got.status, h, got.body.String())
	if a.refusal == "" {
		a.refusal = text
	}
	if text != a.refusal {
		return fmt.Errorf("it is told apart from other bad tokens:\n%s", a.refusal)
	}
	return nil
}

// frugal expects that refusing a token allocates no more than a little above what a short
// one does, however long it is.
func (a *attack) frugal(token string) {
	a.Helper()
	cost := func(token string) uint64 {
		const runs = 20
		var before, after runtime.MemStats
		r := bearer(token)
		runtime.ReadMemStats(&before)
		for range runs {
			a.send(r)
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / runs
	}
	cost("x") // everything that is made once is made now
	if short, long := cost("x"), cost(token); long > short+16<<10 {
		a.Errorf("refusing a token of %d bytes allocates %d bytes, a short one %d", len(token), long, short)
	}
}

func goroutines() int { return runtime.NumGoroutine() }

// leaks waits for goroutines that the requests left to end.
func (a *attack) leaks(before int) {
	a.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for goroutines() > before {
		if time.Now().After(deadline) {
			a.Errorf("%d goroutines before, %d after", before, goroutines())
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
