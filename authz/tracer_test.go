package authz_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

// spans is a Tracer that keeps what it is told.
type spans struct {
	mu      sync.Mutex
	open    int
	started []string
	ended   []string
	data    string
	nested  []string // what stages saw of the span around them
}

type spanKey struct{}

func (s *spans) StageStart(ctx context.Context, data middleware.TraceStart) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	s.started = append(s.started, data.Stage.String())
	s.data += fmt.Sprintf("%+v\n", data)
	if around, ok := ctx.Value(spanKey{}).(string); ok {
		s.nested = append(s.nested, around+">"+data.Stage.String())
	}
	return context.WithValue(ctx, spanKey{}, data.Stage.String())
}

func (s *spans) StageEnd(ctx context.Context, data middleware.TraceEnd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	end := data.Stage.String()
	if data.Err != nil {
		end += " " + data.Err.Error()
	}
	if ctx.Value(spanKey{}) != data.Stage.String() {
		end += " with another context"
	}
	s.ended = append(s.ended, end)
	s.data += fmt.Sprintf("%+v\n", data)
}

func TestATracerIsToldOfEachStage(t *testing.T) {
	const all = "canonical extract verify load tenant decide handler check"
	for name, row := range map[string]struct {
		method, target, bearer string
		outage                 bool
		started, last          string
	}{
		"a request that is served":          {"GET", "/notes/1", "good", false, all, "handler"},
		"an anonymous request":              {"GET", "/public", "", false, "canonical extract decide handler", "handler"},
		"a path with two readings":          {"GET", "/a/../b", "good", false, "canonical", "canonical middleware: ambiguous request"},
		"a forged token":                    {"GET", "/me", "forged", false, "canonical extract verify", "verify token: invalid"},
		"an outage":                         {"GET", "/me", "good", true, "canonical extract verify load", "load session: store unavailable"},
		"another tenant":                    {"GET", "/me?other", "good", false, "canonical extract verify load tenant", "tenant tenant: mismatch"},
		"a denial":                          {"PUT", "/notes/1", "good", false, "canonical extract verify load tenant decide", "decide middleware: forbidden"},
		"a handler's denial":                {"GET", "/notes/13", "good", false, all, "handler middleware: forbidden"},
		"a handler's error that is unknown": {"GET", "/breaks", "good", false, "canonical extract verify load tenant decide handler", "handler middleware: an error that is not Reeve's"},
		"a panic":                           {"GET", "/panics", "good", false, "canonical extract verify load tenant decide handler", "handler middleware: an error that is not Reeve's"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &spans{}
			e := engine(t, rules+"p, role:authenticated, *, /breaks, GET, true, allow\np, role:authenticated, *, /panics, GET, true, allow\n")
			w := newFixture(t, func(c *authz.Config) { c.Tracer, c.Policy = s, e })
			w.echo.GET("/breaks", func(echo.Context) error { return fmt.Errorf("hunter2") })
			w.echo.GET("/panics", func(echo.Context) error { panic("hunter2") })
			bearer, of := w.login(acme, alice, "viewer")
			raw := map[string]string{"good": bearer, "forged": bearer + "x"}[row.bearer]
			if row.outage {
				w.store.fail.Store(&errDown)
			}
			target, other, _ := strings.Cut(row.target, "?")
			func() {
				defer func() { _ = recover() }()
				w.do(row.method, target, raw, headers{"X-Tenant": map[string]string{"": "acme", "other": "globex"}[other]})
			}()
			if got := strings.Join(s.started, " "); got != row.started {
				t.Errorf("started %s, want %s", got, row.started)
			}
			if s.open != 0 || len(s.ended) == 0 || !strings.HasPrefix(s.ended[len(s.ended)-1], row.last) {
				t.Errorf("ended %q, want %s last; %d are open", s.ended, row.last, s.open)
			}
			if strings.HasSuffix(row.started, "check") && !slices.Contains(s.nested, "handler>check") {
				t.Errorf("a check is not within its handler: %q", s.nested)
			}
			for _, secret := range []string{bearer, of.ID.Reveal(), "alice", "acme", "hunter2", of.ID.Fingerprint()} {
				if strings.Contains(s.data, secret) {
					t.Errorf("a tracer is told %q: %s", secret, s.data)
				}
			}
		})
	}
}

// TestNoTracerCostsNothing compares a request with a tracer that does nothing: only then is
// there a context for the handler.
func TestNoTracerCostsNothing(t *testing.T) {
	cost := func(option option) float64 {
		w := newFixture(t, func(c *authz.Config) { c.Observer = nil }, option)
		bearer, _ := w.login(acme, alice, "viewer")
		r := httptest.NewRequest("GET", "/me", nil)
		r.Header.Set("Authorization", "Bearer "+bearer)
		return testing.AllocsPerRun(200, func() { w.echo.ServeHTTP(httptest.NewRecorder(), r) })
	}
	without, with := cost(func(*authz.Config) {}), cost(func(c *authz.Config) { c.Tracer = idleTracer{} })
	if without > with {
		t.Errorf("no tracer costs %v allocations, an idle one %v", without, with)
	}
	t.Logf("without %v allocations, with an idle tracer %v", without, with)
}

type idleTracer struct{}

func (idleTracer) StageStart(ctx context.Context, _ middleware.TraceStart) context.Context {
	return ctx
}
func (idleTracer) StageEnd(context.Context, middleware.TraceEnd) {}

var _ session.Share = (*middleware.Authenticator)(nil)

// careless is a Tracer that returns what it should not, or panics.
type careless struct {
	start func(ctx context.Context, stage middleware.Stage) context.Context
	end   func(stage middleware.Stage)
}

func (c careless) StageStart(ctx context.Context, data middleware.TraceStart) context.Context {
	return c.start(ctx, data.Stage)
}

func (c careless) StageEnd(_ context.Context, data middleware.TraceEnd) {
	if c.end != nil {
		c.end(data.Stage)
	}
}

// TestACarelessTracerLetsNobodyIn: one that returns no context changes no answer, and one that panics
// ends the request before its handler runs.
func TestACarelessTracerLetsNobodyIn(t *testing.T) {
	none := careless{start: func(context.Context, middleware.Stage) context.Context { return nil }}
	w := newFixture(t, func(cfg *authz.Config) { cfg.Tracer = none })
	bearer, _ := w.login(acme, alice, "viewer")
	for _, row := range []struct {
		method, target, bearer string
		want                   int
	}{{"GET", "/me", bearer, 200}, {"GET", "/me", "", 401}, {"GET", "/me", "x", 401}, {"PUT", "/notes/1", bearer, 403}} {
		if rec := w.do(row.method, row.target, row.bearer); rec.Code != row.want {
			t.Errorf("without a context %s %s is %d, want %d", row.method, row.target, rec.Code, row.want)
		}
	}
	for stage := middleware.StageCanonical; stage <= middleware.StageDecide; stage++ {
		at := func(now middleware.Stage) {
			if now == stage {
				panic("hunter2")
			}
		}
		for when, tracer := range map[string]careless{
			"begins": {start: func(ctx context.Context, now middleware.Stage) context.Context { at(now); return ctx }},
			"ends":   {start: func(ctx context.Context, _ middleware.Stage) context.Context { return ctx }, end: at},
		} {
			if stage == middleware.StageProof {
				continue // this fixture has no DPoP
			}
			w := newFixture(t, func(cfg *authz.Config) { cfg.Tracer = tracer })
			bearer, _ := w.login(acme, alice, "viewer")
			panicked := false
			func() {
				defer func() { panicked = recover() != nil }() // as net/http does
				w.do("GET", "/me", bearer)
			}()
			if !panicked || w.reached.Load() != 0 {
				t.Errorf("a panic when %v %s: the handler ran %d times", stage, when, w.reached.Load())
			}
		}
	}
}
