package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/policies"
)

func TestOnlyLoopbackIsServed(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:8080": "127.0.0.1:8080",
		":8080":          "127.0.0.1:8080",
		":0":             "127.0.0.1:0",
		"localhost:80":   "127.0.0.1:80",
		"LocalHost:80":   "127.0.0.1:80",
		"127.8.8.8:1":    "127.8.8.8:1",
		"[::1]:8080":     "[::1]:8080",
	} {
		if got, err := loopback(addr); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", addr, got, err, want)
		}
	}
	for _, addr := range []string{
		"", "8080", "0.0.0.0:8080", "[::]:8080", "192.168.0.1:80", "example.com:80", "localhost.example.com:80", "localhost.:80",
		"127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1", "127.1:80", "0:80", "2130706433:80", "0x7f.1:80", "::1:80", "127.0.0.1 :80",
	} {
		if got, err := loopback(addr); err == nil {
			t.Errorf("%s is served as %s", addr, got)
		}
	}
}

func TestBadFlagsExitWith2(t *testing.T) {
	for name, args := range map[string][]string{
		"an unknown flag":            {"-nope"},
		"an argument":                {"now"},
		"a flag without its value":   {"-addr"},
		"an address on the network":  {"-addr", "0.0.0.0:0"},
		"an address that is none":    {"-addr", "x"},
		"a Redis that is no URL":     {"-redis", "127.0.0.1:6379"},
		"a Redis of another scheme":  {"-redis", "http://user:hunter2@127.0.0.1:6379"},
		"a Redis URL without a host": {"-redis", "redis://"},
		"a Redis URL that is broken": {"-redis", "redis://user:hunter2@127.0.0.1:port"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(briefly(t), args, &stdout, &stderr); code != exitUsage {
			t.Errorf("%s: exit %d", name, code)
		}
		if stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 || strings.Contains(stderr.String(), "hunter2") {
			t.Errorf("%s: %q %q", name, &stdout, &stderr)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-h"}, &stdout, &stderr); code != exitFine || !strings.Contains(stderr.String(), "-policies folder") {
		t.Errorf("-h: exit %d, %s", code, &stderr)
	}
}

func TestWhatCannotBeLoadedExitsWith3(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"an address in use":              {[]string{"-addr", busy.Addr().String()}, "address already in use"},
		"a Redis that is not there":      {[]string{"-redis", "redis://user:hunter2@" + closed.Addr().String()}, "Redis at " + closed.Addr().String() + " cannot be reached"},
		"a policy folder that is not":    {[]string{"-policies", filepath.Join(file, "x")}, "the policy does not load"},
		"a policy with a mistake":        {[]string{"-policies", policyFolder(t, "deny\n", "denny\n")}, "policy.csv:"},
		"a policy that forgets a route":  {[]string{"-policies", policyFolder(t, "/me, ", "/moi,")}, "route GET /me has no rule"},
		"a data folder that is a file":   {[]string{"-data", file}, "not a directory"},
		"a data folder with broken keys": {[]string{"-data", brokenKeys(t)}, "is not a file of keys"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(briefly(t), append([]string{"-addr", ":0"}, test.args...), &stdout, &stderr); code != exitLoad {
			t.Errorf("%s: exit %d", name, code)
		}
		if stdout.Len() > 0 || !strings.Contains(stderr.String(), test.want) || strings.Contains(stderr.String(), "hunter2") {
			t.Errorf("%s: %q %q", name, &stdout, &stderr)
		}
	}
}

// briefly ends a program that should not have started serving.
func briefly(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// policyFolder returns a folder with the built-in policy and one change.
func policyFolder(t *testing.T, from, to string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, policies.Files()); err != nil {
		t.Fatal(err)
	}
	const deny = "p, user:nobody, *, invoice, read, true, deny\n"
	writePolicy(t, dir, "# Invoices.", deny+"# Invoices.")
	writePolicy(t, dir, from, to)
	return dir
}

func writePolicy(t *testing.T, dir, from, to string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "policy.csv"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), from, to, 1)
	if changed == string(text) && from != to {
		t.Fatalf("the policy has no %q", from)
	}
	if err := os.Chmod(filepath.Join(dir, "policy.csv"), 0o600); err != nil { // embedded files are read-only
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "policy.csv"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

func brokenKeys(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, keysFile), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheBannerSaysWhatToTry(t *testing.T) {
	const golden = `reeve quickstart   sessions: embedded (-redis redis://… for a real one)   data: SQLite
  API  http://127.0.0.1:8080     tenants  acme, globex
  users  alice (acme, editor)  bob (acme, viewer)  carol (globex, admin)      password: demo
try it
  TOKEN=$(curl -s localhost:8080/login -d tenant=acme -d user=alice -d password=demo | jq -r .access_token)
  curl -i localhost:8080/invoices/1 -H "Authorization: Bearer $TOKEN"                        # 200
  curl -i localhost:8080/invoices/1 -H "Authorization: Bearer $TOKEN" -H "X-Tenant: globex"  # 403
  curl -i localhost:8080/invoices/3 -H "Authorization: Bearer $TOKEN"                        # 404, globex's
  curl -i localhost:8080/invoices/1                                                          # 401
  curl -i -X POST localhost:8080/logout -H "Authorization: Bearer $TOKEN"                    # 204
  curl -i localhost:8080/invoices/1 -H "Authorization: Bearer $TOKEN"                        # 401 at once
`
	if got := banner("127.0.0.1:8080", flags{}); got != golden {
		t.Errorf("got\n%s\nwant\n%s", got, golden)
	}
	got := banner("[::1]:80", flags{redis: "redis://user:hunter2@db.example:6379/2", data: "/srv/reeve"})
	first, rest, _ := strings.Cut(got, "\n")
	if first != "reeve quickstart   sessions: Redis at db.example:6379   data: SQLite in /srv/reeve" {
		t.Errorf("%s", first)
	}
	if !strings.Contains(rest, "API  http://[::1]:80 ") || !strings.Contains(rest, "curl -i [::1]:80/invoices/1") {
		t.Errorf("%s", rest)
	}
}

// started runs the program until stop is called, which returns its exit code.
func started(t *testing.T, args ...string) (url string, stderr *lockedBuffer, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stdout, stderr := &lockedBuffer{}, &lockedBuffer{}
	exit := make(chan int, 1)
	go func() { exit <- run(ctx, append([]string{"-addr", ":0"}, args...), stdout, stderr) }()
	t.Cleanup(cancel)
	address := regexp.MustCompile(`API  (http://127\.0\.0\.1:[1-9][0-9]*) `)
	testwait.Until(t, "it prints its address", func() bool { return address.MatchString(stdout.String()) })
	return address.FindStringSubmatch(stdout.String())[1], stderr, func() int {
		t.Helper()
		cancel()
		select {
		case code := <-exit:
			return code
		case <-time.After(2 * shutdownTimeout):
			t.Fatal("it does not stop")
			return -1
		}
	}
}

func TestTheProgramServesAndLeavesNothingBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	url, _, stop := started(t)
	folders, err := os.ReadDir(os.TempDir())
	if err != nil || len(folders) != 1 {
		t.Fatalf("%v, %v", folders, err)
	}
	resp, err := http.Get(url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if code := stop(); code != exitFine {
		t.Errorf("exit %d", code)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind %v, %v", left, err)
	}
	if _, err := http.Get(url + "/livez"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v", err)
	}
}

func TestDataAndKeysOutliveTheProgram(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	keySet := func(url string) string {
		resp, err := http.Get(url + "/.well-known/jwks.json")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(resp.Body); err != nil || resp.StatusCode != 200 {
			t.Fatal(resp.Status, err)
		}
		return b.String()
	}
	url, _, stop := started(t, "-data", dir)
	before := keySet(url)
	if code := stop(); code != exitFine {
		t.Errorf("exit %d", code)
	}
	url, _, stop = started(t, "-data", dir)
	if after := keySet(url); after != before {
		t.Errorf("%s, and after a restart %s", before, after)
	}
	if code := stop(); code != exitFine {
		t.Errorf("exit %d", code)
	}
	for _, name := range []string{keysFile, idsFile, "acme.db", "globex.db"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// A hangup reads the policy again. This sends one to the test itself, which the program
// under test, running here, receives.
func TestAHangupReadsThePolicyAgain(t *testing.T) {
	dir := policyFolder(t, "", "")
	_, stderr, stop := started(t, "-policies", dir)
	hangup := func() {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Signal(syscall.SIGHUP)
		}
		if err != nil {
			t.Skip("no hangups here:", err)
		}
	}
	writePolicy(t, dir, "# Invoices.", "# Our invoices.")
	hangup()
	testwait.Until(t, "the new policy is loaded", func() bool { return strings.Contains(stderr.String(), "policy loaded") })
	writePolicy(t, dir, "deny\n", "denny\n")
	hangup()
	testwait.Until(t, "the refusal is logged", func() bool { return strings.Contains(stderr.String(), "policy does not load, the old one serves") })
	if code := stop(); code != exitFine {
		t.Errorf("exit %d", code)
	}
}
