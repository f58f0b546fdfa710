package main

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// service is the quickstart with embedded sessions behind a real HTTP server.
type service struct {
	t      *testing.T
	app    *app
	url    string
	log    *lockedBuffer
	mu     sync.Mutex
	tokens map[string]tokens
}

// newService starts a service with a fresh data folder. It has one user more than the
// real one: dave, an admin of acme.
func newService(t *testing.T) *service {
	t.Helper()
	return newServiceWith(t, policies.Files())
}

func newServiceWith(t *testing.T, policy fs.FS) *service {
	t.Helper()
	log := &lockedBuffer{}
	a, err := newApp(t.Context(), config{
		policies: policy,
		data:     t.TempDir(),
		logger:   slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	a.accounts = append(a.accounts, account{tenant: tenant.MustParse("acme"), user: session.MustParseUserID("dave"), roles: session.MustRoles("admin")})
	for i := range a.accounts {
		cheapen(t, &a.accounts[i])
	}
	server := httptest.NewServer(a.routes)
	t.Cleanup(server.Close)
	return &service{t: t, app: a, url: server.URL, log: log, tokens: map[string]tokens{}}
}

// cheapen gives an account the password demo at a cost that a thousand logins can bear.
func cheapen(t *testing.T, a *account) {
	t.Helper()
	a.salt, a.rounds = "1b0c012ffe6a3065009c9f3032f1bfc8", 1
	salt, err := hex.DecodeString(a.salt)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := pbkdf2.Key(sha256.New, "demo", salt, a.rounds, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	a.hash = hex.EncodeToString(hash)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type response struct {
	status int
	header http.Header
	body   string
}

type tokens struct {
	Access    string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int64  `json:"expires_in"`
	Refresh   string `json:"refresh_token"`
}

// option changes a request before it is sent.
type option func(*http.Request)

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func bearer(token string) option { return header("Authorization", "Bearer "+token) }

func body(contentType, text string) option {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		r.Header.Set("Content-Type", contentType)
	}
}

func jsonBody(text string) option { return body("application/json", text) }

func form(pairs ...string) option {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return body("application/x-www-form-urlencoded", values.Encode())
}

// do sends a request and follows nothing.
func (s *service) do(method, path string, options ...option) response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, o := range options {
		o(r)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response{resp.StatusCode, resp.Header, string(text)}
}

// as sends a request of a user, who is signed in the first time.
func (s *service) as(user, method, path string, options ...option) response {
	s.t.Helper()
	return s.do(method, path, append([]option{bearer(s.signedIn(user).Access)}, options...)...)
}

func (s *service) signedIn(user string) tokens {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.tokens[user]; !ok {
		s.tokens[user] = s.login(user)
	}
	return s.tokens[user]
}

// login starts a new session of a user.
func (s *service) login(user string) tokens {
	s.t.Helper()
	in := map[string]string{"alice": "acme", "bob": "acme", "dave": "acme", "carol": "globex"}[user]
	r := s.do("POST", "/login", form("tenant", in, "user", user, "password", "demo"))
	s.want(r, 200)
	return decode[tokens](s.t, r)
}

func (s *service) want(r response, status int) {
	s.t.Helper()
	if r.status != status {
		s.t.Fatalf("status %d, want %d; body %s\nlog:\n%s", r.status, status, r.body, s.log)
	}
	if status >= 400 {
		s.wantProblem(r)
	}
}

// wantProblem checks that a refusal is a problem document that says nothing but its kind.
func (s *service) wantProblem(r response) {
	s.t.Helper()
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		s.t.Errorf("content type %q of a refusal", got)
	}
	if got := r.header.Get("Cache-Control"); got != "no-store" {
		s.t.Errorf("Cache-Control %q of a refusal", got)
	}
	if r.body == "" {
		return // HEAD
	}
	var p map[string]any
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		s.t.Fatalf("%v: %s", err, r.body)
	}
	if len(p) != 3 || p["type"] == nil || p["title"] == nil || p["status"] != float64(r.status) {
		s.t.Errorf("problem %s of status %d", r.body, r.status)
	}
}

func decode[T any](t *testing.T, r response) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return v
}
