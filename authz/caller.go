package authz

import (
	"context"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Caller is who a request comes from. It is safe for concurrent use. The zero Caller is
// anonymous and may do nothing.
type Caller struct {
	session    session.Session
	thumbprint string // of the key that the request was proved with
	env        environment
	gate       *gate
	life       lifetime
	answer     keptWriter
}

// FromContext returns the caller of the request that ctx belongs to, and false when ctx
// belongs to none that the middleware let through.
func FromContext(ctx context.Context) (*Caller, bool) {
	c, ok := ctx.Value(reqctx.CallerKey).(*Caller)
	return c, ok && c != nil
}

// Anonymous reports whether nobody is signed in.
func (c *Caller) Anonymous() bool { return c.session.ID.IsZero() }

// Tenant returns the caller's tenant, zero for an anonymous caller.
func (c *Caller) Tenant() tenant.ID { return c.session.Tenant }

// User returns the caller's user id, zero for an anonymous caller.
func (c *Caller) User() session.UserID { return c.session.User }

// Session returns the caller's session as it was loaded for this request, and false for
// an anonymous caller.
func (c *Caller) Session() (session.Session, bool) { return c.session, !c.Anonymous() }

// Thumbprint returns the thumbprint of the key that the caller has shown to hold with this
// request (RFC 9449), and "" for a bearer token, a cookie and an anonymous caller.
func (c *Caller) Thumbprint() string { return c.thumbprint }

// subject is the caller as policies see it.
func (c *Caller) subject() policy.Subject {
	if c.Anonymous() {
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
	node := &reqctx.Node{Context: ctx, Caller: c, Share: c.gate.share}
	if !c.Anonymous() {
		node.Tenant, node.Session = &c.session.Tenant, &c.session
		c.life.Context, c.life.caller, c.life.since = ctx, c, time.Now()
		node.Context = &c.life
	}
	return node
}
