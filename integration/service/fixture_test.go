//go:build unix

// Package service_test runs examples/service as a process: with signals, with a real Redis that goes
// and comes, behind a real nginx, and under a real systemd.
package service_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9/logging"

	"github.com/reevehq/reeve/internal/testproc"
	"github.com/reevehq/reeve/internal/testwait"
)

// binary builds the program once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "reeve-service-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "reeve-tracker")
	cmd := exec.Command("go", "build", "-o", path, "./examples/service")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	logging.Disable() // which go-redis reports refused connections by
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// output has the lines that a process has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// instance is a running service.
type instance struct {
	t        *testing.T
	out      *output
	process  *testproc.Process
	api, ops string // URLs
	ended    chan int
}

// start starts an instance on addresses of its own. settings are those of --set.
func start(t *testing.T, settings ...string) *instance {
	t.Helper()
	return startAt(t, freeAddr(t), freeAddr(t), settings...)
}

func startAt(t *testing.T, api, ops string, settings ...string) *instance {
	t.Helper()
	return startWith(t, nil, api, ops, settings...)
}

// startWith starts it with further flags.
func startWith(t *testing.T, flags []string, api, ops string, settings ...string) *instance {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"run"}, flags...)
	for _, s := range append([]string{"http.addr=" + api, "ops.addr=" + ops}, settings...) {
		args = append(args, "--set", s)
	}
	i := &instance{t: t, out: &output{}, api: "http://" + api, ops: "http://" + ops, ended: make(chan int, 1)}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = i.out, i.out, []string{"TMPDIR=" + t.TempDir()}
	if i.process, err = testproc.Start(cmd); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = i.process.Wait()
		i.ended <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { _ = i.process.Kill() })
	return i
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// probe returns the status of a probe, and 0 when there is no answer.
func (i *instance) probe(path string) int {
	resp, err := http.Get(i.ops + path)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func (i *instance) text(path string) string {
	resp, err := http.Get(i.ops + path)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return string(text)
}

// ready waits until the instance is ready.
func (i *instance) ready() *instance {
	i.t.Helper()
	testwait.Until(i.t, "the instance is ready", func() bool {
		if len(i.ended) > 0 {
			i.t.Fatalf("it has ended\n%s", i.out)
		}
		return i.probe("/readyz") == http.StatusOK
	})
	return i
}

func (i *instance) signal(s syscall.Signal) {
	i.t.Helper()
	if err := i.process.Signal(s); err != nil {
		i.t.Fatal(err)
	}
}

// stop ends the instance by SIGTERM and returns its exit code.
func (i *instance) stop() int {
	i.t.Helper()
	i.signal(syscall.SIGTERM)
	return <-i.ended
}

func (i *instance) login(user string) string {
	i.t.Helper()
	return login(i.t, i.api, user)
}

func login(t *testing.T, base, user string) string {
	t.Helper()
	resp, err := http.PostForm(base+"/login", url.Values{"tenant": {"acme"}, "user": {user}, "password": {"demo"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || body.AccessToken == "" {
		t.Fatal(resp.StatusCode, err)
	}
	return body.AccessToken
}

// shared are the settings of instances that share a Redis.
func shared(url string) []string {
	settings := []string{"redis.url=" + url}
	for n, name := range []string{"session", "signing", "redis_name", "redis_seal"} {
		key := sha256.Sum256([]byte{byte(n)})
		settings = append(settings, "keys."+name+"="+base64.StdEncoding.EncodeToString(key[:]))
	}
	return settings
}

// closed are the parts in the order in which they were closed, as the log has them.
func (i *instance) closed() string {
	var parts []string
	for line := range strings.Lines(i.out.String()) {
		if _, rest, found := strings.Cut(line, `msg="service: closed" part=`); found {
			part, _, _ := strings.Cut(rest, " took=")
			parts = append(parts, strings.Trim(part, `"`))
		}
	}
	return strings.Join(parts, ", ")
}
