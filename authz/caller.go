package authz

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// Caller is the user that a request comes from, or an anonymous one. It is safe for concurrent use. The zero Caller is
// anonymous and may do nothing.
type Caller struct {
	guard     *Guard
	exchange  Exchange
	session   *session.Session // without its ID, and shared: it is only read; nil is nobody's
	id        session.ID       // of the session
	token     *token.Verified  // nil without a credential
	tokenEnds int64            // Unix time
	within    *Caller          // that of the request in which Guard.As made the caller
	original  *http.Request    // without the caller in its context; nil where there is no request
	action    policy.Action    // of the route
	route     string           // as rules name it
	params    params
	client    atomic.Pointer[string] // their address, "" for none; nil until it is asked for
	life      lifetime
	answer    keptWriter
	handed    http.Request // the one that the handler has
}

// origin is where a caller's session comes from.
type origin uint8

const (
	fromStore     origin = iota // it was loaded, or there is none
	fromAdoption                // it is that of another provider's token
	fromPrincipal               // Guard.As made the caller, who has none
	fromEdge                    // it was not asked for, in an outage
)

// nobody is the session of who has none.
var nobody session.Session

// begin makes c the caller of a request, before it is decided what they may do.
func (c *Caller) begin(x Exchange, r *http.Request, route string, identity *middleware.Identity) {
	shared, id := identity.Shared()
	c.exchange, c.session, c.id, c.token = x, reqctx.Read(shared), id, identity.Token
	switch {
	case identity.Edge:
		c.life.origin = fromEdge
	case identity.Adopted:
		c.life.origin = fromAdoption
	}
	c.tokenEnds = identity.Token.ExpiresAt().Unix() // which is to the second
	c.original, c.action, c.route = r, routeAction(r.Method), route
	c.life.known = c.params.read(route, x)
	c.life.caller = c
}

// loaded is the session as it was loaded for the request, without its ID.
func (c *Caller) loaded() *session.Session {
	if c.session == nil {
		return &nobody
	}
	return c.session
}

// ref finds the caller's session.
func (c *Caller) ref() session.Ref {
	s := c.loaded()
	return session.Ref{Tenant: s.Tenant, User: s.User, ID: c.id}
}

// routeRequest returns the policy's request about the route.
func (c *Caller) routeRequest() policy.Request {
	object := policy.Route(c.route)
	object.Attributes = (*routeParams)(c)
	return policy.Request{Tenant: c.Tenant(), Subject: c.subject(), Action: c.action, Object: object, Env: (*requestEnv)(c)}
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
func (c *Caller) IsAnonymous() bool { return c.id.IsZero() && c.life.origin != fromPrincipal }

// Tenant returns the caller's tenant, zero for an anonymous caller.
func (c *Caller) Tenant() tenant.ID { return c.loaded().Tenant }

// User returns the caller's user id, zero for an anonymous caller.
func (c *Caller) User() session.UserID { return c.loaded().User }

// Session returns the caller's session as it was loaded for this request, and false for
// an anonymous caller and for a [Principal].
func (c *Caller) Session() (session.Session, bool) {
	if c == nil || c.id.IsZero() {
		return session.Session{}, false
	}
	s := *c.loaded()
	s.ID = c.id
	return s, true
}

// Thumbprint returns the RFC 7638 thumbprint of the key proven on this request (RFC 9449), and ""
// for a bearer token, a cookie and an anonymous caller.
func (c *Caller) Thumbprint() string { return c.token.Thumbprint() }

// subject is the caller as policies see it.
func (c *Caller) subject() policy.Subject {
	if c.IsAnonymous() {
		return policy.Subject{}
	}
	s := c.current()
	return policy.Subject{ID: s.User.String(), Roles: rolesOf{s}, Attributes: s.Attributes}
}

// rolesOf are the roles of a session, without memory of their own.
type rolesOf struct{ of *session.Session }

// Len implements [policy.Roles].
func (r rolesOf) Len() int { return r.of.Roles.Len() }

// At implements [policy.Roles].
func (r rolesOf) At(i int) string { return r.of.Roles.At(i) }

// current is the session as it is last known: a stream may have seen it change since it
// was loaded.
func (c *Caller) current() *session.Session {
	if s := c.life.latest.Load(); s != nil {
		return s
	}
	return c.loaded()
}
