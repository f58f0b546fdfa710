package authz_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"
	"pgregory.net/rapid"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
)

func notFound(echo.Context) error { return middleware.ErrNotFound }

type attributesFunc func(name string) (any, bool)

func (f attributesFunc) Get(name string) (any, bool) { return f(name) }

const explainRules = rules + `
p, role:anyone,        *, note, peek,  "ipMatch(r.env.ip, '192.0.2.0/24')", allow
p, role:authenticated, *, note, sign,  r.env.mfa == true, allow
p, role:viewer,        *, note, stamp, r.env.time > 0, allow
`

// TestAnExplanationDecidesAsCheckDoes, for random callers, objects and conditions on the
// environment, which nobody passes in by hand.
func TestAnExplanationDecidesAsCheckDoes(t *testing.T) {
	explained := engine(t, explainRules)
	rapid.Check(t, func(rt *rapid.T) {
		w := newFixture(t, func(c *authz.Config) {
			c.Policy = explained
			if rapid.Bool().Draw(rt, "hide") {
				c.HideExistence = authz.HideUnless("read")
			}
		})
		roles := rapid.SampledFrom([][]string{nil, {"viewer"}, {"editor"}, {"unheard"}}).Draw(rt, "roles")
		bearer := ""
		if rapid.IntRange(0, 4).Draw(rt, "signed in") > 0 {
			bearer, _ = w.login(acme, alice, roles...)
		}
		action := authz.Action(rapid.SampledFrom([]string{"read", "update", "peek", "sign", "stamp", "delete", "", "UP"}).Draw(rt, "action"))
		obj := ours(rapid.SampledFrom([]string{"alice", "bob"}).Draw(rt, "owner"))
		obj.ID = rapid.SampledFrom([]string{"1", "13", "", "x\n"}).Draw(rt, "id")
		if rapid.IntRange(0, 4).Draw(rt, "foreign") == 0 {
			obj.Tenant = globex
		}
		w.inside(bearer, func(ctx context.Context) {
			decision, checked := authz.Check(ctx, action, obj)
			events := len(w.events)
			x, err := authz.Explain(ctx, action, obj)
			if len(w.events) != events {
				rt.Error("an explanation is no decision for the observer")
			}
			if err != nil {
				if checked == nil || x.Decision.Allowed() {
					rt.Fatalf("allowed, and not explained: %v", err)
				}
				return
			}
			if x.Decision.Allowed() != (checked == nil) {
				rt.Fatalf("Check says %v and %v, the explanation %s", decision, checked, x)
			}
			if diff := cmp.Diff(decision, x.Decision); diff != "" {
				rt.Error(diff)
			}
		})
	})
}

// TestAnObserverCanExplainWhatItIsToldOf, the refusal of a route among them.
func TestAnObserverCanExplainWhatItIsToldOf(t *testing.T) {
	var got []policy.Explanation
	w := newFixture(t, func(c *authz.Config) {
		c.Observer = func(ctx context.Context, e authz.Event) {
			switch e.Kind {
			case authz.RouteDecision:
				x, err := authz.ExplainRoute(ctx)
				if err != nil {
					t.Error(err)
				}
				got = append(got, x)
			case authz.ObjectDecision:
				x, err := authz.Explain(ctx, e.Action, ours("bob"))
				if err != nil {
					t.Error(err)
				}
				got = append(got, x)
			}
		}
	})
	bearer, _ := w.login(acme, alice, "editor")
	w.do("GET", "/unruled", bearer)
	w.inside(bearer, func(ctx context.Context) { authz.Can(ctx, "update", ours("bob")) })
	var said []string
	for _, x := range got {
		said = append(said, x.Caller+" "+string(x.Action)+" "+x.Object+" "+x.Decision.Effect.String())
	}
	want := []string{"user:alice GET /unruled deny", "user:alice GET /me allow", "user:alice update note:1 deny"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
	if misses := got[2].NearMisses; len(misses) == 0 {
		t.Error("no near miss")
	}
}

// TestThereIsNothingToExplainWithoutACaller, nor of another tenant's object.
func TestThereIsNothingToExplainWithoutACaller(t *testing.T) {
	if _, err := authz.Explain(t.Context(), "read", note("alice")); !errors.Is(err, authz.ErrNoCaller) {
		t.Errorf("got %v", err)
	}
	if _, err := authz.ExplainRoute(t.Context()); !errors.Is(err, authz.ErrNoCaller) {
		t.Errorf("got %v", err)
	}
	w := newFixture(t)
	bearer, _ := w.login(acme, alice, "viewer")
	w.inside(bearer, func(ctx context.Context) {
		theirs := note("alice")
		theirs.Tenant = globex
		if x, err := authz.Explain(ctx, "read", theirs); !errors.Is(err, authz.ErrHidden) || x.Decision.Allowed() {
			t.Errorf("got %v, %v", x, err)
		}
	})
}

// TestTheObserverOfARefusedCredentialHasNoCaller: nobody is known then.
func TestTheObserverOfARefusedCredentialHasNoCaller(t *testing.T) {
	seen := 0
	w := newFixture(t, func(c *authz.Config) {
		c.Observer = func(ctx context.Context, _ authz.Event) {
			seen++
			if _, ok := authz.FromContext(ctx); ok {
				t.Error("there is a caller")
			}
		}
	})
	w.do("GET", "/public", "nonsense")
	if seen != 1 {
		t.Errorf("%d events", seen)
	}
}
