package main

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// collector takes spans, as one of OpenTelemetry does by HTTP.
type collector struct {
	*httptest.Server
	status int

	mu    sync.Mutex
	spans bytes.Buffer
	auth  string
}

func newCollector(t *testing.T, status int) *collector {
	t.Helper()
	c := &collector{status: status}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.spans.Write(body)
		c.auth = r.Header.Get("Authorization")
		w.WriteHeader(c.status)
	}))
	t.Cleanup(c.Close)
	return c
}

// Spans of a request and of the stages of its decision go to the collector that is configured, in the
// trace that the request names, and say nothing of who asked for what.
func TestSpansGoToTheCollector(t *testing.T) {
	c := newCollector(t, http.StatusOK)
	p := serve(t, "--set", "traces.url="+c.URL+"/v1/traces", "--set", "traces.authorization=Basic aHVudGVyMg==")
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	access := p.login("gus")
	for _, path := range []string{"/tasks/task-1001", "/nowhere/hunter2?q=hunter2"} {
		r, err := http.NewRequest(http.MethodGet, p.api+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+access)
		r.Header.Set("traceparent", "00-"+traceID+"-b7ad6b7169203331-00") // which does not ask for being traced
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if code := p.stop(); code != exitFine {
		t.Fatalf("exit %d\n%s", code, p.out)
	}
	spans := c.spans.String()
	id, err := hex.DecodeString(traceID)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{string(id), "request", "reeve.verify", "reeve.load", "reeve.decide", "reeve.check", "/tasks/:task", name} {
		if !strings.Contains(spans, want) {
			t.Errorf("no %q among the spans", want)
		}
	}
	for _, secret := range []string{"gus", "acme", "task-1001", "hunter2", access, "127.0.0.1"} {
		if strings.Contains(spans, secret) {
			t.Errorf("the spans tell %q", secret)
		}
	}
	if c.auth != "Basic aHVudGVyMg==" || strings.Contains(p.out.String(), "aHVudGVyMg") {
		t.Errorf("the collector is told %q", c.auth)
	}
}

// A collector that refuses, or is not there, stops nothing and is no failure at the end.
func TestACollectorThatIsGoneStopsNothing(t *testing.T) {
	refuses, gone := newCollector(t, http.StatusForbidden), newCollector(t, http.StatusOK)
	gone.Close()
	for _, c := range []*collector{refuses, gone} {
		p := serve(t, "--set", "traces.url="+c.URL)
		p.login("gus")
		if code := p.stop(); code != exitFine {
			t.Errorf("exit %d\n%s", code, p.out)
		}
	}
}

// Without a collector nothing is sent, and nobody is asked.
func TestSpansGoNowhereByDefault(t *testing.T) {
	tr, err := newTraces(testConfig(t), nil)
	if err != nil || tr.sdk != nil {
		t.Fatal(tr, err)
	}
	_, span := tr.provider.Tracer("x").Start(t.Context(), "y")
	if span.IsRecording() {
		t.Error("a span is recorded")
	}
}
