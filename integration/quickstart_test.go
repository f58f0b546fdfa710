package integration_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testproc"
	"github.com/reevehq/reeve/internal/testwait"
)

// program builds a main package of the repository once and returns the binary.
var programs sync.Map // package path → func() (string, error)

func program(t testing.TB, pkg string) string {
	t.Helper()
	build, _ := programs.LoadOrStore(pkg, sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "reeve-program-")
		if err != nil {
			return "", err
		}
		bin := filepath.Join(dir, filepath.Base(pkg))
		cmd := exec.Command("go", "build", "-o", bin, pkg)
		cmd.Dir = ".."
		out, err := cmd.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
		return bin, nil
	}))
	bin, err := build.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// TestMain silences go-redis, which reports every refused connection of every outage here,
// and removes the binaries that program built.
func TestMain(m *testing.M) {
	logging.Disable()
	code := m.Run()
	programs.Range(func(_, build any) bool {
		if bin, err := build.(func() (string, error))(); err == nil {
			os.RemoveAll(filepath.Dir(bin))
		}
		return true
	})
	os.Exit(code)
}

// quickstart is one running instance.
type quickstart struct {
	t       *testing.T
	base    string // http://127.0.0.1:port
	process *testproc.Process
	logs    *syncBuffer

	retries *retries
}

type syncBuffer struct {
	mu  sync.Mutex
	all strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// startQuickstart starts an instance on a free port and waits for its banner.
func startQuickstart(t *testing.T, args ...string) *quickstart {
	t.Helper()
	q := &quickstart{t: t, logs: &syncBuffer{}, retries: newRetries(t)}
	cmd := exec.Command(program(t, "./examples/quickstart"), append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	cmd.Stderr = q.logs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if q.process, err = testproc.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.stop)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, rest, found := strings.Cut(lines.Text(), "http://"); found {
			q.base = "http://" + strings.Fields(rest)[0]
			break
		}
	}
	if q.base == "" {
		t.Fatalf("no banner\n%s", q.logs)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return q
}

func (q *quickstart) stop() {
	_ = q.process.Signal(os.Interrupt)
	done := make(chan struct{})
	go func() { _ = q.process.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(testwait.Limit):
		_ = q.process.Kill()
		<-done
		q.t.Error("the quickstart did not stop on an interrupt")
	}
	if q.t.Failed() {
		q.t.Logf("log of %s:\n%s", q.base, q.logs)
	}
}

type answer struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

var client = &http.Client{Timeout: 30 * time.Second}

// send sends one request; headers are name, value, name, value.
func (q *quickstart) send(method, path, token, body string, headers ...string) answer {
	q.t.Helper()
	req, err := http.NewRequest(method, q.base+path, strings.NewReader(body))
	if err != nil {
		q.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	start := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		q.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		q.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text), time.Since(start)}
}

// want sends a request and wants that status. A 503 that nobody wants is a failure, but for what
// [retries] says.
func (q *quickstart) want(status int, method, path, token, body string, headers ...string) (a answer) {
	q.t.Helper()
	q.retries.ask(q.t, method+" "+path, func() bool {
		a = q.send(method, path, token, body, headers...)
		return a.status == http.StatusServiceUnavailable && a.status != status
	})
	if a.status != status {
		q.t.Errorf("%s %s: got %d %s, want %d", method, path, a.status, a.body, status)
	}
	return a
}

const form = "application/x-www-form-urlencoded"

func (q *quickstart) login(tenant, user string) (access, refresh string) {
	q.t.Helper()
	a := q.want(200, "POST", "/login", "", url.Values{"tenant": {tenant}, "user": {user}, "password": {"demo"}}.Encode(), "Content-Type", form)
	return q.tokens(a)
}

func (q *quickstart) tokens(a answer) (access, refresh string) {
	q.t.Helper()
	var got struct {
		Access  string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Type != "Bearer" || got.Expires <= 0 {
		q.t.Fatalf("not a token answer: %s (%v)", a.body, err)
	}
	return got.Access, got.Refresh
}

// TestQuickstartContract runs the quickstart's HTTP contract with its sessions in Redis.
func TestQuickstartContract(t *testing.T) {
	q := startQuickstart(t, "-redis", redisserver.Shared(t), "-data", t.TempDir())
	anonymous := q.want(401, "GET", "/invoices/1", "", "")
	if got := anonymous.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer realm=") || strings.Contains(got, "error") {
		t.Errorf("challenge is %q", got)
	}
	alice, refresh := q.login("acme", "alice")
	bob, _ := q.login("acme", "bob")
	carol, _ := q.login("globex", "carol")

	one := q.want(200, "GET", "/invoices/1", alice, "")
	if !strings.Contains(one.body, `"tenant":"acme"`) {
		t.Errorf("invoice 1 is %s", one.body)
	}
	foreign := q.want(404, "GET", "/invoices/3", alice, "")
	if never := q.want(404, "GET", "/invoices/999999", alice, ""); never.body != foreign.body {
		t.Errorf("another tenant's invoice is told apart:\n%s\n%s", foreign.body, never.body)
	}
	q.want(200, "GET", "/invoices/3", carol, "")
	for _, id := range []string{"1", "2", "4"} {
		q.want(404, "GET", "/invoices/"+id, carol, "")
		q.want(404, "PUT", "/invoices/"+id, carol, `{"customer":"x","amount":1,"status":"sent"}`, "Content-Type", "application/json")
		q.want(404, "DELETE", "/invoices/"+id, carol, "")
	}
	q.want(200, "GET", "/invoices/1", alice, "", "X-Tenant", "acme")
	q.want(403, "GET", "/invoices/1", alice, "", "X-Tenant", "globex")
	q.want(403, "DELETE", "/invoices/1", alice, "")
	q.want(403, "POST", "/invoices", bob, `{"customer":"x","amount":1,"status":"sent"}`, "Content-Type", "application/json")
	q.want(201, "POST", "/invoices", alice, `{"customer":"x","amount":1,"status":"sent"}`, "Content-Type", "application/json")
	for _, list := range []struct{ token, tenant, other string }{{alice, "acme", "globex"}, {carol, "globex", "acme"}} {
		a := q.want(200, "GET", "/invoices", list.token, "")
		if !strings.Contains(a.body, list.tenant) || strings.Contains(a.body, list.other) {
			t.Errorf("the list of %s is %s", list.tenant, a.body)
		}
	}

	access, _ := q.tokens(q.want(200, "POST", "/refresh", "", url.Values{"refresh_token": {refresh}}.Encode(), "Content-Type", form))
	q.want(200, "GET", "/me", access, "")
	q.want(204, "POST", "/logout", access, "")
	q.want(401, "GET", "/me", access, "")
	q.want(401, "GET", "/me", alice, "")
	q.want(401, "POST", "/refresh", "", url.Values{"refresh_token": {refresh}}.Encode(), "Content-Type", form)
	q.want(200, "GET", "/me", bob, "")
}

// TestRevocationReachesTheOtherInstance shows two instances that share Redis and keys.
func TestRevocationReachesTheOtherInstance(t *testing.T) {
	redis, data := redisserver.Shared(t), t.TempDir()
	here := startQuickstart(t, "-redis", redis, "-data", data)
	there := startQuickstart(t, "-redis", redis, "-data", data)
	first, _ := here.login("acme", "alice")
	second, _ := there.login("acme", "alice")
	for _, token := range []string{first, second} {
		here.want(200, "GET", "/me", token, "")
		there.want(200, "GET", "/me", token, "")
	}
	here.want(204, "POST", "/logout", first, "")
	there.want(401, "GET", "/me", first, "")
	there.want(200, "GET", "/me", second, "")
	here.want(204, "POST", "/logout/all", second, "")
	there.want(401, "GET", "/me", second, "")
}

// TestRedisGoneIs503AndBackIs200 kills and freezes Redis under a running service.
func TestRedisGoneIs503AndBackIs200(t *testing.T) {
	for name, outage := range map[string]struct{ begin, end func(*redisserver.Server) }{
		"killed": {(*redisserver.Server).Kill, (*redisserver.Server).Restart},
		"frozen": {(*redisserver.Server).Freeze, (*redisserver.Server).Thaw},
	} {
		t.Run(name, func(t *testing.T) {
			redis := redisserver.Start(t)
			q := startQuickstart(t, "-redis", redis.URL(), "-data", t.TempDir())
			alice, refresh := q.login("acme", "alice")
			q.want(200, "GET", "/invoices/1", alice, "")

			outage.begin(redis)
			stalls := watchStalls(t)
			for range 3 {
				a := q.want(503, "GET", "/invoices/1", alice, "")
				if limit := answerLimit + stalls.slack(); a.took > limit {
					t.Errorf("the answer took %v, the limit is %v", a.took, limit)
				}
				if a.header.Get("Retry-After") == "" || a.header.Get("Set-Cookie") != "" || a.header.Get("WWW-Authenticate") != "" {
					t.Errorf("headers are %v", a.header)
				}
			}
			q.want(503, "GET", "/livez", alice, "") // a credential that cannot be checked
			q.want(200, "GET", "/livez", "", "")
			q.want(503, "GET", "/readyz", "", "")
			q.want(401, "GET", "/invoices/1", "", "") // a request without a credential asks nothing of Redis
			q.want(401, "GET", "/invoices/1", "junk", "")
			q.want(503, "POST", "/refresh", "", url.Values{"refresh_token": {refresh}}.Encode(), "Content-Type", form)
			q.want(503, "POST", "/login", "", url.Values{"tenant": {"acme"}, "user": {"bob"}, "password": {"demo"}}.Encode(), "Content-Type", form)

			outage.end(redis)
			testwait.Until(t, "it recovers without a restart", func() bool { return q.send("GET", "/invoices/1", alice, "").status == 200 })
		})
	}
}

// TestTheQuickstartRefusesToStartWrong shows the exit codes of a start that cannot work.
func TestTheQuickstartRefusesToStartWrong(t *testing.T) {
	bin := program(t, "./examples/quickstart")
	broken := t.TempDir()
	for name, text := range map[string]string{
		"model.conf": "[request_definition]\nr = sub\n", "attributes.csv": "", "policy.csv": "p, role:viewer, *, invoice, read, true, denny\n",
	} {
		if err := os.WriteFile(filepath.Join(broken, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a policy that does not load":   {[]string{"-policies", broken}, 3, "policy.csv:1:"},
		"no policy":                     {[]string{"-policies", t.TempDir()}, 3, "policy"},
		"Redis that is not there":       {[]string{"-redis", "redis://127.0.0.1:1"}, 3, "Redis"},
		"an address beyond the machine": {[]string{"-addr", "0.0.0.0:0"}, 2, "loopback"},
		"an unknown flag":               {[]string{"-nope"}, 2, "nope"},
	} {
		cmd := exec.Command(bin, append([]string{"-addr", "127.0.0.1:0"}, tt.args...)...)
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != tt.code || !strings.Contains(string(out), tt.says) {
			t.Errorf("%s: exit %d, %s", name, cmd.ProcessState.ExitCode(), out)
		}
	}
}
