package authz

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Principal is somebody as whom work outside a request is done: the user whose job it is, or a
// user id of the service's own, such as "ci-webhook". Nothing of it comes from a session, so
// roles and attributes are those that the service gives: the ones that the user has now, never
// those of the day on which the job was made.
type Principal struct {
	Tenant     tenant.ID          // required
	User       session.UserID     // required
	Roles      session.Roles      // for the tenant, without "role:"
	Attributes session.Attributes // which conditions compare
}

// As returns a context in which [Check], [Can] and [Explain] decide about p, for jobs and
// webhooks, whose callers have no session:
//
//	ctx, err := guard.As(ctx, authz.Principal{Tenant: job.Tenant, User: user, Roles: roles})
//	if err != nil {
//		return err
//	}
//	_, err = authz.Check(ctx, "export", tasks.Object(&row))
//
// The tenant's status is asked for each time: it is bound as by [tenant.Bind], with its errors,
// and an outage wraps [middleware.ErrUnavailable]. The answer is that of the moment, as the
// roles are. Decisions are told to the guard's Observer and Tracer like those of requests, with
// [Event].Principal set. tenant.FromContext answers; session.FromContext does not, and there is
// no client's address, no factor of a sign-in and no actor: conditions on r.env.ip are unknown.
// No rule for a route is asked.
//
// As makes a caller where there is none, and never another one: below a request of somebody who
// is signed in, and below an earlier As, it is refused with [middleware.ErrMisused], and below a
// context of another tenant with [tenant.ErrMismatch]. A webhook that its handler has verified
// is a request of an anonymous caller, and may. A principal without tenant or user is refused
// too. [Config].Sessions has to tell the status of tenants, as a session.Manager does.
func (g *Guard) As(ctx context.Context, p Principal) (context.Context, error) {
	if p.Tenant.IsZero() || p.User.IsZero() {
		return nil, fmt.Errorf("%w: authz: a principal needs a Tenant and a User", middleware.ErrMisused)
	}
	within, ok := FromContext(ctx)
	if ok && !within.IsAnonymous() {
		return nil, fmt.Errorf("%w: authz: As below a caller: begin with the context of the job", middleware.ErrMisused)
	}
	if g.statuses == nil {
		return nil, fmt.Errorf("%w: authz: As needs Config.Sessions to have the method TenantStatus, as a session.Manager has", middleware.ErrMisused)
	}
	bound, err := tenant.Bind(ctx, p.Tenant, g.statuses)
	if err != nil {
		if _, known := middleware.FromError(err); !known {
			err = fmt.Errorf("%w: %w", middleware.ErrUnavailable, err)
		}
		return nil, err
	}
	caller := &Caller{
		guard: g, within: within,
		session: &session.Session{Tenant: p.Tenant, User: p.User, Roles: p.Roles, Attributes: p.Attributes},
	}
	caller.life.origin = fromPrincipal
	return &reqctx.Node{Context: bound, Tenant: &caller.session.Tenant, Caller: caller, Share: ctx.Value(reqctx.ShareKey)}, nil
}
