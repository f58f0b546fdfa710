package authz

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/authz/policy"
)

// Explain says why the caller of ctx may, or may not, do action to obj. It decides as
// [Check] does, for the same caller, roles, attributes and environment, and works wherever
// Check does and in an [Observer]:
//
//	x, err := authz.Explain(ctx, "update", invoice.Object())
//	if err == nil {
//		logger.Debug("why", "explanation", x)
//	}
//
// It reads every rule, so it is for people who ask and not for every request, and nothing
// that it returns is for clients. It is told to no Observer. An object of another tenant is
// not explained, since no rule is asked: the error wraps [ErrHidden]. Other errors are
// [ErrNoCaller], those of [policy.Engine.Explain], and [ErrNotExplained] where
// another [Decider] cannot say why.
func Explain(ctx context.Context, action Action, obj Object) (policy.Explanation, error) {
	caller, ok := FromContext(ctx)
	if !ok || caller.guard == nil {
		return policy.Explanation{}, ErrNoCaller
	}
	if caller.foreign(obj) {
		return policy.Explanation{}, fmt.Errorf("%w: the object is another tenant's", ErrHidden)
	}
	return caller.guard.explain(ctx, caller.request(action, obj))
}

// ExplainRoute says why the caller of ctx may, or may not, use the route of the request, as
// [Explain] does for an object. In an [Observer] it explains a route decision, also one that
// refuses, unless it is not known who asks. A [Principal] has used no route: [ErrNoCaller].
func ExplainRoute(ctx context.Context) (policy.Explanation, error) {
	caller, ok := FromContext(ctx)
	if !ok || caller.guard == nil || caller.life.origin == fromPrincipal {
		return policy.Explanation{}, ErrNoCaller
	}
	return caller.guard.explain(ctx, caller.routeRequest())
}
