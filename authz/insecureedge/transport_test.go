package insecureedge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/insecureedge"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
)

// publishing is a publisher that hears what a test says, and its handler.
func publishing(t *testing.T, w *fixture, policy func() []byte) *insecureedge.Handler {
	t.Helper()
	p, err := insecureedge.NewPublisher(insecureedge.PublisherConfig{Feed: w.feed, Key: w.key})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	h, err := insecureedge.NewHandler(insecureedge.HandlerConfig{Publisher: p, Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// heartbeat has the publisher hear that it heard all until now.
func (w *fixture) heartbeat() {
	now := time.Now()
	w.feed.heard <- func(l session.Listener) { l.Heartbeat(now, now) }
	w.feed.heard <- func(session.Listener) {} // the one before is done
}

// fetching is a fetcher of the node from a server, which fetches when it is told to.
func (w *fixture) fetching(url string, change ...func(*insecureedge.FetcherConfig)) *insecureedge.Fetcher {
	w.t.Helper()
	cfg := insecureedge.FetcherConfig{Node: w.node, URL: url, Client: &http.Client{}, Timeout: 5 * time.Second, SkipPolicy: true}
	for _, c := range change {
		c(&cfg)
	}
	f, err := insecureedge.NewFetcher(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// says is a server of lists whose answer a test chooses.
type says struct {
	*httptest.Server
	answer atomic.Pointer[func(http.ResponseWriter, *http.Request)]
}

func serving(t *testing.T) *says {
	t.Helper()
	s := &says{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.answer.Load())(w, r) }))
	t.Cleanup(s.Close)
	return s
}

func (s *says) with(answer func(http.ResponseWriter, *http.Request)) { s.answer.Store(&answer) }

func (s *says) text(signed []byte) {
	s.with(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(signed) })
}

// TestANodeIsServedListsAndPoliciesByHTTP goes from the publisher to the node, cuts the way off until
// what the node has expires, and opens it again.
func TestANodeIsServedListsAndPoliciesByHTTP(t *testing.T) {
	w := newFixture(t)
	bundled, err := insecureedge.SignPolicy(w.key, bundle(t, rules), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	handler := publishing(t, w, func() []byte { return bundled })
	mux := http.NewServeMux()
	mux.Handle("/edge/", http.StripPrefix("/edge", handler))
	var cut atomic.Bool
	var moved atomic.Pointer[[]byte]
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if cut.Load() {
			panic(http.ErrAbortHandler) // the connection ends without an answer
		}
		if list := moved.Load(); list != nil && r.URL.Path == "/edge/revocations" {
			_, _ = rw.Write(*list)
			return
		}
		mux.ServeHTTP(rw, r)
	}))
	defer server.Close()
	f := w.fetching(server.URL+"/edge/", func(c *insecureedge.FetcherConfig) { c.SkipPolicy = false })

	if err := f.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "status 503") {
		t.Fatalf("the publisher hears nothing: %v", err)
	}
	if w.node.Stats().Revision == "" || !w.node.Stats().ListIssued.IsZero() {
		t.Fatalf("%+v", w.node.Stats())
	}
	// The node's clock stands still, and a session counts that was loaded seven seconds after the list begins.
	w.heartbeat()
	w.clock.Pass(time.Since(w.clock.Wall) + 8*time.Second)
	w.see()
	if err := f.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := w.node.Stats().ListIssued
	if first.IsZero() || !w.remembered() {
		t.Fatalf("%+v", w.node.Stats())
	}
	before := f.Stats()
	if err := f.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := f.Stats(); after.Unchanged != before.Unchanged+2 || after.Accepted != before.Accepted {
		t.Errorf("nothing is new: %+v, and before %+v", after, before)
	}

	cut.Store(true)
	if err := f.Fetch(t.Context()); err == nil {
		t.Error("cut off, and no error")
	}
	if !w.remembered() || !w.node.Stats().ListIssued.Equal(first) {
		t.Error("a fetch that failed changed something")
	}
	w.clock.Pass(time.Minute)
	if w.remembered() {
		t.Error("cut off for a minute, and still decided")
	}
	// Back on. The publisher's clock is not the one that the test has moved on, so the list is one by that.
	cut.Store(false)
	w.see()
	w.clock.Pass(time.Second)
	later := insecureedge.SignList(w.key, w.feed, w.list())
	moved.Store(&later)
	if err := f.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !w.node.Stats().ListIssued.After(first) || !w.remembered() {
		t.Errorf("back on: %+v", w.node.Stats())
	}
}

// TestAFetchThatFailsChangesNothing: whatever a server answers, the node has the list that it had.
func TestAFetchThatFailsChangesNothing(t *testing.T) {
	w := listed(t)
	otherKey, _ := newKey(t)
	older := insecureedge.SignList(w.key, w.feed, insecureedge.List{Since: w.clock.Wall.Add(-time.Hour), Issued: w.clock.Wall.Add(-time.Second), Expires: w.clock.Wall.Add(50 * time.Second)})
	w.clock.Pass(time.Second)
	newer := w.list(insecureedge.Change{Scope: session.ScopeTenant, Topic: w.feed.Topics(w.s.Ref()).Tenant, At: w.clock.Wall})
	good := insecureedge.SignList(w.key, w.feed, newer)
	forged := insecureedge.SignList(otherKey, w.feed, newer)
	expired := newer
	expired.Issued, expired.Expires = w.clock.Wall.Add(-2*time.Minute), w.clock.Wall.Add(-time.Minute)
	issued := w.node.Stats().ListIssued
	policy, err := insecureedge.SignPolicy(w.key, bundle(t, rules), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	server := serving(t)
	elsewhere := serving(t)
	elsewhere.text(good)
	small := func(c *insecureedge.FetcherConfig) { c.MaxBytes = 1 << 10 }
	fast := func(c *insecureedge.FetcherConfig) { c.Timeout = 50 * time.Millisecond }
	long := append(good, []byte(strings.Repeat(" ", 2<<10))...)
	for name, row := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		change func(*insecureedge.FetcherConfig)
		want   error
	}{
		"an older list, signed by us": {answer: written(older), want: insecureedge.ErrOlder},
		"a signature of another key":  {answer: written(forged), want: insecureedge.ErrInvalid},
		"an expired list":             {answer: written(insecureedge.SignList(w.key, w.feed, expired)), want: insecureedge.ErrOlder},
		"a policy in its place":       {answer: written(policy), want: insecureedge.ErrInvalid},
		"half of it":                  {answer: written(good[:len(good)/2]), want: insecureedge.ErrInvalid},
		"nothing":                     {answer: written(nil), want: insecureedge.ErrInvalid},
		"a body that is too long":     {answer: written(long), change: small, want: insecureedge.ErrInvalid},
		"one that does not say so": {answer: func(w http.ResponseWriter, _ *http.Request) {
			for range len(long) {
				_, _ = w.Write(long[:1])
				long = append(long[1:], long[0])
			}
			w.(http.Flusher).Flush()
		}, change: small, want: insecureedge.ErrInvalid},
		"a body without an end": {answer: func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, change: small, want: insecureedge.ErrInvalid},
		"a header that does not come": {answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, change: fast, want: context.DeadlineExceeded},
		"a body that stops": {answer: func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(good[:10])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, change: fast, want: context.DeadlineExceeded},
		"a body that is encoded": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(good)
		}},
		"a redirect to a good one": {answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }},
		"an error with a good one": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write(good)
		}},
		"not modified, which nobody asked": {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }},
	} {
		server.with(row.answer)
		var told error
		tell := func(c *insecureedge.FetcherConfig) { c.OnError = func(err error) { told = err } }
		if row.change == nil {
			row.change = func(*insecureedge.FetcherConfig) {}
		}
		f := w.fetching(server.URL, row.change, tell)
		began := time.Now()
		err := f.Fetch(t.Context())
		if err == nil || row.want != nil && !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
		if told == nil || f.Stats().Failed != 1 || f.Stats().Accepted != 0 {
			t.Errorf("%s: told %v, %+v", name, told, f.Stats())
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if !w.node.Stats().ListIssued.Equal(issued) || !w.remembered() {
			t.Errorf("%s: the list is another", name)
		}
	}
	// The same fetcher is none the worse for it.
	f := w.fetching(server.URL)
	server.text(forged)
	if err := f.Fetch(t.Context()); err == nil {
		t.Error("forged, and accepted")
	}
	server.text(good)
	if err := f.Fetch(t.Context()); err != nil || w.node.Stats().ListIssued.Equal(issued) {
		t.Errorf("a good list: %v", err)
	}
	if w.remembered() {
		t.Error("the tenant changed, by the list, and its session is decided on")
	}
	// An older list does not come back, although it has not expired.
	server.text(older)
	if err := f.Fetch(t.Context()); !errors.Is(err, insecureedge.ErrOlder) || w.remembered() {
		t.Errorf("an older list after a newer one: %v", err)
	}
}

func written(body []byte) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
}

// A server that says "not modified" for ever, whoever it is, has the list expire.
func TestNotModifiedForEverEndsWithTheList(t *testing.T) {
	w := newFixture(t)
	w.see()
	w.clock.Pass(time.Second)
	server := serving(t)
	signed := insecureedge.SignList(w.key, w.feed, w.list())
	server.with(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			rw.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = rw.Write(signed)
	})
	f := w.fetching(server.URL)
	for range 3 {
		if err := f.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s := f.Stats(); s.Accepted != 1 || s.Unchanged != 2 || !w.remembered() {
		t.Errorf("%+v", s)
	}
	w.clock.Pass(time.Minute)
	if err := f.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.remembered() {
		t.Error("a list is good for more than its time")
	}
}

func TestTheHandlerServesOneSignatureASecondAndNothingWhileNothingIsHeard(t *testing.T) {
	w := newFixture(t)
	h := publishing(t, w, nil)
	now := time.Now()
	insecureedge.SetNow(h, func() time.Time { return now })
	ask := func(method, path string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, http.NoBody)
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec
	}
	if rec := ask("GET", "/revocations"); rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
		t.Errorf("nothing is heard: %d", rec.Code)
	}
	w.heartbeat()
	first := ask("GET", "/revocations")
	etag := first.Header().Get("ETag")
	if first.Code != 200 || etag == "" || first.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", first.Code, first.Header())
	}
	w.heartbeat()
	if again := ask("GET", "/revocations"); again.Body.String() != first.Body.String() {
		t.Error("another signature within the second")
	}
	for name, row := range map[string]struct {
		rec  *httptest.ResponseRecorder
		want int
	}{
		"the one it has":      {ask("GET", "/revocations", "If-None-Match", `"0", `+etag), 304},
		"another one":         {ask("GET", "/revocations", "If-None-Match", `"0"`), 200},
		"HEAD":                {ask("HEAD", "/revocations"), 200},
		"no policy":           {ask("GET", "/policy"), 404},
		"another path":        {ask("GET", "/revocations/"), 404},
		"a method that wants": {ask("POST", "/revocations"), 405},
	} {
		if row.rec.Code != row.want {
			t.Errorf("%s: %d, want %d", name, row.rec.Code, row.want)
		}
		if body, _ := io.ReadAll(row.rec.Body); row.want == 304 && len(body) > 0 || name == "HEAD" && len(body) > 0 {
			t.Errorf("%s: a body", name)
		}
	}
	now = now.Add(time.Second)
	w.heartbeat()
	second := ask("GET", "/revocations")
	if second.Body.String() == first.Body.String() {
		t.Error("the same list a second later")
	}
	now = now.Add(time.Second)
	w.feed.heard <- func(l session.Listener) { l.Reset() }
	w.feed.heard <- func(session.Listener) {}
	if rec := ask("GET", "/revocations"); rec.Code != 503 {
		t.Errorf("nothing is heard any more: %d", rec.Code)
	}
}

func TestAFetcherPollsUntilItIsClosed(t *testing.T) {
	w := newFixture(t)
	var asked atomic.Int64
	server := serving(t)
	server.with(func(rw http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 3 { // one that hangs does not outlive Close
			<-r.Context().Done()
			return
		}
		_, _ = fmt.Fprint(rw, "{}")
	})
	f := w.fetching(server.URL, func(c *insecureedge.FetcherConfig) { c.Interval, c.Timeout = 100*time.Millisecond, 10*time.Second })
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context()); !errors.Is(err, insecureedge.ErrStarted) {
		t.Errorf("a second start: %v", err)
	}
	testwait.Until(t, "it asks again and again", func() bool { return asked.Load() >= 3 })
	began := time.Now()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
	if err := f.Start(t.Context()); !errors.Is(err, insecureedge.ErrStarted) {
		t.Errorf("a start after Close: %v", err)
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

func TestAnInvalidTransportIsNamedByItsFields(t *testing.T) {
	if _, err := insecureedge.NewHandler(insecureedge.HandlerConfig{}); err == nil || !strings.Contains(err.Error(), "Publisher") {
		t.Errorf("%v", err)
	}
	_, err := insecureedge.NewFetcher(insecureedge.FetcherConfig{Interval: time.Hour, Timeout: time.Hour, MaxBytes: 1})
	for _, field := range []string{"Node", "URL", "Client", "Interval", "Timeout", "MaxBytes"} {
		if err == nil || !strings.Contains(err.Error(), field+": ") {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
	w := newFixture(t)
	for url, good := range map[string]bool{
		"https://publisher.internal/edge": true, "http://127.0.0.1:8080": true, "http://localhost:8080/edge": true, "http://[::1]/": true,
		"http://publisher.internal/edge": false, "https://": false, "ftp://publisher.internal": false, "publisher.internal": false,
		"https://publisher.internal/?a=b": false, "https://user:s3cret@publisher.internal/": false, "http://127.0.0.1.evil.test/": false,
	} {
		_, err := insecureedge.NewFetcher(insecureedge.FetcherConfig{Node: w.node, URL: url, Client: http.DefaultClient})
		if (err == nil) != good {
			t.Errorf("%s: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error has the password: %v", err)
		}
	}
}
