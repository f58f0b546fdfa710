package tenant

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/internal/reqctx"
)

// ErrNoScope is returned when work that belongs to one tenant is asked for in a
// context that names none. Nothing was read and nothing was sent.
var ErrNoScope = errors.New("tenant: no tenant in the context")

// FromContext returns the tenant that ctx is bound to. Without one it returns the
// zero ID and false.
func FromContext(ctx context.Context) (ID, bool) {
	id, ok := ctx.Value(reqctx.TenantKey).(*ID)
	if !ok || id == nil || id.IsZero() {
		return ID{}, false
	}
	return *id, true
}

// Require returns the tenant that ctx is bound to, or [ErrNoScope]. Data access
// starts with it.
func Require(ctx context.Context) (ID, error) {
	id, ok := FromContext(ctx)
	if !ok {
		return ID{}, ErrNoScope
	}
	return id, nil
}

// Statuses tells whether tenants may be served. session.Manager and every session store are
// one. Unknown is no error; an error means that it is not known.
type Statuses interface {
	TenantStatus(ctx context.Context, id ID) (Status, error)
}

// Bind binds work outside a request, such as a job, to a tenant that may be served now:
//
//	ctx, err := tenant.Bind(ctx, id, sessions)
//
// It asks for the status each time. A suspended tenant is [ErrSuspended] and one that was
// never set up [ErrUnknown]; when the status cannot be had, the error is that of statuses.
// The answer is that of the moment: work that takes long asks again. A context is bound once:
// one that already names another tenant is refused with [ErrMismatch], so that code below a
// request cannot leave the caller's tenant by this door. Requests are bound by the middleware
// and need no call.
func Bind(ctx context.Context, id ID, statuses Statuses) (context.Context, error) {
	bound, err := BindUnchecked(ctx, id)
	if err != nil {
		return nil, err
	}
	if statuses == nil {
		return nil, fmt.Errorf("%w: there is nobody to ask, give the session manager to Bind", ErrUnknown)
	}
	status, err := statuses.TenantStatus(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("tenant: status of %s: %w", id, err)
	}
	if err := status.Err(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, id)
	}
	return bound, nil
}

// BindUnchecked is [Bind] that does not ask: the tenant may be suspended or never set up. It is
// for work that must be done for such tenants too, such as deleting their data, and for tests.
func BindUnchecked(ctx context.Context, id ID) (context.Context, error) {
	if id.IsZero() {
		return nil, fmt.Errorf("%w: empty", ErrInvalidID)
	}
	if bound, ok := FromContext(ctx); ok {
		if bound != id {
			return nil, fmt.Errorf("%w: the context is bound to another tenant", ErrMismatch)
		}
		return ctx, nil
	}
	return context.WithValue(ctx, reqctx.TenantKey, &id), nil
}
