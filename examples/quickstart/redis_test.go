package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
	"github.com/reevehq/reeve/internal/testwait"
)

// startRedis starts a Redis of its own and returns its address and what ends it. Without
// redis-server the test is skipped, but fails in CI.
func startRedis(t *testing.T) (address string, stop func()) {
	t.Helper()
	program := testneed.Program(t, "redis-server", "install it (Debian: apt-get install redis-server)")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	server, err := testproc.Start(exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = server.Wait(); close(ended) }()
	stop = func() {
		_ = server.Kill()
		<-ended
	}
	t.Cleanup(stop)
	testwait.Until(t, "Redis answers", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return address, stop
}

// send returns the status and body of the answer to a request with a form or without.
func send(t *testing.T, method, target, token string, fields url.Values) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(fields.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if fields != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := (&http.Client{Timeout: testwait.Limit}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestInstancesThatShareRedisAndDataAreOneService(t *testing.T) {
	address, stopRedis := startRedis(t)
	data := t.TempDir()
	one, _, stopOne := started(t, "-redis", "redis://"+address, "-data", data)
	two, _, stopTwo := started(t, "-redis", "redis://"+address, "-data", data)
	want := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Fatalf("%s: %d, want %d", what, got, want)
		}
	}

	status, text := send(t, "POST", one+"/login", "", url.Values{"tenant": {"acme"}, "user": {"alice"}, "password": {"demo"}})
	want("login", status, 200)
	var first, second tokens
	if err := json.Unmarshal([]byte(text), &first); err != nil {
		t.Fatal(err)
	}
	status, _ = send(t, "GET", two+"/invoices/1", first.Access, nil)
	want("the token at the other instance", status, 200)
	status, text = send(t, "POST", two+"/refresh", "", url.Values{"refresh_token": {first.Refresh}})
	want("refresh at the other instance", status, 200)
	if err := json.Unmarshal([]byte(text), &second); err != nil {
		t.Fatal(err)
	}
	want("a restart", stopOne(), exitFine)
	one, _, stopOne = started(t, "-redis", "redis://"+address, "-data", data)
	status, _ = send(t, "GET", one+"/me", second.Access, nil)
	want("the token after a restart", status, 200)

	status, _ = send(t, "POST", two+"/logout", second.Access, nil)
	want("logout at the other instance", status, 204)
	status, _ = send(t, "GET", one+"/me", first.Access, nil)
	want("the token after a logout elsewhere", status, 401)

	// An outage is neither an allow nor a sign-out.
	_, text = send(t, "POST", one+"/login", "", url.Values{"tenant": {"acme"}, "user": {"alice"}, "password": {"demo"}})
	if err := json.Unmarshal([]byte(text), &first); err != nil {
		t.Fatal(err)
	}
	stopRedis()
	for path, status := range map[string]int{"/livez": 200, "/readyz": 503, "/invoices/1": 503, "/.well-known/jwks.json": 200} {
		token := ""
		if path == "/invoices/1" {
			token = first.Access
		}
		got, _ := send(t, "GET", one+path, token, nil)
		want("without Redis, "+path, got, status)
	}
	status, _ = send(t, "POST", one+"/login", "", url.Values{"tenant": {"acme"}, "user": {"alice"}, "password": {"demo"}})
	want("login without Redis", status, 503)
	want("the end", stopOne(), exitFine)
	want("the end", stopTwo(), exitFine)
}

// TestATenantWhoseStatusIsLostIsNotActivatedAgain: Redis forgets everything, the suspension
// included. A restart does not take "unknown" for "nobody has decided"; readiness tells, a right
// password is no wrong one, and an operator decides.
func TestATenantWhoseStatusIsLostIsNotActivatedAgain(t *testing.T) {
	address, _ := startRedis(t)
	data := t.TempDir()
	signIn := url.Values{"tenant": {"acme"}, "user": {"alice"}, "password": {"demo"}}
	base, _, stop := started(t, "-redis", "redis://"+address, "-data", data)
	want := func(what string, status int, method, path string, fields url.Values) {
		t.Helper()
		if got, text := send(t, method, base+path, "", fields); got != status {
			t.Errorf("%s: %s is answered %d, want %d: %s", what, path, got, status, text)
		}
	}
	want("at first", 200, "POST", "/login", signIn)
	want("at first", 200, "GET", "/readyz", nil)

	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "FLUSHALL\r\n"); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 5)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "+OK\r\n" {
		t.Fatalf("FLUSHALL: %q, %v", answer, err)
	}
	conn.Close()
	want("after a flush", 503, "POST", "/login", signIn)
	want("after a flush", 503, "GET", "/readyz", nil)
	stop()

	base, _, stop = started(t, "-redis", "redis://"+address, "-data", data)
	want("after a restart", 503, "POST", "/login", signIn)
	want("after a restart", 503, "GET", "/readyz", nil)
	wrong := url.Values{"tenant": {"acme"}, "user": {"alice"}, "password": {"wrong"}}
	want("after a restart", 401, "POST", "/login", wrong)
	stop()

	base, _, _ = started(t, "-redis", "redis://"+address, "-data", data, "-activate", "acme")
	want("when an operator has decided", 200, "POST", "/login", signIn)
	want("while globex is lost", 503, "GET", "/readyz", nil)
}
