package session

import (
	"context"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/tenant"
)

// Share hands out slots to read a store, fairly among tenants, so that a tenant which asks for
// much delays itself alone. A middleware.Authenticator is one, and within a request the reads
// of a [Manager] that are not small, List, Devices and Events, take a slot like a load. Nothing that
// revokes depends on one.
type Share interface {
	// Enter returns when t has a slot; leave gives it back. An error means that no slot was free
	// in time: an outage.
	Enter(ctx context.Context, t tenant.ID) (leave func(), err error)
}

// enter takes a place of the tenant in the share of the request that ctx belongs to. Outside
// of one there is none to take.
func enter(ctx context.Context, t tenant.ID) (leave func(), err error) {
	share, ok := ctx.Value(reqctx.ShareKey).(Share)
	if !ok {
		return func() {}, nil
	}
	leave, err = share.Enter(ctx, t)
	return leave, classify(err)
}
