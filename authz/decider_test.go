package authz_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/session/token"
)

// shadow decides by the engine, and notes where another would decide otherwise. Embedding keeps
// Explain, Names and Rules.
type shadow struct {
	*policy.Engine
	next    *policy.Engine
	differs atomic.Int64
}

func (s *shadow) Decide(ctx context.Context, r policy.Request) (policy.Decision, error) {
	d, err := s.Engine.Decide(ctx, r)
	if other, _ := s.next.Decide(ctx, r); other.Allowed() != d.Allowed() {
		s.differs.Add(1)
	}
	return d, err
}

// traced is a Decider of three methods: it keeps nothing of the engine but what it must.
type traced struct {
	engine *policy.Engine
	asked  []string
	decide func(policy.Decision, error) (policy.Decision, error) // nil for as it is
	routes policy.Routes
}

func (d *traced) Decide(ctx context.Context, r policy.Request) (policy.Decision, error) {
	d.asked = append(d.asked, string(r.Action)+" "+r.Object.Route+r.Object.Type)
	decision, err := d.engine.Decide(ctx, r)
	if d.decide != nil {
		return d.decide(decision, err)
	}
	return decision, err
}

func (d *traced) Revision() string      { return d.engine.Revision() }
func (d *traced) Routes() policy.Routes { return d.routes }

func TestAShadowPolicyDecidesNothing(t *testing.T) {
	s := &shadow{Engine: engine(t, rules), next: engine(t, strings.ReplaceAll(rules, "/me,            GET", "/you,           GET"))}
	w := newFixture(t, func(c *authz.Config) { c.Policy = s })
	bearer, _ := w.login(acme, alice, "viewer")
	if rec := w.do("GET", "/me", bearer); rec.Code != 200 || s.differs.Load() != 1 {
		t.Errorf("got %d, %d differences", rec.Code, s.differs.Load())
	}
	if rec := w.do("GET", "/notes/1", bearer); rec.Code != 200 || s.differs.Load() != 1 {
		t.Errorf("got %d, %d differences", rec.Code, s.differs.Load())
	}
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: new(token.Verifier), Sessions: w.manager, Policy: s}))
	e.GET("/me", func(echo.Context) error { return nil })
	var found *authz.VerifyError
	if err := authz.Verify(e, s); !errors.As(err, &found) || len(found.Unguarded) != 0 || len(found.Unrouted) == 0 {
		t.Errorf("Verify of a shadow: %v", err)
	}
	if err := authz.Verify(e, s.Engine); !errors.As(err, &found) || len(found.Unguarded) == 0 {
		t.Errorf("Verify by the engine behind a shadow: %v", err)
	}
}

func TestADeciderIsAskedForEachDecisionAndExplainsNothing(t *testing.T) {
	d := &traced{engine: engine(t, rules)}
	var explained error
	w := newFixture(t, func(c *authz.Config) {
		c.Policy = d
		observer := c.Observer
		c.Observer = func(ctx context.Context, e authz.Event) {
			observer(ctx, e)
			_, explained = authz.ExplainRoute(ctx)
		}
	})
	bearer, _ := w.login(acme, alice, "viewer")
	if rec := w.do("GET", "/notes/1", bearer); rec.Code != 200 {
		t.Fatalf("got %d %s", rec.Code, rec.Body)
	}
	if got := strings.Join(d.asked, ", "); got != "GET /notes/:id, read note" {
		t.Errorf("asked %s", got)
	}
	if !errors.Is(explained, authz.ErrNotExplained) || !strings.Contains(explained.Error(), "cannot explain") {
		t.Errorf("explained: %v", explained)
	}
}

// TestAnErrorOrAPanicBesideAnAllowDenies is about what other policies may do.
func TestAnErrorOrAPanicBesideAnAllowDenies(t *testing.T) {
	for name, row := range map[string]struct {
		decide func(policy.Decision, error) (policy.Decision, error)
		status int
	}{
		"an outage":            {func(d policy.Decision, _ error) (policy.Decision, error) { return d, errors.New("dial tcp: refused") }, 503},
		"a malformed request":  {func(d policy.Decision, _ error) (policy.Decision, error) { return d, policy.ErrRequest }, 403},
		"a misuse":             {func(d policy.Decision, _ error) (policy.Decision, error) { return d, policy.ErrMisused }, 500},
		"a policy not loaded":  {func(d policy.Decision, _ error) (policy.Decision, error) { return d, policy.ErrNotLoaded }, 503},
		"a panic":              {func(policy.Decision, error) (policy.Decision, error) { panic("hunter2") }, 503},
		"a panic with nil":     {func(policy.Decision, error) (policy.Decision, error) { panic(error(nil)) }, 503},
		"the zero decision":    {func(policy.Decision, error) (policy.Decision, error) { return policy.Decision{}, nil }, 403},
		"an effect of its own": {func(policy.Decision, error) (policy.Decision, error) { return policy.Decision{Effect: 7}, nil }, 403},
	} {
		t.Run(name, func(t *testing.T) {
			d := &traced{engine: engine(t, rules), decide: row.decide}
			w := newFixture(t, func(c *authz.Config) { c.Policy = d })
			bearer, _ := w.login(acme, alice, "viewer")
			rec := w.do("GET", "/me", bearer)
			if rec.Code != row.status || w.reached.Load() != 0 || strings.Contains(rec.Body.String(), "hunter2") {
				t.Errorf("got %d %s, %d handlers ran", rec.Code, rec.Body, w.reached.Load())
			}
			if e := w.events[len(w.events)-1]; e.Err == nil || e.Status != row.status {
				t.Errorf("the observer is told %v, %d", e.Err, e.Status)
			}
		})
	}
}

// TestVerifyOfAPolicyThatCannotListItsRules needs the list of open routes.
func TestVerifyOfAPolicyThatCannotListItsRules(t *testing.T) {
	d := &traced{engine: engine(t, rules)}
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: new(token.Verifier), Sessions: newFixture(t).manager, Policy: d}))
	e.GET("/public", func(echo.Context) error { return nil })
	if err := authz.Verify(e, d); err == nil || !strings.Contains(err.Error(), "OpenRoutes") {
		t.Errorf("without a list: %v", err)
	}
	if err := authz.VerifyRoutes(e, d); err == nil || !strings.Contains(err.Error(), "OpenRoutes") {
		t.Errorf("VerifyRoutes without a list: %v", err)
	}
	if err := authz.Verify(e, d, authz.OpenRoutes("GET /public")); err != nil {
		t.Errorf("with a list: %v", err)
	}
	if err := authz.Verify(e, d, authz.OpenRoutes()); err != nil {
		t.Errorf("with an empty list: %v", err)
	}
	var found *authz.VerifyError
	if err := authz.Verify(e, d, authz.OpenRoutes("GET /publik")); !errors.As(err, &found) || len(found.Unopened) != 1 || !strings.Contains(err.Error(), "GET /publik") {
		t.Errorf("with a mistyped list: %v", err)
	}
	d.routes = d.engine
	if err := authz.Verify(e, d, authz.OpenRoutes("GET /public")); err == nil || errors.As(err, &found) {
		t.Errorf("a list beside rules: %v", err)
	}
	if err := authz.Verify(e, (*policy.Engine)(nil)); err == nil {
		t.Error("a nil engine is verified")
	}
	if _, err := (authz.Config{Policy: (*policy.Engine)(nil)}).ToMiddleware(); err == nil || !strings.Contains(err.Error(), "Policy: required") {
		t.Errorf("a nil engine is a policy: %v", err)
	}
}

// TestADeciderThatCannotBeComparedIsNotBelievedToBeTheSame: its type can be compared, and what it holds
// cannot, which would end the start with a panic.
func TestADeciderThatCannotBeComparedIsNotBelievedToBeTheSame(t *testing.T) {
	decider := wrapping{listing{Decider: engine(t, rules), rules: []string{"one"}}}
	w := newFixture(t, func(cfg *authz.Config) { cfg.Policy = decider })
	if err := authz.Verify(w.echo, decider); err == nil {
		t.Error("a policy that cannot be compared is taken for the one that decides")
	}
}

type (
	wrapping struct{ authz.Decider }
	listing  struct {
		authz.Decider
		rules []string
	}
)
