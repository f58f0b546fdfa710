// Package interop runs providers and a client of others, unmodified, against a small service:
// node-oidc-provider and Ory Hydra, with openid-client. make interop installs and runs them; go
// test without it skips.
package interop

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
	"github.com/reevehq/reeve/tenant"
)

const (
	audience    = "https://billing.test"
	redirectURI = "http://127.0.0.1:1/signed-in" // nobody listens there: the browser stops before it
	waitLimit   = time.Minute
)

var (
	acme = tenant.MustParse("acme")
	ann  = session.MustParseUserID("ann")
)

// programs is the directory where scripts/interop.sh has put what runs here.
func programs(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("REEVE_INTEROP")
	if dir == "" {
		t.Skip("make interop runs this: it needs programs of others")
	}
	return dir
}

// child is a process that ends with the test, and whose output is shown when the test fails.
type child struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// start starts a program. Its standard output is read by the test where piped is set.
func start(t *testing.T, piped bool, env []string, program string, args ...string) *child {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	log := &lines{}
	cmd.Stderr = log
	c := &child{}
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if piped {
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		c.out = bufio.NewReader(pipe)
	} else {
		cmd.Stdout = log
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(program), log)
		}
	})
	return c
}

// lines is the last of what a program prints.
type lines struct {
	mu   sync.Mutex
	text []byte
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	l.text = l.text[max(0, len(l.text)-8000):]
	return len(b), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// freePort returns a port on which nobody listens.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// answers waits until a URL is answered 200.
func answers(t *testing.T, url string) {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); ; <-time.After(50 * time.Millisecond) {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not answered: %v", url, err)
		}
	}
}

// client is openid-client in a process of its own.
type client struct {
	*testing.T
	*child
}

func newClient(t *testing.T) *client {
	t.Helper()
	dir := programs(t)
	return &client{t, start(t, true, nil, filepath.Join(dir, "node", "node_modules", ".bin", "node"), filepath.Join(dir, "node", "client.mjs"))}
}

// reply is the report of the client.
type reply struct {
	Failed, Body, Error string
	Status              int
	Changed             bool
	TokenType           string `json:"token_type"`
	ACRValues           string `json:"acr_values"`
	RetryAfter          string `json:"retry_after"`
}

type args map[string]any

// do has the client do something.
func (c *client) do(what string, a args) reply {
	c.Helper()
	command := args{"do": what}
	for k, v := range a {
		command[k] = v
	}
	text, err := json.Marshal(command)
	if err != nil {
		c.Fatal(err)
	}
	if _, err := fmt.Fprintf(c.in, "%s\n", text); err != nil {
		c.Fatal(err)
	}
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		c.Fatalf("%s: the client has ended: %v", what, err)
	}
	var r reply
	if err := json.Unmarshal(line, &r); err != nil {
		c.Fatalf("%s: %s", line, err)
	}
	return r
}

// must is do for what has to succeed.
func (c *client) must(what string, a args) reply {
	c.Helper()
	r := c.do(what, a)
	if r.Failed != "" {
		c.Fatal(r.Failed)
	}
	return r
}

// call is a request to the service. It returns the answer, and the session where that is 200.
func (c *client) call(what string, status int, a args) reply {
	c.Helper()
	r := c.must("call", a)
	if r.Status != status {
		c.Errorf("%s: %d, not %d %s", what, r.Status, status, r.Body)
	} else {
		c.Logf("%-55s %d", what, r.Status)
	}
	return r
}

// service is a small service with sessions in memory.
type service struct {
	url      string
	server   *httptest.Server
	sessions *session.Manager
}

// serve serves the users of one issuer.
func (s *service) serve(t *testing.T, issuer token.Issuer) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	fetcher, err := jwks.New(jwks.Config{})
	must(err)
	issuer.Keys, err = fetcher.Add(jwks.Endpoint{Issuer: issuer.Name, Discover: true})
	must(err)
	must(fetcher.Start(context.Background()))
	t.Cleanup(func() { fetcher.Close() })
	verifier, err := token.NewVerifier(issuer)
	must(err)
	key := make([]byte, session.MinKeyLength)
	_, _ = rand.Read(key) // it never fails
	s.sessions, err = session.NewManager(memstore.New(), session.Config{Key: session.NewSecretKey(key), Tenants: session.ActiveTenants(acme)})
	must(err)
	engine, err := policy.Load(policyFS("p, role:authenticated, *, /me, GET, true, allow\n"+
		"p, role:authenticated, *, /pay, POST, true, allow\n"+
		"p, role:anyone, *, /logout, POST, true, allow\n"), policy.Options{})
	must(err)
	proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{s.url}})
	must(err)
	replay := memstore.NewReplay(1000)
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: verifier, Sessions: s.sessions, Policy: engine, DPoP: &middleware.DPoP{Proofs: proofs, Replay: replay}}))
	name := func(c echo.Context) error {
		caller, _ := authz.FromContext(c.Request().Context())
		current, _ := caller.Session()
		return c.String(http.StatusOK, current.ID.Fingerprint())
	}
	e.GET("/me", name)
	e.POST("/pay", name, authz.RequireACR("phr"))
	e.POST("/logout", authz.BackchannelLogout(authz.LogoutConfig{
		Tokens: verifier, Sessions: s.sessions, Replay: replay,
		Observer: func(_ context.Context, _ *token.LogoutToken, err error) { t.Logf("a logout token arrives: %v", err) },
	}))
	s.server.Config.Handler = e
	s.server.Start()
}

// newService returns a service that listens and serves nobody yet, so that the provider can be
// told where logout tokens go.
func newService(t *testing.T) *service {
	t.Helper()
	s := &service{server: httptest.NewUnstartedServer(nil)}
	s.url = "http://" + s.server.Listener.Addr().String()
	t.Cleanup(s.server.Close)
	return s
}

// signInAnew signs ann in until her sign-in is later than what was ended by more than clocks may
// differ. Till then the answer is 503.
func signInAnew(t *testing.T, c *client, url string, signIn args) reply {
	t.Helper()
	for i, deadline := 0, time.Now().Add(waitLimit); ; i++ {
		signIn["browser"] = "another " + strconv.Itoa(i)
		c.must("signIn", signIn)
		r := c.must("call", args{"name": signIn["name"], "url": url})
		if r.Status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			if r.Status != http.StatusOK {
				t.Errorf("a new sign-in: %d", r.Status)
			}
			t.Logf("%-55s %d, after %d of 503", "a new sign-in", r.Status, i)
			return r
		}
		if r.RetryAfter == "" {
			t.Error("503 without Retry-After")
		}
		<-time.After(500 * time.Millisecond)
	}
}

// policyFS is the standard policy with other rules.
func policyFS(rules string) fstest.MapFS {
	files := fstest.MapFS{"policy.csv": {Data: []byte(rules)}}
	for _, name := range []string{"model.conf", "attributes.csv"} {
		data, err := fs.ReadFile(policies.Files(), name)
		if err != nil {
			panic(err) // it is embedded
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	return files
}

// nextSecond returns in another second than it was called in: times in tokens are in seconds.
func nextSecond() {
	for began := time.Now().Unix(); time.Now().Unix() == began; <-time.After(5 * time.Millisecond) {
	}
}

func local(port int) string { return "http://127.0.0.1:" + strconv.Itoa(port) }
