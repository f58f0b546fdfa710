package authz

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
)

// gate runs the life of a request: who asks, for which tenant, whether they may, and only
// then the handler. It is immutable.
type gate struct {
	authenticator middleware.Authenticator
	policy        *policy.Engine
	observer      Observer
	hide          Hiding
	hideTypes     map[string]Hiding
	log           refusalLog
	watch         *Watch
	share         any // session.Share: what handlers read of sessions counts as loads
	cors          *middleware.CORS
	refuse        func(c echo.Context, p middleware.Problem, cause error) error
}

func newGate(cfg Config) *gate {
	g := &gate{
		authenticator: middleware.Authenticator{
			Tokens:   middleware.LimitVerifier(cfg.Tokens, cfg.MaxVerifications),
			Sessions: middleware.LimitLoader(cfg.Sessions, cfg.MaxLoads, cfg.MaxTenantLoads),
			Tenant:   cfg.Tenant,
			Cookie:   cfg.Cookie,
			DPoP:     cfg.DPoP.Clone(),
			CORS:     cfg.CORS.Clone(),
			Timeout:  cfg.Timeout,
		},
		policy:    cfg.Policy,
		observer:  cfg.Observer,
		hide:      cfg.HideExistence,
		hideTypes: maps.Clone(cfg.HideTypes),
		log:       refusalLog{logger: cfg.Logger},
		watch:     cfg.Watch,
		refuse:    cfg.ErrorHandler,
	}
	g.share = g.authenticator.Sessions
	g.cors = g.authenticator.CORS
	if g.refuse == nil {
		g.refuse = func(c echo.Context, p middleware.Problem, _ error) error {
			return middleware.Respond(c, p, cfg.Realm)
		}
	}
	return g
}

func (g *gate) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if p := probed(c); p != nil {
			return p.met(g, c)
		}
		if middleware.IsPreflight(c.Request()) {
			return g.preflight(c)
		}
		g.cors.Actual(c.Response().Header(), c.Request())
		caller, err := g.admit(c)
		if err != nil {
			g.guardHeaders(c, new(keptWriter), true)
			return g.reject(c, err)
		}
		caller.life.writer = c.Response().Writer
		g.guardHeaders(c, &caller.answer, !caller.Anonymous())
		defer caller.life.finish()
		if !caller.Anonymous() && upgrades(c.Request()) {
			if err := caller.follow(c.Response()); err != nil {
				return g.answer(c, err)
			}
		}
		err = next(c)
		caller.answer.complete() // which net/http writes where no handler did
		if err != nil {
			return g.answer(c, caller.own(caller.life.explain(err)))
		}
		return nil
	}
}

// preflight answers the question of a browser whether a script may ask. It is the same for
// every path, so it says nothing about any, and it reaches no handler.
func (g *gate) preflight(c echo.Context) error {
	if err := middleware.CheckTarget(c.Request()); err != nil {
		return g.reject(c, err)
	}
	g.cors.Preflight(c.Response().Header(), c.Request())
	return c.NoContent(http.StatusNoContent)
}

// admit decides whether the request may reach its handler, and as whom. A nil error is
// the only way through.
func (g *gate) admit(c echo.Context) (*Caller, error) {
	start := time.Now()
	identity, err := g.authenticator.Identify(c)
	route := routeName(c)
	caller := &Caller{session: identity.Session, thumbprint: identity.Thumbprint(), gate: g}
	caller.env.begin(c, identity.Session)
	caller.life.token = identity.Token.ExpiresAt()
	caller.life.route = policy.Request{Tenant: caller.Tenant(), Action: routeAction(c.Request().Method), Object: policy.Route(route), Env: &caller.env}
	var decision policy.Decision
	ctx := c.Request().Context()
	if err == nil {
		ctx = caller.bind(ctx)
		decision, err = g.decideRoute(c, route, caller, identity.Ignored)
	}
	event := Event{
		Kind:     RouteDecision,
		Action:   routeAction(c.Request().Method),
		Object:   route,
		Decision: decision,
		Err:      err,
		Elapsed:  time.Since(start),
	}
	if err != nil {
		event.by(identity.Refused, identity.Actors)
	}
	g.observe(ctx, event, caller)
	if err != nil {
		caller.life.finish()
		return nil, err
	}
	c.SetRequest(c.Request().WithContext(ctx))
	return caller, nil
}

// decideRoute asks the policy for the matched route template and the method; never for
// the URL, of which there are many for one route.
func (g *gate) decideRoute(c echo.Context, route string, caller *Caller, ignored error) (policy.Decision, error) {
	r := c.Request()
	if route == "" {
		return policy.Decision{}, unrouted(caller, echo.ErrNotFound)
	}
	decision, err := g.policy.Decide(r.Context(), policy.Request{
		Tenant:  caller.Tenant(),
		Subject: caller.subject(),
		Action:  routeAction(r.Method),
		Object:  policy.Route(route),
		Env:     &caller.env,
	})
	if err == nil && decision.Allowed() {
		return decision, nil
	}
	if failure := undecided(err); failure != nil {
		return policy.Decision{}, failure
	}
	switch {
	case caller.Anonymous() && ignored != nil:
		return decision, because(cookieRefusal(ignored), ignored)
	case caller.Anonymous():
		return decision, middleware.ErrAuthenticationRequired
	case methodMissing(c):
		return decision, echo.ErrMethodNotAllowed
	}
	return decision, &refusal{because(ErrDenied, err), "", "", decision}
}

// methodMissing reports whether the router found the path but no route for the method,
// and sets the Allow header that a 405 needs (RFC 9110 §15.5.6).
func methodMissing(c echo.Context) bool {
	allow, ok := c.Get(echo.ContextKeyHeaderAllow).(string)
	if !ok || c.Request().Method == http.MethodOptions {
		return false
	}
	c.Response().Header().Set(echo.HeaderAllow, allow)
	return true
}

// unrouted answers a request that no route serves: a known caller learns that, an
// anonymous one must sign in first.
func unrouted(caller *Caller, err error) error {
	if caller.Anonymous() {
		return middleware.ErrAuthenticationRequired
	}
	return err
}

// cookieRefusal is the kind of refusal for a cookie that was not believed: 403 where the
// caller is known and refused, otherwise the challenge to sign in.
func cookieRefusal(ignored error) error {
	if p, _ := middleware.FromError(ignored); p.Status == http.StatusForbidden {
		return middleware.ErrForbidden
	}
	return middleware.ErrAuthenticationRequired
}

// routeAction is the action of a method: HEAD is decided as GET, whose answer it is
// without the body (RFC 9110 §9.3.2).
func routeAction(method string) policy.Action {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return policy.Action(method)
}

// observe completes the event and hands it over.
func (g *gate) observe(ctx context.Context, e Event, caller *Caller) {
	if g.observer == nil {
		return
	}
	e.by(caller.session.Ref(), caller.session.Actors)
	e.Status = status(e.Err)
	g.observer(ctx, e)
}

// status is the HTTP status that err will be answered with, 0 for nil.
func status(err error) int {
	if err == nil {
		return 0
	}
	if p, ok := middleware.FromError(err); ok {
		return p.Status
	}
	var he *echo.HTTPError
	if errors.As(err, &he) {
		return he.Code
	}
	return http.StatusInternalServerError
}

// reject answers a request that reaches no handler.
func (g *gate) reject(c echo.Context, err error) error {
	if _, ours := middleware.FromError(err); ours {
		err = &stageError{err}
	}
	return g.answer(c, err)
}

// answer turns an error into a response: Reeve's own by the table, the service's by Echo.
func (g *gate) answer(c echo.Context, err error) error {
	problem, ours := middleware.FromError(err)
	if !ours {
		return err
	}
	g.log.refused(c, err)
	if c.Response().Committed {
		return err
	}
	return g.refuse(c, g.authenticator.DPoP.Challenge(problem), err)
}
