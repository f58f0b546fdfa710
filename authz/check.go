package authz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/tenant"
)

// Errors of [Check] and [Require]. Return them from a handler: the middleware answers
// them by the one table.
var (
	// ErrDenied means that the policy says no.
	ErrDenied = fmt.Errorf("authz: denied: %w", middleware.ErrForbidden)

	// ErrHidden means that the policy says no, or that the object is another tenant's, and
	// that the caller is told there is no such object.
	ErrHidden = fmt.Errorf("authz: hidden: %w", middleware.ErrNotFound)

	// ErrNoCaller means that the context belongs to no request that the middleware let
	// through, so there is nobody to decide about.
	ErrNoCaller = fmt.Errorf("authz: no caller in the context: %w", middleware.ErrMisused)
)

// Check decides whether the caller of ctx may do action to obj. The error is nil if and
// only if the decision allows, so neither can be misread:
//
//	if _, err := authz.Check(ctx, "update", invoice.Object()); err != nil {
//		return err
//	}
//
// A denial wraps [ErrDenied] or [ErrHidden]; for an anonymous caller it is the demand to
// sign in. Anything else is an outage or a misuse, and denies too. Misuse wraps
// [middleware.ErrMisused], which is answered 500, and its text says what to write: obj has an
// ID and no Tenant, is of a type that no file of the policy names, or has an attribute of
// another Go type than attributes.csv declares and a condition asks for it, or comes of a row that
// cannot be one object. A [Mapper] makes objects of rows.
//
// obj.Tenant is the tenant that is stored with the object. Where it is not the caller's, there
// is no such object: [ErrHidden]. Taken from the caller instead, it would prove nothing.
// Without an ID, as when creating, obj may leave it out: then it is the caller's. An anonymous
// caller has no tenant and is asked about in the object's, where rules for role:anyone decide,
// those of the tenant's own file too. Whether that tenant is active is not asked, since nobody
// is bound to it: a service that shows what tenants publish asks the session manager's
// TenantStatus.
func Check(ctx context.Context, action Action, obj Object) (Decision, error) {
	decision, err := check(ctx, action, obj, false)
	if err != nil {
		err = &refusal{err, action, obj.Type, decision}
	}
	return decision, err
}

func check(ctx context.Context, action Action, obj Object, advisory bool) (Decision, error) {
	caller, ok := FromContext(ctx)
	if !ok || caller.guard == nil {
		return Decision{}, ErrNoCaller
	}
	caller.noteAsked()
	start := time.Now()
	decision, err := caller.check(ctx, action, obj)
	caller.guard.observe(ctx, Event{
		Kind:     ObjectDecision,
		Advisory: advisory,
		Action:   action,
		Object:   objectName(obj),
		Decision: decision,
		Err:      err,
		Elapsed:  time.Since(start),
	}, caller)
	return decision, err
}

func (c *Caller) check(ctx context.Context, action Action, obj Object) (Decision, error) {
	if err := obj.Err(); err != nil { // which another Decider would not ask
		return Decision{}, asOutage(err)
	}
	if c.foreign(obj) {
		return Decision{}, ErrHidden
	}
	decision, err := c.guard.decide(ctx, c, middleware.TraceStart{Stage: middleware.StageCheck, Action: string(action), ObjectType: obj.Type}, c.request(action, obj))
	if err == nil && decision.Allowed() {
		return decision, nil
	}
	if failure := asOutage(err); failure != nil {
		return Decision{}, failure
	}
	if err == nil && obj.Route == "" && !c.guard.names(action, obj.Type) {
		// Misspelt by the service, or withdrawn by the policy's editor: a denial either way.
		err = fmt.Errorf("authz: no rule about %s has the action %q", obj.Type, action)
	}
	return decision, withCause(c.refuse(ctx, action, obj), err)
}

// where returns the tenant that an object is decided in. An anonymous caller has none, and is
// asked about in the object's.
func (c *Caller) where(obj Object) tenant.ID {
	if c.IsAnonymous() {
		return obj.Tenant
	}
	return c.Tenant()
}

// foreign reports whether obj belongs to another tenant than the caller.
func (c *Caller) foreign(obj Object) bool { return !obj.Tenant.IsZero() && obj.Tenant != c.where(obj) }

// request returns the policy's request about an object.
func (c *Caller) request(action Action, obj Object) policy.Request {
	return policy.Request{Tenant: c.where(obj), Subject: c.subject(), Action: action, Object: obj, Env: (*requestEnv)(c)}
}

// asOutage returns the error for what the policy could not decide, and nil for what it
// refuses. A request that no policy can decide, because its id or action is malformed or an
// attribute of the session is of another type than the policy declares, is refused like one
// that no rule allows: the values may be the client's.
func asOutage(err error) error {
	switch {
	case errors.Is(err, policy.ErrMisused):
		return fmt.Errorf("%w: %w", middleware.ErrMisused, err)
	case err == nil || errors.Is(err, policy.ErrRequest):
		return nil
	}
	return fmt.Errorf("%w: %w", middleware.ErrUnavailable, err)
}

// withCause adds a cause, when there is one, for the log.
func withCause(refusal, cause error) error {
	if cause == nil {
		return refusal
	}
	return fmt.Errorf("%w: %w", refusal, cause)
}

// Can is [Check] for templates and menus: whether the caller may. Every error is a no.
func Can(ctx context.Context, action Action, obj Object) bool {
	_, err := check(ctx, action, obj, true)
	return err == nil
}
