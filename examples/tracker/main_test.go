package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// tracker is a running program.
type tracker struct {
	t      *testing.T
	base   string
	values map[string]string // of the shell's variables
}

func startTracker(t *testing.T) *tracker {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	var stderr bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-addr", "127.0.0.1:0"}, func(string) string { return "" }, in, &stderr)
		in.Close()
	}()
	text := make([]byte, 4096)
	n, err := out.Read(text)
	if err != nil {
		t.Fatal(err, stderr.String())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%v\n%s", err, stderr.String())
		}
	})
	base := regexp.MustCompile(`http://[0-9.:]+`).Find(text[:n])
	if base == nil {
		t.Fatalf("no address in %q", text[:n])
	}
	return &tracker{t, string(base), map[string]string{}}
}

func (k *tracker) send(r *http.Request) (int, string) {
	k.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (k *tracker) login(tenant, user string) string {
	k.t.Helper()
	form := url.Values{"tenant": {tenant}, "user": {user}, "password": {"demo"}}
	r, err := http.NewRequest(http.MethodPost, k.base+"/login", strings.NewReader(form.Encode()))
	if err != nil {
		k.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return k.field(r, "access_token")
}

// field sends a request and returns a member of its answer, as jq does.
func (k *tracker) field(r *http.Request, name string) string {
	k.t.Helper()
	code, body := k.send(r)
	var members map[string]any
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		k.t.Fatalf("%d %s", code, body)
	}
	text, _ := members[name].(string)
	if text == "" {
		k.t.Fatalf("no %s in %d %s", name, code, body)
	}
	return text
}

var (
	signInLine = regexp.MustCompile(`^([A-Z]+)=\$\(login (\w+) (\w+)\)$`)
	curlLine   = regexp.MustCompile(`^(?:([A-Z]+)=\$\()?curl -[is] (?:-X ([A-Z]+) )?localhost:8080(\S+)(?: -d '([^']*)')?(?: -H "Authorization: Bearer \$([A-Z]+)")?(?: \| jq -r \.(\w+)\))?\s*(?:# (\d+).*)?$`)
)

// request returns the request of a line that curlLine has matched.
func (k *tracker) request(m []string) *http.Request {
	k.t.Helper()
	method := m[2]
	if method == "" {
		method = http.MethodGet
	}
	path := m[3]
	for name, value := range k.values {
		path = strings.ReplaceAll(path, "$"+name, value)
	}
	r, err := http.NewRequest(method, k.base+path, strings.NewReader(m[4]))
	if err != nil {
		k.t.Fatal(err)
	}
	if m[5] != "" {
		r.Header.Set("Authorization", "Bearer "+k.values[m[5]])
	}
	return r
}

// Every line of the README's transcript is sent, and is answered as it says.
func TestTheTranscriptOfTheREADMEIsTrue(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "## Try it\n\n```console\n")
	block, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no transcript")
	}
	k := startTracker(t)
	sent := 0
	for line := range strings.Lines(block) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "login() {") {
			continue
		}
		if m := signInLine.FindStringSubmatch(line); m != nil {
			k.values[m[1]] = k.login(m[2], m[3])
			continue
		}
		m := curlLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("what is %q?", line)
		}
		r := k.request(m)
		if m[1] != "" {
			k.values[m[1]] = k.field(r, m[6])
			continue
		}
		sent++
		if code, body := k.send(r); strconv.Itoa(code) != m[7] || strings.Contains(body, "globe") {
			t.Errorf("%s\n%d %s", line, code, body)
		}
	}
	if sent < 10 {
		t.Errorf("%d lines", sent)
	}
}

func TestWhatCannotBeServedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
	}{
		"every interface":         {[]string{"-addr", "0.0.0.0:0"}, nil},
		"no address":              {[]string{"-addr", "8080"}, nil},
		"PostgreSQL without key":  {nil, map[string]string{"DATABASE_URL": "postgres://tracker@127.0.0.1:1/tracker"}},
		"a database that is none": {nil, map[string]string{"DATABASE_URL": "mysql:hunter2", "TENANT_KEY": "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="}},
	} {
		err := run(t.Context(), c.args, func(name string) string { return c.env[name] }, io.Discard, io.Discard)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
