package authz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
)

// The words of lists, from package policy.
type (
	Predicate = policy.Predicate
	Mask      = policy.Mask
	List      = policy.List
	Page      = policy.Page
	Sort      = policy.Sort
)

// ErrNotFiltered means that [Config].Policy is a Decider that cannot say which objects it allows.
var ErrNotFiltered = fmt.Errorf("authz: the policy makes no filters: %w", middleware.ErrMisused)

// filterer is a Decider that can say which objects it allows.
type filterer interface {
	Filter(ctx context.Context, r policy.Request) (policy.Predicate, error)
	Fields(ctx context.Context, r policy.Request) (policy.Mask, error)
}

// Filter returns the [Predicate] of the objects of a type that the caller of ctx may do action to:
// those that [Check] would allow. Lists, searches and counts add it to their query:
//
//	may, err := authz.Filter(ctx, "read", "invoice")
//	if err != nil {
//		return err
//	}
//	where, args, err := may.SQL(policy.Postgres, "i")
//
// A caller who may see nothing has a Predicate that selects nothing, and no error; so has everybody
// for an action that no rule about the type names. An anonymous caller has no tenant to list and is
// asked to sign in. A type that attributes.csv does not list, and an attribute of another type, are
// misuse, which wraps [middleware.ErrMisused]; too many comparisons, [policy.ErrFilterTooLarge], and
// every other failure is an outage. Beside an error the Predicate selects nothing.
func Filter(ctx context.Context, action Action, objectType string) (Predicate, error) {
	var p Predicate
	err := filtered(ctx, ListDecision, action, objectType, func(f filterer, r policy.Request) (d Decision, err error) {
		p, err = f.Filter(ctx, r)
		if err == nil && !p.None() {
			d.Effect = policy.Allow
		}
		d.Revision = p.Revision()
		return d, err
	})
	if err != nil {
		return Predicate{}, &refusal{err, action, objectType, Decision{}}
	}
	return p, nil
}

// Fields returns the [Mask] of the fields of a type's objects that the caller of ctx may do action
// to, such as read or update. Rules name fields as objects of the type field, see [Mask]. Errors are
// those of [Filter]; beside one, no field is in the Mask.
func Fields(ctx context.Context, action Action, objectType string) (Mask, error) {
	var m Mask
	err := filtered(ctx, FieldsDecision, action, objectType, func(f filterer, r policy.Request) (d Decision, err error) {
		if m, err = f.Fields(ctx, r); err == nil && !m.None() {
			d.Effect = policy.Allow
		}
		d.Revision = m.Revision()
		return d, err
	})
	if err != nil {
		return Mask{}, &refusal{err, action, objectType, Decision{}}
	}
	return m, nil
}

// filtered asks for a filter or a mask, and tells the Observer.
func filtered(ctx context.Context, kind DecisionKind, action Action, objectType string, ask func(filterer, policy.Request) (Decision, error)) error {
	caller, ok := FromContext(ctx)
	if !ok || caller.guard == nil {
		return ErrNoCaller
	}
	if kind == ListDecision { // a mask is of the fields of all objects, and asks about none
		caller.noteAsked()
	}
	start := time.Now()
	decision, err := caller.filter(action, Object{Type: objectType}, ask)
	caller.guard.observe(ctx, Event{Kind: kind, Action: action, Object: objectType, Decision: decision, Err: err, Elapsed: time.Since(start)}, caller)
	return err
}

func (c *Caller) filter(action Action, obj Object, ask func(filterer, policy.Request) (Decision, error)) (d Decision, err error) {
	if c.IsAnonymous() {
		return Decision{}, fmt.Errorf("%w: an anonymous caller has no tenant to list", middleware.ErrAuthenticationRequired)
	}
	if c.life.origin == fromEdge {
		return Decision{}, fmt.Errorf("%w: lists are not filtered", errEdge)
	}
	f, ok := c.guard.policy.(filterer)
	if !ok {
		return Decision{}, ErrNotFiltered
	}
	done := false
	defer func() {
		if !done {
			d, err = Decision{}, fmt.Errorf("%w: %w", middleware.ErrUnavailable, panicked(recover()))
		}
	}()
	d, err = ask(f, c.request(action, obj))
	done = true
	switch {
	case err == nil:
		return d, nil
	case errors.Is(err, policy.ErrMisused):
		return Decision{}, fmt.Errorf("%w: %w", middleware.ErrMisused, err)
	case errors.Is(err, policy.ErrRequest): // an attribute of the session, or the service's action
		return Decision{}, fmt.Errorf("%w: %w", ErrDenied, err)
	}
	return Decision{}, fmt.Errorf("%w: %w", middleware.ErrUnavailable, err)
}

// Allowed returns those of the actions that the caller of ctx may do to obj, in their order: what a
// user interface offers. Each is asked as [Can] asks, so that an error is a no.
func Allowed(ctx context.Context, obj Object, actions ...Action) []Action {
	var may []Action
	for _, action := range actions {
		if Can(ctx, action, obj) {
			may = append(may, action)
		}
	}
	return may
}
