package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/service"
)

// output has the lines that a program has printed so far.
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

// invoke runs the program to its end.
func invoke(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err output
	ctx, cancel := context.WithTimeout(t.Context(), testwait.Limit)
	defer cancel()
	code = run(&environment{ctx: ctx, stdout: &out, stderr: &err, exit: func(int) { t.Error("it exits at once") }}, args)
	return code, out.String(), err.String()
}

// process is a running program.
type process struct {
	t           *testing.T
	out         *output
	environment *environment
	api         string
	ops         string
	cancel      context.CancelFunc
	ended       chan int
}

// serve starts the program on free ports.
func serve(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{t: t, out: &output{}, cancel: cancel, ended: make(chan int, 1)}
	p.environment = &environment{ctx: ctx, stdout: p.out, stderr: p.out, exit: func(int) { t.Error("it exits at once") }}
	args = append([]string{"run", "--set", "http.addr=127.0.0.1:0", "--set", "ops.addr=127.0.0.1:0", "--set", "data.dir=" + filepath.Join(t.TempDir(), "data")}, args...)
	go func() { p.ended <- run(p.environment, args) }()
	t.Cleanup(func() { cancel() })
	testwait.Until(t, "it runs:\n"+p.out.String(), func() bool { return strings.Contains(p.out.String(), "curl -s ") || len(p.ended) > 0 })
	for line := range strings.Lines(p.out.String()) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "API" {
			p.api = fields[1]
		} else if len(fields) > 1 && fields[0] == "health" {
			p.ops = strings.TrimSuffix(fields[1], "/readyz")
		}
	}
	if p.api == "" || p.ops == "" {
		t.Fatalf("it does not run:\n%s", p.out)
	}
	return p
}

// stop stops it and returns the exit code.
func (p *process) stop() int {
	p.cancel()
	return <-p.ended
}

func (p *process) get(url string) (int, string) {
	p.t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (p *process) login(user string) string {
	p.t.Helper()
	resp, err := http.PostForm(p.api+"/login", url.Values{"tenant": {"acme"}, "user": {user}, "password": {"demo"}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || body.AccessToken == "" {
		p.t.Fatal(resp.StatusCode, err)
	}
	return body.AccessToken
}

// order is that in which the parts are closed.
const order = "listener, requests, jobs, health, policy, issuers, audit, database, instances, redis, telemetry listener, telemetry requests, traces"

// closed are the parts in the order in which they were closed, as the log has them.
func closed(out *output) string {
	var parts []string
	for line := range strings.Lines(out.String()) {
		if _, rest, found := strings.Cut(line, `msg="service: closed" part=`); found {
			part, _, _ := strings.Cut(rest, " took=")
			parts = append(parts, strings.Trim(part, `"`))
		}
	}
	return strings.Join(parts, ", ")
}

// The program of the README's first line: it serves, says how it is, writes an audit log, and closes its
// parts in the order that the README lists.
func TestTheServiceServesAndStopsInOrder(t *testing.T) {
	audit := filepath.Join(t.TempDir(), "audit.jsonl")
	p := serve(t, "--set", "audit.file="+audit, "--set", "log.level=debug")
	request, err := http.NewRequest(http.MethodGet, p.api+"/tasks/task-1001", nil)
	if err != nil {
		t.Fatal(err)
	}
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	request.Header.Set("Authorization", "Bearer "+p.login("gus"))
	request.Header.Set("traceparent", "00-"+traceID+"-b7ad6b7169203331-01")
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.StatusCode)
	}
	for path, want := range map[string]string{
		"/livez": `"state":"running"`, "/startupz": `"ok":true`, "/readyz": `"name":"policy","ok":true`,
		"/metrics": "tracker_state{state=\"running\"} 1\n",
	} {
		testwait.Until(t, path+" has "+want, func() bool {
			code, text := p.get(p.ops + path)
			return code == http.StatusOK && strings.Contains(text, want)
		})
	}
	if _, text := p.get(p.ops + "/metrics"); !strings.Contains(text, `tracker_decisions_total{kind="route",outcome="allow"} 2`) || strings.Contains(text, "acme") || strings.Contains(text, "task-1001") {
		t.Error(text)
	}
	if code := p.stop(); code != exitFine {
		t.Fatalf("exit %d\n%s", code, p.out)
	}
	if !strings.Contains(p.out.String(), "trace_id="+traceID) {
		t.Error("no line carries the id of the trace")
	}
	if text, err := os.ReadFile(audit); err != nil || strings.Count(string(text), "\n") < 3 || !strings.Contains(string(text), `"object":"/tasks/:task"`) {
		t.Errorf("%v\n%s", err, text)
	}
	if got := closed(p.out); got != order {
		t.Errorf("closed %s\nwant   %s", got, order)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil || !strings.Contains(string(readme), order) {
		t.Errorf("the README does not list %s: %v", order, err)
	}
}

func TestAPausedServiceRefusesAndResumes(t *testing.T) {
	cfg := testConfig(t)
	tr, err := newTracker(cfg, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	manager := newStub(tr.group, func() {})
	manager.await(t, service.Running)
	get := func() int {
		resp, err := http.Get("http://" + tr.api.Addr() + "/tasks/task-1001")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if code := get(); code != http.StatusUnauthorized {
		t.Error(code)
	}
	manager.commands <- commandPause
	manager.await(t, service.Paused)
	if code := get(); code != http.StatusServiceUnavailable || tr.health.Ready() {
		t.Error(code)
	}
	manager.commands <- commandContinue
	manager.await(t, service.Running)
	if code := get(); code != http.StatusUnauthorized {
		t.Error(code)
	}
	manager.commands <- commandStop
	manager.await(t, service.Stopped)
	if err := <-manager.ended; err != nil {
		t.Error(err)
	}
}

// A service that is stopped while it is paused refuses to the end, lets the request finish that was in
// flight before, and closes its parts in the order of every other end.
func TestAStopDuringAPauseClosesInOrder(t *testing.T) {
	out := &output{}
	cfg := loaded(t, map[string]string{"http.addr": "127.0.0.1:0", "ops.addr": "127.0.0.1:0", "http.wait": "200ms"})
	tr, err := newTracker(cfg, nil, out)
	if err != nil {
		t.Fatal(err)
	}
	m := newStub(tr.group, func() {})
	m.await(t, service.Running)
	p := &process{t: t, api: "http://" + tr.api.Addr()}
	token := p.login("gus")
	body, sends := io.Pipe()
	slow, err := http.NewRequest(http.MethodPost, p.api+"/tasks/task-1001/comments", body)
	if err != nil {
		t.Fatal(err)
	}
	slow.Header.Set("Authorization", "Bearer "+token)
	slow.Header.Set("Content-Type", "application/json")
	answered := make(chan int, 1)
	go func() {
		resp, err := http.DefaultClient.Do(slow)
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	testwait.Until(t, "it is in flight", func() bool { return tr.api.Stats().InFlight == 1 })
	m.commands <- commandPause
	m.await(t, service.Paused)
	m.commands <- commandStop
	m.await(t, service.Draining)
	for refused := tr.api.Stats().Refused; ; { // until nothing is accepted any more
		resp, err := http.Get(p.api + "/tasks/task-1001")
		if err != nil {
			if tr.api.Stats().Refused == refused {
				t.Error("no request came while it waited")
			}
			break
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("a request after the stop of a paused service: %d", resp.StatusCode)
		}
	}
	if _, err := io.WriteString(sends, `{"body":"a word"}`); err != nil {
		t.Error(err)
	}
	sends.Close()
	if status := <-answered; status != http.StatusCreated {
		t.Errorf("the request in flight: %d", status)
	}
	if err := <-m.ended; err != nil {
		t.Error(err)
	}
	if got := closed(out); got != order {
		t.Errorf("closed %s\nwant   %s", got, order)
	}
}

// No client adds a series, whatever it sends, and what it sends is in no label.
func TestNoClientAddsASeries(t *testing.T) {
	cfg := loaded(t, map[string]string{"http.addr": "127.0.0.1:0", "ops.addr": "127.0.0.1:0"})
	tr, err := newTracker(cfg, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.group.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, api: "http://" + tr.api.Addr(), ops: "http://" + tr.ops.Addr()}
	token := p.login("gus")
	series := func() (names []string, text string) {
		code, text := p.get(p.ops + "/metrics")
		if code != http.StatusOK {
			t.Fatal(code)
		}
		for line := range strings.Lines(text) {
			if name, _, _ := strings.Cut(line, " "); strings.HasPrefix(name, "tracker_") {
				names = append(names, name)
			}
		}
		return names, text
	}
	ask := func(method, target, authorization string) {
		r, err := http.NewRequest(http.MethodGet, p.api+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Method, r.URL.Opaque = method, target
		r.Header.Set("Authorization", authorization)
		r.Header.Set("Traceparent", "00-"+strings.Repeat("a", 32)+"-"+strings.Repeat("b", 16)+"-01")
		r.Header.Set("X-Tenant", `hostile"} 1`)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	round := func(n int) {
		for _, authorization := range []string{"", "Bearer " + token, "Bearer hostile", fmt.Sprint("Bearer x", n)} {
			for _, method := range []string{"GET", "POST", fmt.Sprint("HOSTILE", n)} {
				for _, target := range []string{"/tasks/task-1001", fmt.Sprint("/tasks/hostile", n), "/%22%7D%20hostile%0A", fmt.Sprint("/hostile", n)} {
					ask(method, target, authorization)
				}
			}
		}
		_, _ = p.get(p.ops + fmt.Sprint("/hostile", n))
	}
	round(0)
	before, _ := series()
	round(1)
	after, text := series()
	if !slices.Equal(before, after) || len(after) > 60 {
		t.Errorf("%d series, then %d\n%v\n%v", len(before), len(after), before, after)
	}
	if strings.Contains(strings.ToLower(text), "hostile") || strings.Contains(text, "acme") || strings.Contains(text, "gus") {
		t.Error(text)
	}
	if err := tr.group.Close(); err != nil {
		t.Error(err)
	}
}

// A wrong configuration and a wrong command line exit with 2, a part that cannot be opened with 1.
func TestExitCodesTellMistakesFromFailures(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tracker.yaml")
	if err := os.WriteFile(file, []byte("log:\n  level: loud\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken := serve(t)
	addr := strings.TrimPrefix(taken.api, "http://")
	folder := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"config", "check"}, exitFine, ""},
		{[]string{"config", "check", "--config", file}, exitUsage, file + ":2: log.level: "},
		{[]string{"run", "--config", file}, exitUsage, file + ":2: log.level: "},
		{[]string{"run", "--set", "policy.dir=" + folder}, exitUsage, "the policy does not load"},
		{[]string{"run", "--set", "redis.url=redis://u:hunter2@h:1?x=y"}, exitUsage, "keys.session is missing"},
		{[]string{"run", "--set", "http.addr=" + addr, "--set", "ops.addr=127.0.0.1:0"}, exitFailed, `part "listener": open: listen tcp`},
		{[]string{"run", "--set", "ops.addr=" + addr, "--set", "http.addr=127.0.0.1:0"}, exitFailed, `part "telemetry listener": open: listen tcp`},
		{[]string{"run", "--set", "audit.file=" + folder, "--set", "http.addr=127.0.0.1:0", "--set", "ops.addr=127.0.0.1:0"}, exitFailed, `part "audit": open: `},
		{[]string{"run", "--set", "log.file=" + folder}, exitUsage, folder},
		{[]string{"serve"}, exitUsage, "unexpected argument serve"},
		{[]string{"run", "--platform", "toaster"}, exitUsage, "toaster"},
		{[]string{"--help"}, exitFine, ""},
		{[]string{"--version"}, exitFine, ""},
	} {
		code, _, stderr := invoke(t, c.args...)
		if code != c.code || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "hunter2") {
			t.Errorf("%v: exit %d, want %d\n%s", c.args, code, c.code, stderr)
		}
	}
	if code := taken.stop(); code != exitFine {
		t.Error(code)
	}
}

// A semicolon in a value is one of it: behind it there is no other setting, and no part of a password is told.
func TestAFlagsValueMayHaveASemicolon(t *testing.T) {
	if code, stdout, stderr := invoke(t, "config", "show", "--set", "audit.file=/a;log.level=debug"); code != exitFine || !strings.Contains(stdout, `audit.file: "/a;log.level=debug"`) {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr := invoke(t, "config", "check", "--set", "redis.url=redis://u:a;hunter2@h:1"); code != exitUsage || strings.Contains(stderr, "hunter2") || !strings.Contains(stderr, "keys.session is missing") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}
