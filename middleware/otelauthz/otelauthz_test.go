package otelauthz_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/detect"
	"github.com/reevehq/reeve/authz/httpauthz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/middleware/otelauthz"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// fixture is a service whose telemetry is kept.
type fixture struct {
	telemetry *otelauthz.Telemetry
	spans     *tracetest.SpanRecorder
	reader    *sdkmetric.ManualReader
	mux       *httpauthz.Mux
	manager   *session.Manager
	signer    *token.Signer
	lost      atomic.Bool
	t         *testing.T
}

type store struct {
	session.Store
	w *fixture
}

func (s store) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if s.w.lost.Load() {
		return session.Session{}, session.ErrUnavailable
	}
	return s.Store.Load(ctx, ref)
}

func newFixture(t *testing.T, limit int) *fixture {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w := &fixture{t: t, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	var err error
	w.telemetry, err = otelauthz.New(otelauthz.Config{
		Tracers: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans)), Meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader)), MaxValues: limit,
	})
	must(err)
	_, private, err := ed25519.GenerateKey(nil)
	must(err)
	w.manager, err = session.NewManager(store{memstore.New(), w}, session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))})
	must(err)
	must(w.manager.SetTenantStatus(t.Context(), tenant.MustParse("acme"), tenant.Active))
	w.signer, err = token.NewSigner(token.SignerConfig{Issuer: "https://issuer.test", Audience: "api", KeyID: "k1", Algorithm: token.EdDSA, Key: session.NewPrivateKey(private), Lifetime: 10 * time.Minute})
	must(err)
	verifier, err := token.NewVerifier(w.signer.Issuer())
	must(err)
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	must(err)
	engine, err := policy.Load(fstest.MapFS{"model.conf": {Data: model}, "policy.csv": {Data: []byte(`
p, role:viewer, *, /notes/:id, GET,  true, allow
p, role:editor, *, /notes/:id, PUT,  true, allow
p, role:viewer, *, note,       read, true, allow
`)}}, policy.Options{})
	must(err)
	w.mux, err = httpauthz.NewMux(authz.Config{
		Tokens: verifier, Sessions: w.manager, Policy: engine, Timeout: 20 * time.Second, Logger: slog.New(slog.DiscardHandler),
		Tracer: w.telemetry, Observer: w.telemetry.Observe,
	})
	must(err)
	w.mux.HandleFunc("GET /notes/{id}", func(rw http.ResponseWriter, r *http.Request) error {
		if r.PathValue("id") == "broken" {
			return errors.New("hunter2")
		}
		_, err := authz.Check(r.Context(), "read", authz.Object{Type: "note", ID: r.PathValue("id"), Tenant: tenant.MustParse("acme")})
		return err
	})
	w.mux.HandleFunc("PUT /notes/{id}", func(http.ResponseWriter, *http.Request) error { return nil })
	return w
}

func (w *fixture) signIn(user string) (string, session.Session) {
	w.t.Helper()
	s, _, err := w.manager.Create(w.t.Context(), session.SignIn{Tenant: tenant.MustParse("acme"), User: session.MustParseUserID(user), Roles: session.MustRoles("viewer")})
	if err != nil {
		w.t.Fatal(err)
	}
	signed, err := w.signer.Sign(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return signed.Reveal(), s
}

func (w *fixture) ask(method, target, token string) int {
	r := httptest.NewRequest(method, target, http.NoBody)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	return rec.Code
}

// metrics returns the series of each metric, as text.
func (w *fixture) metrics() map[string][]string {
	w.t.Helper()
	var all metricdata.ResourceMetrics
	if err := w.reader.Collect(context.Background(), &all); err != nil {
		w.t.Fatal(err)
	}
	series := map[string][]string{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					series[m.Name] = append(series[m.Name], fmt.Sprint(p.Attributes.ToSlice(), p.Value))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					series[m.Name] = append(series[m.Name], fmt.Sprint(p.Attributes.ToSlice(), p.Count))
				}
			default:
				w.t.Fatalf("%s is a %T", m.Name, data)
			}
		}
	}
	return series
}

// TestEachStageIsASpanWithoutAnIDOrAToken looks at all that is recorded.
func TestEachStageIsASpanWithoutAnIDOrAToken(t *testing.T) {
	w := newFixture(t, 0)
	token, s := w.signIn("alice")
	for target, want := range map[string]int{"GET /notes/4711": 200, "PUT /notes/4711": 403, "GET /notes/broken": 500, "GET /x/../y": 400, "GET /nowhere4711": 404} {
		method, path, _ := strings.Cut(target, " ")
		if got := w.ask(method, path, token); got != want {
			t.Fatalf("%s is %d, want %d", target, got, want)
		}
	}
	w.ask("GET", "/notes/1", token+"x")
	w.lost.Store(true)
	if got := w.ask("GET", "/notes/1", token); got != 503 {
		t.Fatal(got)
	}
	names, text := map[string]bool{}, ""
	if started, ended := len(w.spans.Started()), len(w.spans.Ended()); started != ended || started == 0 {
		t.Errorf("%d spans began and %d ended", started, ended)
	}
	checks := 0
	for _, span := range w.spans.Ended() {
		names[span.Name()] = true
		text += fmt.Sprintln(span.Name(), span.Attributes(), span.Status(), span.Events())
		if span.Name() == "reeve.check" {
			checks++
			within := false
			for _, around := range w.spans.Ended() {
				within = within || around.Name() == "reeve.handler" && around.SpanContext().SpanID() == span.Parent().SpanID()
			}
			if !within {
				t.Error("a check is not within its handler")
			}
		}
	}
	for _, stage := range []string{"canonical", "extract", "verify", "load", "tenant", "decide", "handler", "check"} {
		if !names["reeve."+stage] {
			t.Errorf("no span of %s", stage)
		}
	}
	if checks == 0 {
		t.Error("no check")
	}
	text += fmt.Sprintln(w.metrics())
	for _, secret := range []string{"alice", "acme", "4711", "hunter2", token, token[:20], s.ID.Reveal(), s.ID.Fingerprint(), "nowhere", ".."} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is told: %s", secret, text)
		}
	}
	for _, want := range []string{"/notes/:id", "session: store unavailable", "middleware: forbidden"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not told", want)
		}
	}
}

// TestSeriesAreBoundedWhateverClientsSend has 10,000 tenants, users, paths and methods.
func TestSeriesAreBoundedWhateverClientsSend(t *testing.T) {
	w := newFixture(t, 0)
	token, _ := w.signIn("alice")
	w.ask("GET", "/notes/1", token)
	w.ask("GET", "/notes/1", "")
	before := total(w.metrics())
	for n := range 10_000 {
		id := fmt.Sprint("t", n)
		w.telemetry.Observe(t.Context(), authz.Event{Kind: authz.RouteDecision, Tenant: tenant.MustParse(id), User: session.MustParseUserID(id), Session: id, Action: "GET", Object: "/notes/:id"})
		w.telemetry.Observe(t.Context(), authz.Event{Kind: authz.ObjectDecision, Tenant: tenant.MustParse(id), Action: "read", Object: "note:" + id})
		w.telemetry.Observe(t.Context(), authz.Event{Kind: authz.RouteDecision, Action: policy.Action("M" + fmt.Sprint(n)), Object: "", Err: authz.ErrDenied, Status: n})
	}
	for n := range 1000 {
		w.ask("GET", fmt.Sprint("/notes/", n), token)
		w.ask(fmt.Sprint("M", n), fmt.Sprint("/path/", n), token)
	}
	if after := total(w.metrics()); after > before+80 { // one for each status of HTTP
		t.Errorf("%d series, and %d after all that: %v", before, after, w.metrics()["reeve.decisions"])
	}
	small := newFixture(t, 10)
	for n := range 10_000 { // routes and types that a service makes up as it goes
		ctx := small.telemetry.StageStart(t.Context(), middleware.TraceStart{Stage: middleware.StageDecide, Route: fmt.Sprint("/r/", n)})
		small.telemetry.StageEnd(ctx, middleware.TraceEnd{Stage: middleware.StageDecide})
		small.telemetry.Observe(t.Context(), authz.Event{Kind: authz.ObjectDecision, Action: policy.Action(fmt.Sprint("a", n)), Object: fmt.Sprint("type", n, ":1")})
		if n%1000 == 0 {
			small.spans.Reset()
		}
	}
	if n := total(small.metrics()); n > 30 {
		t.Errorf("%d series", n)
	}
}

func total(series map[string][]string) (n int) {
	for _, s := range series {
		n += len(s)
	}
	return n
}

func TestOutcomesAreToldApart(t *testing.T) {
	w := newFixture(t, 0)
	token, _ := w.signIn("alice")
	w.ask("GET", "/notes/1", token)
	w.ask("PUT", "/notes/1", token)
	w.lost.Store(true)
	w.ask("GET", "/notes/1", token)
	w.telemetry.Observe(t.Context(), authz.Event{Kind: authz.RouteDecision, Action: "GET", Object: "/notes/:id", Edge: true})
	text := strings.Join(w.metrics()["reeve.decisions"], "\n")
	for _, want := range []string{`{"outcome":"allow"}`, `{"outcome":"deny"}`, `{"outcome":"error"}`, `{"status":503}`, `{"edge":true}`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
}

func TestADetectorIsAMetric(t *testing.T) {
	w := newFixture(t, 0)
	d, err := detect.New(detect.Config{Alert: func(detect.Alert) {}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.telemetry.Detector(d); err != nil {
		t.Fatal(err)
	}
	d.Refreshed(t.Context(), session.ErrRefreshReused)
	if got := w.metrics()["reeve.alerts"]; len(got) != 4 || !strings.Contains(strings.Join(got, "\n"), "refresh-replay") {
		t.Errorf("%v", got)
	}
}

func TestAnInvalidConfigIsNamedByItsFields(t *testing.T) {
	_, err := otelauthz.New(otelauthz.Config{MaxValues: -1})
	for _, field := range []string{"Tracers", "Meters", "MaxValues"} {
		if err == nil || !strings.Contains(err.Error(), field+": ") || !strings.HasPrefix(err.Error(), "otelauthz: invalid config: ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}
