package authz

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Caller is the user that a request comes from, or an anonymous one. It is safe for concurrent use. The zero Caller is
// anonymous and may do nothing.
type Caller struct {
	session    session.Session
	thumbprint string // of the key that the request was proved with
	adopted    bool   // whether the session is that of another provider's token
	exchange   Exchange
	env        environment
	params     params
	guard      *Guard
	life       lifetime
	answer     keptWriter
	asked      atomic.Bool // whether the handler has asked about an object
	principal  bool        // whether Guard.As made the caller, who has no session
	within     *Caller     // that of the request in which Guard.As made the caller
}

// begin makes c the caller of a request, before it is decided what they may do.
func (c *Caller) begin(g *Guard, x Exchange, r *http.Request, route string, who *middleware.Identity) {
	c.guard, c.exchange, c.session, c.thumbprint, c.adopted = g, x, who.Session, who.Thumbprint(), who.Adopted
	c.env.begin(r, x, who.Session)
	c.params.read(route, x)
	object := policy.Route(route)
	object.Attributes = &c.params
	c.life.begin(c, who.Token.ExpiresAt(), policy.Request{
		Tenant: c.Tenant(), Action: routeAction(r.Method), Object: object, Env: &c.env,
	})
}

// status is the HTTP status that err is answered with, 0 for nil.
func (c *Caller) status(err error) int {
	if err == nil {
		return 0
	}
	if p, ok := problemOf(err); ok {
		return p.Status
	}
	if c.exchange == nil {
		return http.StatusInternalServerError // no door answers a job
	}
	return c.exchange.Status(err)
}

// FromContext returns the caller of the request that ctx belongs to, and false when ctx
// belongs to no request that the middleware let through.
func FromContext(ctx context.Context) (*Caller, bool) {
	c, ok := ctx.Value(reqctx.CallerKey).(*Caller)
	return c, ok && c != nil
}

// IsAnonymous reports whether nobody is signed in. A [Principal] is somebody.
func (c *Caller) IsAnonymous() bool { return c.session.ID.IsZero() && !c.principal }

// Tenant returns the caller's tenant, zero for an anonymous caller.
func (c *Caller) Tenant() tenant.ID { return c.session.Tenant }

// User returns the caller's user id, zero for an anonymous caller.
func (c *Caller) User() session.UserID { return c.session.User }

// Session returns the caller's session as it was loaded for this request, and false for
// an anonymous caller and for a [Principal].
func (c *Caller) Session() (session.Session, bool) {
	if c.principal {
		return session.Session{}, false
	}
	return c.session, !c.IsAnonymous()
}

// Thumbprint returns the RFC 7638 thumbprint of the key proven on this request (RFC 9449), and ""
// for a bearer token, a cookie and an anonymous caller.
func (c *Caller) Thumbprint() string { return c.thumbprint }

// subject is the caller as policies see it.
func (c *Caller) subject() policy.Subject {
	if c.IsAnonymous() {
		return policy.Subject{}
	}
	s := c.current()
	return policy.Subject{ID: s.User.String(), Roles: s.Roles, Attributes: s.Attributes}
}

// current is the session as it is last known: a stream may have seen it change since it
// was loaded.
func (c *Caller) current() *session.Session {
	if s := c.life.latest.Load(); s != nil {
		return s
	}
	return &c.session
}

// bind returns a context that answers tenant, session and caller. An anonymous caller has
// neither tenant nor session, and inherits none.
func (c *Caller) bind(ctx context.Context) context.Context {
	node := &reqctx.Node{Context: ctx, Caller: c, Share: c.guard.authenticator}
	if !c.IsAnonymous() {
		node.Tenant, node.Session = &c.session.Tenant, &c.session
		c.life.bind(ctx)
		node.Context = &c.life
	}
	return node
}
