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

// NewContext binds work outside a request, such as a job, to a tenant. A context is
// bound once: one that already names another tenant is refused with [ErrMismatch],
// so that code below a request cannot leave the caller's tenant by this door.
// Requests are bound by the middleware and need no call.
func NewContext(ctx context.Context, id ID) (context.Context, error) {
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
