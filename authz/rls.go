package authz

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
)

// RequestOf returns the request that [Check] makes for the caller of ctx, without an action and an
// object. Package policyrls takes it, to tell PostgreSQL whose statement it is:
//
//	signed, err := policyrls.NewContext(policyrls.Config{Signer: signer, Engine: engine, Types: types, Caller: authz.RequestOf})
//	…
//	db, err := pgxscope.New(pgxscope.Config{Pool: pool, Context: signed, Statuses: sessions})
//
// The error is [ErrNoCaller] outside a guarded request, and asks an anonymous caller to sign in.
func RequestOf(ctx context.Context) (policy.Request, error) {
	caller, ok := FromContext(ctx)
	if !ok || caller.guard == nil {
		return policy.Request{}, ErrNoCaller
	}
	if caller.IsAnonymous() {
		return policy.Request{}, fmt.Errorf("%w: an anonymous caller has no tenant", middleware.ErrAuthenticationRequired)
	}
	if caller.life.origin == fromEdge {
		return policy.Request{}, fmt.Errorf("%w: lists are not filtered", errEdge)
	}
	return caller.request("", Object{}), nil
}
