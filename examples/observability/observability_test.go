package main

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reevehq/reeve/internal/testwait"
)

// scraped are the metrics that the service answers, with the labels of each and their values.
type scraped map[string]map[string][]string

var (
	sample = regexp.MustCompile(`(?m)^([a-z_:]+)(?:\{(.*)\})? \S+$`)
	label  = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)
)

// scrape asks a service that has answered requests of each kind.
func scrape(t *testing.T) scraped {
	t.Helper()
	policies, err := fs.Sub(builtIn, "policies")
	if err != nil {
		t.Fatal(err)
	}
	s, err := newService(t.Context(), policies, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close(context.Background()) })
	ended, end := context.WithCancel(t.Context())
	end()
	for _, row := range []struct {
		ctx                   context.Context
		method, target, token string
		want                  int
	}{
		{t.Context(), "GET", "/health", "", 200},
		{t.Context(), "GET", "/notes/1", s.token, 200},
		{t.Context(), "GET", "/notes/1", "", 401},
		{t.Context(), "PUT", "/notes/1", s.token, 403},
		{ended, "GET", "/notes/1", s.token, 503},
	} {
		r := httptest.NewRequestWithContext(row.ctx, row.method, row.target, http.NoBody)
		if row.token != "" {
			r.Header.Set("Authorization", "Bearer "+row.token)
		}
		rec := httptest.NewRecorder()
		s.mux.ServeHTTP(rec, r)
		if rec.Code != row.want {
			t.Fatalf("%s %s is %d, want %d", row.method, row.target, rec.Code, row.want)
		}
	}
	rec := httptest.NewRecorder()
	s.metrics.ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", http.NoBody))
	if strings.Contains(rec.Body.String(), "alice") || strings.Contains(rec.Body.String(), "acme") {
		t.Error("a metric tells who asked")
	}
	found := scraped{}
	for _, m := range sample.FindAllStringSubmatch(rec.Body.String(), -1) {
		if found[m[1]] == nil {
			found[m[1]] = map[string][]string{}
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			found[m[1]][l[1]] = append(found[m[1]][l[1]], l[2])
		}
	}
	return found
}

var (
	name     = regexp.MustCompile(`\breeve_[a-z_]+`)
	selector = regexp.MustCompile(`(reeve_[a-z_]+)\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	grouping = regexp.MustCompile(`by \(([^)]*)\)`)
)

// check looks up what an expression of PromQL names.
func (found scraped) check(t *testing.T, where, expr string) (metrics int) {
	t.Helper()
	names := name.FindAllString(expr, -1)
	for _, n := range names {
		if found[n] == nil {
			t.Errorf("%s: no metric %s", where, n)
		}
	}
	for _, s := range selector.FindAllStringSubmatch(expr, -1) {
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			values, ok := found[s[1]][m[1]]
			if !ok {
				t.Errorf("%s: %s has no label %s", where, s[1], m[1])
			}
			if m[3] != "true" && !slices.Contains(values, m[3]) { // the service here has no edge
				t.Errorf("%s: %s of %s is never %q", where, m[1], s[1], m[3])
			}
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		for _, l := range strings.Split(g[1], ",") {
			if !slices.ContainsFunc(names, func(n string) bool { return found[n][strings.TrimSpace(l)] != nil }) {
				t.Errorf("%s: no metric of it has the label %s", where, l)
			}
		}
	}
	return len(names)
}

func TestEveryMetricOfTheDashboardIsThere(t *testing.T) {
	found := scrape(t)
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	positions := map[any]bool{}
	for _, p := range dashboard.Panels {
		if positions[p.GridPos] || positions[p.ID] || len(p.Targets) == 0 {
			t.Errorf("%s: an id or a place that another panel has, or nothing to show", p.Title)
		}
		positions[p.GridPos], positions[p.ID] = true, true
		for _, target := range p.Targets {
			if found.check(t, p.Title, target.Expr) == 0 {
				t.Errorf("%s shows none of ours", p.Title)
			}
		}
	}
	if len(dashboard.Panels) < 8 {
		t.Errorf("%d panels", len(dashboard.Panels))
	}
}

func TestEveryMetricOfTheRulesIsThere(t *testing.T) {
	found := scrape(t)
	text, err := os.ReadFile("rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules := 0
	for line := range strings.Lines(string(text)) {
		if _, expr, ok := strings.Cut(line, "expr: "); ok {
			rules++
			if found.check(t, line, expr) == 0 {
				t.Errorf("%s is about none of ours", line)
			}
		}
	}
	if rules < 7 {
		t.Errorf("%d rules", rules)
	}
	// Each metric that is there is in one of the two files.
	dashboard, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	for n := range found {
		if strings.HasPrefix(n, "reeve_") && !strings.Contains(string(text)+string(dashboard), strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(n, "_bucket"), "_sum"), "_count")) {
			t.Errorf("%s is shown nowhere", n)
		}
	}
}

// TestAWrongNameIsNoticed: the tests above can fail.
func TestAWrongNameIsNoticed(t *testing.T) {
	found := scrape(t)
	for _, expr := range []string{
		`rate(reeve_nothing_total[5m])`, `rate(reeve_decisions_total{tenant="x"}[5m])`, `rate(reeve_decisions_total{outcome="denied"}[5m])`, `sum by (user) (rate(reeve_decisions_total[5m]))`,
	} {
		quiet := &testing.T{}
		found.check(quiet, "", expr)
		if !quiet.Failed() {
			t.Errorf("%s is not noticed", expr)
		}
	}
}

// lockedBuffer collects the output of a program while it runs.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func TestTheProgramServesUntilItIsStopped(t *testing.T) {
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	ctx, stop := context.WithCancel(t.Context())
	addr, metrics, done := free(), free(), make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-addr", addr, "-metrics", metrics}, &lockedBuffer{}, io.Discard)
	}()
	testwait.Until(t, "the program answers", func() bool {
		for _, url := range []string{"http://" + addr + "/health", "http://" + metrics + "/metrics"} {
			resp, err := http.Get(url)
			if err != nil {
				return false
			}
			resp.Body.Close()
			if resp.StatusCode != 200 {
				return false
			}
		}
		return true
	})
	if resp, err := http.Get("http://" + addr + "/metrics"); err != nil || resp.StatusCode == 200 {
		t.Errorf("clients reach the metrics: %v", err)
	} else {
		resp.Body.Close()
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
