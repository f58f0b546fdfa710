package authz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
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
// sign in. Anything else is an outage or a misuse, and denies too.
func Check(ctx context.Context, action Action, obj Object) (Decision, error) {
	decision, err := check(ctx, action, obj)
	if err != nil {
		err = &refusal{err, action, obj.Type, decision}
	}
	return decision, err
}

func check(ctx context.Context, action Action, obj Object) (Decision, error) {
	caller, ok := FromContext(ctx)
	if !ok || caller.gate == nil {
		return Decision{}, ErrNoCaller
	}
	start := time.Now()
	decision, err := caller.check(ctx, action, obj)
	caller.gate.observe(ctx, Event{
		Kind:     ObjectDecision,
		Action:   action,
		Object:   objectName(obj),
		Decision: decision,
		Err:      err,
		Elapsed:  time.Since(start),
	}, caller)
	return decision, err
}

func (c *Caller) check(ctx context.Context, action Action, obj Object) (Decision, error) {
	if c.foreign(obj) {
		return Decision{}, ErrHidden
	}
	decision, err := c.gate.policy.Decide(ctx, c.request(action, obj))
	if err == nil && decision.Allowed() {
		return decision, nil
	}
	// What no policy can decide, because its id or action is malformed, is refused like
	// what no rule allows: the id may be the client's.
	if err != nil && !errors.Is(err, policy.ErrRequest) {
		return Decision{}, fmt.Errorf("%w: %w", middleware.ErrUnavailable, err)
	}
	return decision, because(c.refuse(ctx, action, obj), err)
}

// foreign reports whether obj belongs to another tenant than the caller.
func (c *Caller) foreign(obj Object) bool { return !obj.Tenant.IsZero() && obj.Tenant != c.Tenant() }

// request is what the policy is asked about an object.
func (c *Caller) request(action Action, obj Object) policy.Request {
	return policy.Request{Tenant: c.Tenant(), Subject: c.subject(), Action: action, Object: obj, Env: &c.env}
}

// because adds a cause, when there is one, for the log.
func because(refusal, cause error) error {
	if cause == nil {
		return refusal
	}
	return fmt.Errorf("%w: %w", refusal, cause)
}

// Can is [Check] for templates and menus: whether the caller may. Every error is a no.
func Can(ctx context.Context, action Action, obj Object) bool {
	_, err := check(ctx, action, obj)
	return err == nil
}

// Require returns middleware for one route that checks the object the request is about
// before the handler runs. object finds it; its error is returned as it is, and denies.
func Require(action Action, object func(c echo.Context) (Object, error)) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			obj, err := object(c)
			if err != nil {
				return err
			}
			if _, err := Check(c.Request().Context(), action, obj); err != nil {
				return err
			}
			return next(c)
		}
	}
}
