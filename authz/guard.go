package authz

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/tenant"
)

// Guard runs the life of a request, whatever the router: who asks, for which tenant, whether
// they may, and only then the handler. It is immutable and safe for concurrent use. Services use
// it through a door, [Middleware] for Echo or package httpauthz for net/http; a door for another
// router implements [Exchange].
type Guard struct {
	authenticator *middleware.Authenticator
	policy        Decider
	statuses      tenant.Statuses // the sessions again, nil where they know none
	observer      Observer
	tracer        Tracer
	hide          Hiding
	hideTypes     map[string]Hiding
	log           refusalLog
	streams       *StreamGuard
	unchecked     *Unchecked // nil where nobody is told
	edge          Edge       // nil where an outage is 503
	cors          *middleware.CORS
	proxies       *middleware.Proxies
	realm         string
	refuse        func(w http.ResponseWriter, r *http.Request, p middleware.Problem, cause error)
}

// Exchange is a request and its response as a door hands them to a [Guard]. A door makes one
// for each request, and embeds a [Passage] in it.
type Exchange interface {
	middleware.Match

	// Request returns the request as it is now.
	Request() *http.Request

	// Route returns the template of the route that the router chose, as rules name it: its
	// path, after the host where the route is that of one host alone. It is "" when no route
	// was chosen.
	Route() string

	// Unserved returns what a signed-in caller is told whom the policy refuses a request that
	// no handler serves: that there is no such route, or no such method of it, with the header
	// Allow in h. It is nil when a handler serves the request.
	Unserved(h http.Header) error

	// Response returns the response as handlers write to it.
	Response() http.ResponseWriter

	// Writer returns what Response writes to, and SetWriter puts another in its place, which
	// writes to that one. Where the router does not tell the two apart, they are one.
	Writer() http.ResponseWriter
	SetWriter(w http.ResponseWriter)

	// Status is the HTTP status with which the door answers an error that is not one of
	// Reeve's.
	Status(err error) int

	// Next runs the handler with r. Its error is answered by the Guard when it is one of
	// Reeve's, and otherwise returned by [Guard.Serve].
	Next(r *http.Request) error

	passage() *Passage
}

// Passage holds the state of one request in a [Guard]. It is used once.
type Passage struct{ caller Caller }

func (p *Passage) passage() *Passage { return p }

// Written reports whether the answer has begun, so that a door does not answer again.
func (p *Passage) Written() bool { return p.caller.answer.written }

// NewGuard returns the guard that cfg describes, or an error that names every invalid field.
func NewGuard(cfg Config) (*Guard, error) {
	cfg = cfg.withDefaults()
	authenticator, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	g := &Guard{
		authenticator: authenticator,
		policy:        cfg.Policy,
		observer:      cfg.Observer,
		tracer:        cfg.Tracer,
		hide:          cfg.HideExistence,
		hideTypes:     maps.Clone(cfg.HideTypes),
		log:           refusalLog{logger: cfg.Logger},
		streams:       cfg.Streams,
		unchecked:     cfg.Unchecked,
		edge:          cfg.InsecureEdge,
		cors:          authenticator.CORS(),
		proxies:       cfg.Proxies,
		realm:         cfg.Realm,
		refuse:        cfg.ErrorHandler,
	}
	g.statuses, _ = cfg.Sessions.(tenant.Statuses)
	return g, nil
}

// DecidesBy reports whether the guard asks d.
func (g *Guard) DecidesBy(d Decider) bool { return sameDecider(g.policy, g.meets(d)) }

// ClientIP returns the address that a request comes from by [Config].Proxies, and without them
// that of the connection.
func (g *Guard) ClientIP(r *http.Request) netip.Addr {
	if g.proxies != nil {
		return g.proxies.ClientIP(r)
	}
	return middleware.ConnectionIP(r)
}

// Serve lets a request through to its handler, or answers it. The error is one that the door
// answers in its own way: a handler's that is not one of Reeve's, or that of Unserved.
func (g *Guard) Serve(x Exchange) error {
	if middleware.IsPreflight(x.Request()) {
		return g.preflight(x)
	}
	g.cors.SetHeaders(x.Response().Header(), x.Request())
	caller := &x.passage().caller
	caller.guard = g
	r, err := g.admit(x, caller)
	if err != nil {
		g.guardHeaders(x, &caller.answer, true)
		return g.reject(x, err)
	}
	g.guardHeaders(x, &caller.answer, !caller.IsAnonymous())
	defer caller.life.finish()
	finished := false
	if g.unchecked != nil {
		defer func() { g.unchecked.returned(x, caller, finished, err) }()
	}
	if !caller.IsAnonymous() && upgrades(r) {
		w, err := caller.follow(x.Writer())
		if err != nil {
			return g.answer(x, err)
		}
		x.SetWriter(w)
	}
	err = g.next(x, r, caller)
	finished = true
	caller.answer.complete() // which net/http writes where no handler did
	if err != nil {
		return g.answer(x, caller.own(caller.life.explain(err)))
	}
	return nil
}

// preflight answers the question of a browser whether a script may ask. It is the same for
// every path, so it says nothing about any, and it reaches no handler.
func (g *Guard) preflight(x Exchange) error {
	if err := middleware.CheckTarget(x.Request()); err != nil {
		g.guardHeaders(x, &x.passage().caller.answer, true)
		return g.reject(x, err)
	}
	w := x.Response()
	g.cors.SetPreflightHeaders(w.Header(), x.Request())
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// admit decides whether the request may reach its handler, and as whom. A nil error is
// the only way through.
func (g *Guard) admit(x Exchange, caller *Caller) (*http.Request, error) {
	start := time.Now()
	r := x.Request()
	identity, err := g.authenticator.Identify(x.Response(), r, x)
	if identity.Request != nil {
		r = identity.Request
	}
	route := x.Route()
	caller.begin(x, r, route, &identity)
	if caller.life.origin == fromEdge {
		x.Response().Header().Set(EdgeHeader, "1")
	}
	var decision policy.Decision
	ctx := r.Context()
	if err == nil {
		caller.life.bind(ctx, start)
		ctx = &caller.life
		// A copy, so that middleware in front keeps its own, within the caller's memory.
		caller.handed = *r.WithContext(ctx)
		decision, err = g.decideRoute(r.Context(), x, caller, identity.Ignored)
	}
	if g.observer != nil {
		event := Event{Kind: RouteDecision, Action: caller.action, Object: route, Decision: decision, Err: err, Elapsed: time.Since(start)}
		if err != nil {
			event.by(identity.Refused, identity.Actors)
		}
		g.observe(ctx, event, caller)
	}
	if err != nil {
		caller.life.finish()
		return nil, err
	}
	return &caller.handed, nil
}

// decideRoute asks the policy for the matched route template and the method; never for
// the URL, of which there are many for one route.
func (g *Guard) decideRoute(ctx context.Context, x Exchange, caller *Caller, ignored error) (policy.Decision, error) {
	if err := g.admitEdge(x.Request(), caller.route, caller); err != nil {
		return policy.Decision{}, err
	}
	if caller.route == "" {
		return policy.Decision{}, unrouted(caller, x.Unserved(x.Response().Header()))
	}
	decision, err := g.decide(ctx, caller, middleware.TraceStart{Stage: middleware.StageDecide, Route: caller.route}, caller.routeRequest())
	if err == nil && decision.Allowed() {
		return decision, nil
	}
	if failure := asOutage(err); failure != nil {
		return policy.Decision{}, failure
	}
	switch {
	case caller.IsAnonymous() && ignored != nil:
		return decision, withCause(cookieRefusal(ignored), ignored)
	case caller.IsAnonymous():
		return decision, middleware.ErrAuthenticationRequired
	}
	if unserved := x.Unserved(x.Response().Header()); unserved != nil {
		return decision, unserved
	}
	return decision, &refusal{withCause(ErrDenied, err), "", "", decision}
}

// unrouted answers a request that no route serves: a known caller learns that, an
// anonymous one must sign in first.
func unrouted(caller *Caller, unserved error) error {
	switch {
	case caller.IsAnonymous():
		return middleware.ErrAuthenticationRequired
	case unserved == nil: // by a door that contradicts itself
		return middleware.ErrNotFound
	}
	return unserved
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
func (g *Guard) observe(ctx context.Context, e Event, caller *Caller) {
	if g.observer == nil {
		return
	}
	e.by(caller.ref(), caller.loaded().Actors)
	e.Adopted, e.Principal, e.Edge = caller.life.origin == fromAdoption, caller.life.origin == fromPrincipal, caller.life.origin == fromEdge
	e.Status = caller.status(e.Err)
	g.observer(ctx, e)
}

// reject answers a request that reaches no handler.
func (g *Guard) reject(x Exchange, err error) error {
	if _, ours := middleware.FromError(err); ours {
		err = &stageError{err}
	}
	return g.answer(x, err)
}

// problemOf is middleware.FromError, with the errors of package policy that handlers hand on.
func problemOf(err error) (middleware.Problem, bool) {
	p, ours := middleware.FromError(err)
	if ours {
		return p, true
	}
	for _, row := range handedOn {
		if errors.Is(err, row.err) {
			return middleware.FromError(row.answer)
		}
	}
	return middleware.Problem{}, false
}

// handedOn are errors of package policy that handlers hand on, and the errors by which they are
// answered; the first row that matches wins. They are a mistake of the service, a field in a body
// that the caller may not write, and a cursor or an order of a list that is none.
var handedOn = []struct{ err, answer error }{
	{policy.ErrMisused, middleware.ErrMisused},
	{policy.ErrField, middleware.ErrForbidden},
	{policy.ErrCursor, middleware.ErrInvalidValue},
	{policy.ErrSort, middleware.ErrInvalidValue},
}

// answer turns an error into a response: Reeve's own by the table, others by the door.
func (g *Guard) answer(x Exchange, err error) error {
	problem, ours := problemOf(err)
	if !ours {
		return err
	}
	g.log.refused(x.Request(), x.Route(), err)
	if x.passage().caller.answer.written {
		return err
	}
	problem = g.authenticator.Challenge(problem)
	if g.refuse != nil {
		g.refuse(x.Response(), x.Request(), problem, err)
		if x.passage().caller.answer.written {
			return nil
		}
		// It wrote nothing, which net/http would send as 200.
	}
	return middleware.Respond(x.Response(), problem, g.realm)
}
