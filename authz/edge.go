package authz

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/middleware"
)

// Edge has requests decided while sessions cannot be asked for, where every other service answers
// 503. The node of package insecureedge is one: its documentation tells what that costs.
type Edge interface {
	middleware.Edge

	// Permits reports whether a request to a route may be decided in an outage.
	Permits(method, route string) bool

	// Routes lists these routes as "GET /notes/:id", for [Verify].
	Routes() []string

	// Decide answers beside [Config].Policy, which allows too or the request is refused. An
	// error is an outage.
	Decide(ctx context.Context, r policy.Request) (policy.Decision, error)
}

// EdgeHeader marks each answer to a caller whose session was not asked for.
const EdgeHeader = "X-Reeve-Edge"

// errEdge is why a caller whose session was not asked for is answered 503.
var errEdge = fmt.Errorf("authz: not decided in an outage: %w", middleware.ErrUnavailable)

// Edge reports whether the caller's session was not asked for, because that was not possible:
// see [Config].InsecureEdge.
func (c *Caller) Edge() bool { return c.life.origin == fromEdge }

// admitEdge refuses what is not decided in an outage.
func (g *Guard) admitEdge(r *http.Request, route string, caller *Caller) error {
	switch {
	case caller.life.origin != fromEdge:
		return nil
	case route == "" || !g.edge.Permits(r.Method, route):
		return fmt.Errorf("%w: the route is not listed", errEdge)
	case upgrades(r):
		return fmt.Errorf("%w: a connection would outlive it", errEdge)
	}
	return nil
}

// decideEdge has the edge's own policy agree with a decision that allows.
func (g *Guard) decideEdge(ctx context.Context, r policy.Request, decision policy.Decision, err error) (d policy.Decision, failure error) {
	if err != nil || !decision.Allowed() {
		return decision, err
	}
	done := false
	defer func() {
		if !done {
			d, failure = policy.Decision{}, panicked(recover())
		}
	}()
	own, err := g.edge.Decide(ctx, r)
	done = true
	switch {
	case err != nil:
		return policy.Decision{Revision: decision.Revision}, fmt.Errorf("%w: %w", errEdge, err)
	case !own.Allowed():
		return own, nil
	}
	return decision, nil
}

// InsecureEdgeRoutes names the routes that [Config].InsecureEdge decides in an outage, as
// "GET /notes/:id". [Verify] refuses a service that has an edge without it, or with other routes,
// so that a reviewer sees in one place where an outage is not 503.
func InsecureEdgeRoutes(routes ...string) VerifyOption {
	return func(v *verification) { v.edge, v.edges = routes, true }
}

// recordingDecider is the decider that a door is asked about. It notes the guards that it is compared with.
type recordingDecider struct {
	Decider
	guards []*Guard
}

// meets notes that g was compared with a decider, and returns that decider.
func (g *Guard) meets(d Decider) Decider {
	a, ok := d.(*recordingDecider)
	if !ok {
		return d
	}
	if !slices.Contains(a.guards, g) {
		a.guards = append(a.guards, g)
	}
	return a.Decider
}

// verifyEdges says which guards decide in an outage what nobody has named.
func (v *verification) verifyEdges(guards []*Guard, routes []Route) {
	var edges []string
	for _, g := range guards {
		if g.edge != nil {
			edges = append(edges, g.edge.Routes()...)
		}
	}
	add := func(route, why string) { v.Edge = append(v.Edge, EdgeRoute{route, why}) }
	for _, route := range sortedSet(edges) {
		switch {
		case !v.edges || !slices.Contains(v.edge, route):
			add(route, "is decided in an outage, and InsecureEdgeRoutes does not name it")
		case !slices.ContainsFunc(routes, func(r Route) bool { return r.String() == route }):
			add(route, "is decided in an outage, and the service has no such route")
		}
	}
	for _, route := range sortedSet(v.edge) {
		if !slices.Contains(edges, route) {
			add(route, "is named by InsecureEdgeRoutes, and is not decided in an outage")
		}
	}
}

func sortedSet(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// EdgeRoute is a route about which the service and [InsecureEdgeRoutes] differ.
type EdgeRoute struct{ Route, Reason string }

// validEdge returns an error unless e is none, or one that lists routes.
func validEdge(e Edge) error {
	if e == nil {
		return nil
	}
	if configerr.IsNil(e) || len(e.Routes()) == 0 {
		return errors.New("InsecureEdge: a nil pointer, or one without routes")
	}
	return nil
}

// edgeOf is e for an Authenticator, and nil for none.
func edgeOf(e Edge) middleware.Edge {
	if configerr.IsNil(e) {
		return nil
	}
	return e
}
