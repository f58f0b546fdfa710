//go:build unix

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
)

// TestEveryChainAllowsWhatItIsAskedAndNothingElse: only such chains are worth comparing. Echo and
// net/http alone check nobody.
func TestEveryChainAllowsWhatItIsAskedAndNothingElse(t *testing.T) {
	url := redisserver.Shared(t)
	for i, name := range chainNames {
		ctx, cancel := context.WithCancel(t.Context())
		b, err := build(ctx, name, url, population{2})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		serve := func(path string, a signedRequest) int {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Authorization", "Bearer "+a.Bearer)
			if a.Cookie != "" {
				r.Header.Set("Cookie", a.Cookie)
			}
			rec := httptest.NewRecorder()
			b.handler.ServeHTTP(rec, r)
			return rec.Code
		}
		if len(b.requests) != 20 {
			t.Errorf("%s: %d requests", name, len(b.requests))
		}
		for n, a := range b.requests {
			other := b.requests[(n+2)%len(b.requests)]
			if got := serve(a.Path, a); got != http.StatusNoContent {
				t.Errorf("%s: %s is answered %d", name, a.Path, got)
			}
			if got := serve(other.Path, a); i > 2 && got < 400 {
				t.Errorf("%s: the path of another role is answered %d", name, got)
			}
			if got := serve(a.Path, signedRequest{Bearer: a.Bearer + "x", Cookie: a.Cookie}); i > 2 && got < 400 {
				t.Errorf("%s: a bad token is answered %d", name, got)
			}
		}
		b.Close()
		cancel()
	}
}

func TestTheLoadGeneratorCountsOnlyWhatIsAllowed(t *testing.T) {
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/denied" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer served.Close()
	addr := strings.TrimPrefix(served.URL, "http://")
	m, err := load(addr, [][]byte{signedRequest{Path: "/a"}.wire(), signedRequest{Path: "/b"}.wire()}, 3, 20*time.Millisecond)
	if err != nil || m.PerSecond <= 0 || m.P50 <= 0 || m.P99 < m.P50 || m.Requests < 2 {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := load(addr, [][]byte{signedRequest{Path: "/denied"}.wire()}, 1, 20*time.Millisecond); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a refused request is counted: %v", err)
	}
}

func TestACheckFailsOnALossOfMoreThanAQuarter(t *testing.T) {
	before := map[string]float64{"reeve, 1000 rules": 0.8, "echo-jwt+scs+casbin": 0.5}
	for name, tt := range map[string]struct {
		before, now map[string]float64
		fails       bool
	}{
		"as before":             {before, map[string]float64{"reeve, 1000 rules": 0.8}, false},
		"a fifth less":          {before, map[string]float64{"reeve, 1000 rules": 0.64}, false},
		"a third less":          {before, map[string]float64{"reeve, 1000 rules": 0.53}, true},
		"not measured":          {before, map[string]float64{}, true},
		"nothing to compare":    {map[string]float64{}, before, true},
		"more":                  {before, map[string]float64{"reeve, 1000 rules": 0.99}, false},
		"another chain is late": {before, map[string]float64{"reeve, 1000 rules": 0.8, "echo-jwt+scs+casbin": 0.1}, false},
	} {
		if err := compare(tt.before, tt.now); (err != nil) != tt.fails {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheTableSaysRatiosOfTheSameRound(t *testing.T) {
	var tab table
	for round, perSecond := range []float64{100, 200, 400} {
		tab.add(measured{Chain: "echo", Tenants: 10, Conns: 64, Procs: 2, Round: round, PerSecond: perSecond, P50: 1, P99: 2, CPU: 10})
		tab.add(measured{Chain: "reeve", Tenants: 10, Conns: 64, Procs: 2, Round: round, PerSecond: perSecond * 0.9, P50: 1, P99: 3, CPU: 16})
	}
	if got := tab.ratios(); len(got) != 1 || got["reeve, 1000 rules, 64 connections, 2 processors"] != 0.625 {
		t.Errorf("%v", got)
	}
	if text := tab.markdown(); !strings.Contains(text, "| reeve | 1000 | 64 | 2 | 180 | 65 % | 0.900 |") {
		t.Error(text)
	}
	if text := tab.svg(); strings.Count(text, "<rect") != 2 || !strings.HasSuffix(text, "</svg>\n") {
		t.Error(text)
	}
}
