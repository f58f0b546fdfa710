package authz

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
)

// Decider decides requests: a [policy.Engine], or a replacement, such as one that traces
// the engine, that compares it with a second, or that asks the Casbin policy of an older service
// (policy.FromIndex). Its methods are safe for concurrent use.
//
// A Decider may also have the methods of the engine by which [Explain] explains, by which
// [Check] tells an action that is misspelt, and by which [Verify] sees rules for all objects:
// Explain, Names and Rules. One that wraps an engine embeds it to keep them. With them it keeps Filter
// and Fields, by which lists are made: one that decides otherwise than its engine has to have its own,
// or lists show what [Check] refuses.
type Decider interface {
	// Decide answers a request. An error, whatever decision comes with it, denies: one that wraps
	// policy.ErrRequest as a refusal, one that wraps policy.ErrMisused with 500, any other as an
	// outage with 503. A panic denies too.
	Decide(ctx context.Context, r policy.Request) (policy.Decision, error)

	// Revision names the policy that decides now, "" for none.
	Revision() string

	// Routes answers what [Verify] asks, nil when the rules cannot be listed. Then Verify
	// needs [OpenRoutes].
	Routes() policy.Routes
}

var _ Decider = (*policy.Engine)(nil)

// explainer is a Decider that can say why.
type explainer interface {
	Explain(ctx context.Context, r policy.Request) (policy.Explanation, error)
}

// actionNamer is a Decider that knows which actions its rules name.
type actionNamer interface {
	Names(action policy.Action, objectType string) bool
}

// ruleLister is one whose rules can be listed, also those for all objects.
type ruleLister interface{ Rules() []policy.Rule }

// ErrNotExplained means that [Config].Policy is a Decider that cannot say why it decides.
var ErrNotExplained = fmt.Errorf("authz: the policy cannot explain its decisions: %w", middleware.ErrMisused)

// errDecider is that of a Decider that panicked.
var errDecider = errors.New("authz: the policy panicked")

// decide asks the policy as a stage. Beside an error the decision denies.
func (g *Guard) decide(ctx context.Context, caller *Caller, data middleware.TraceStart, r policy.Request) (policy.Decision, error) {
	if g.tracer == nil {
		return g.askFor(ctx, caller, r)
	}
	ctx = middleware.StartStage(ctx, g.tracer, data)
	decision, err := g.askFor(ctx, caller, r)
	g.tracer.StageEnd(ctx, middleware.TraceEnd{
		Stage: data.Stage, Err: middleware.TraceError(denial(decision, err)), Revision: decision.Revision,
	})
	return decision, err
}

// denial is the error of a decision for a tracer.
func denial(decision policy.Decision, err error) error {
	switch {
	case err == nil && decision.Allowed():
		return nil
	case err == nil:
		return ErrDenied
	}
	if failure := asOutage(err); failure != nil {
		return failure
	}
	return ErrDenied
}

// askFor asks the policy and, for a caller whose session was not asked for, the edge's too.
func (g *Guard) askFor(ctx context.Context, caller *Caller, r policy.Request) (policy.Decision, error) {
	decision, err := g.ask(ctx, r)
	if caller.life.origin == fromEdge {
		return g.decideEdge(ctx, r, decision, err)
	}
	return decision, err
}

// ask is the one call of Decide.
func (g *Guard) ask(ctx context.Context, r policy.Request) (decision policy.Decision, err error) {
	done := false
	defer func() {
		if !done {
			decision, err = policy.Decision{}, panicked(recover())
		}
	}()
	decision, err = g.policy.Decide(ctx, r)
	done = true
	if err != nil {
		return policy.Decision{Revision: decision.Revision}, err
	}
	return decision, nil
}

func panicked(v any) error {
	if v == nil { // runtime.Goexit
		return errDecider
	}
	return fmt.Errorf("%w: %v", errDecider, v)
}

// names reports whether some rule names the action. A Decider that cannot tell is not blamed.
func (g *Guard) names(action policy.Action, objectType string) bool {
	n, ok := g.policy.(actionNamer)
	return !ok || n.Names(action, objectType)
}

// explain says why, where the policy can.
func (g *Guard) explain(ctx context.Context, r policy.Request) (policy.Explanation, error) {
	e, ok := g.policy.(explainer)
	if !ok {
		return policy.Explanation{}, ErrNotExplained
	}
	return e.Explain(ctx, r)
}

// sameDecider reports whether a is b. One that cannot be compared is not.
func sameDecider(a, b Decider) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}
