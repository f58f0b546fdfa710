// Package forwardauth answers reverse proxies that ask, before they pass a request on, whether
// they may: nginx by auth_request, Traefik by forwardAuth, Envoy by ext_authz. So programs in any
// language stand behind the same decisions as a service in Go.
//
//	server, err := forwardauth.New(forwardauth.Config{
//		Authz:  authz.Config{Tokens: verifier, Sessions: manager, Policy: engine},
//		Routes: []string{"GET /notes/:id", "POST /notes"},
//		Proxy:  forwardauth.Nginx,
//	})
//	err = server.Verify()
//	err = http.ListenAndServe("127.0.0.1:9091", server)
//
// The answer is 200 with the headers of [Headers], which the proxy puts in place of what the client
// sent, or 401, 403 or 503. A request that no route of the configuration serves is 403, also for
// somebody who is signed in, and so is one that could be read in two ways. The route's template
// decides, never the URL.
//
// Only the route is decided here. A program that knows to which tenant an object belongs compares
// it with the header X-Reeve-Tenant by itself. A connection that was let through and stays open,
// such as a WebSocket, is not cut off when its session ends.
package forwardauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/httpauthz"
	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/middleware"
)

// Server answers proxies. It is immutable and safe for concurrent use, starts no goroutine and
// owns nothing: the service closes what it puts into [Config].Authz.
type Server struct {
	mux    *httpauthz.Mux
	routes table
	policy authz.Decider
	proxy  Proxy
	counts struct{ allowed, unauthenticated, forbidden, unavailable atomic.Uint64 }
}

// Stats counts the answers since the Server was made.
type Stats struct {
	Allowed         uint64 // 200
	Unauthenticated uint64 // 401
	Forbidden       uint64 // 403, requests that were not readable included
	Unavailable     uint64 // 503
}

// New returns the server that cfg describes, or an error that names every invalid field.
func New(cfg Config) (*Server, error) {
	var problems configerr.Problems
	routes := cfg.validate(&problems)
	mux, err := httpauthz.NewMux(cfg.Authz)
	problems.Within("Authz", err)
	s := &Server{mux: mux, routes: routes, policy: cfg.Authz.Policy, proxy: cfg.Proxy}
	for _, r := range routes {
		if err == nil {
			problems.Append(s.register(r))
		}
	}
	if err := problems.Err("forwardauth", nil); err != nil {
		return nil, err
	}
	return s, nil
}

// register adds a route, which net/http refuses with a panic when it conflicts with another.
func (s *Server) register(r route) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("Routes: %q: %v", r.text, v)
		}
	}()
	s.mux.HandleFunc(r.pattern, r.allow)
	return nil
}

// allow is the handler of the route: it is reached by requests that were decided on.
func (of route) allow(w http.ResponseWriter, r *http.Request) error {
	pending, ok := r.Context().Value(pendingKey{}).(*Answer)
	caller, known := authz.FromContext(r.Context())
	if !ok || !known {
		return middleware.ErrMisused
	}
	pending.Status, pending.identity = http.StatusOK, identityOf(caller, of.template)
	w.WriteHeader(http.StatusOK)
	return nil
}

type pendingKey struct{}

// Verify refuses a configuration whose routes and rules differ: see [httpauthz.Verify]. The
// routes of the programs behind the proxy are not known here.
func (s *Server) Verify(options ...authz.VerifyOption) error {
	return httpauthz.Verify(s.mux, s.mux, s.policy, options...)
}

// Stats returns the counts. It may be called at any time.
func (s *Server) Stats() Stats {
	return Stats{
		Allowed: s.counts.allowed.Load(), Unauthenticated: s.counts.unauthenticated.Load(),
		Forbidden: s.counts.forbidden.Load(), Unavailable: s.counts.unavailable.Load(),
	}
}

// ServeHTTP answers the question of the proxy of [Config].Proxy.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	original, err := s.proxy.read(r)
	if err != nil {
		s.count(refuse(err)).write(w)
		return
	}
	s.Decide(r.Context(), original).write(w)
}

// Decide answers for a request that a proxy has received. It never panics: a failure is 503.
func (s *Server) Decide(ctx context.Context, original Request) (answer Answer) {
	defer func() {
		if v := recover(); v != nil {
			answer = refuse(fmt.Errorf("%w: panic", middleware.ErrUnavailable))
		}
		s.count(answer)
	}()
	r, err := original.request(ctx)
	if err != nil {
		return refuse(err)
	}
	template := s.mux.Route(r)
	if template != "" && s.routes.hasOther(r, template) {
		return refuse(fmt.Errorf("%w: another route to a server that reads paths without case", middleware.ErrAmbiguousRequest))
	}
	var pending Answer
	kept := &recorder{header: http.Header{}}
	s.mux.ServeHTTP(kept, r.WithContext(context.WithValue(ctx, pendingKey{}, &pending)))
	switch {
	case pending.Status == http.StatusOK && kept.status == http.StatusOK:
		pending.Header = pending.identity.header(kept.header)
		return pending
	case kept.status >= http.StatusInternalServerError || kept.status < http.StatusBadRequest:
		return refuse(middleware.ErrUnavailable)
	case kept.status == http.StatusUnauthorized && template != "":
		return Answer{Status: kept.status, Header: answered(kept.header), Body: kept.body}
	}
	return refuse(middleware.ErrForbidden)
}

func (s *Server) count(a Answer) Answer {
	switch a.Status {
	case http.StatusOK:
		s.counts.allowed.Add(1)
	case http.StatusUnauthorized:
		s.counts.unauthenticated.Add(1)
	case http.StatusServiceUnavailable:
		s.counts.unavailable.Add(1)
	default:
		s.counts.forbidden.Add(1)
	}
	return a
}

// refuse is the answer to an error: 503 for an outage, and otherwise 403.
func refuse(err error) Answer {
	if !middleware.IsOutage(err) {
		err = middleware.ErrForbidden
	}
	p, ok := middleware.FromError(err)
	if !ok {
		p, _ = middleware.FromError(middleware.ErrForbidden)
	}
	kept := &recorder{header: http.Header{}}
	if err := middleware.Respond(kept, p, ""); err != nil {
		panic(errors.New("forwardauth: a recorder failed"))
	}
	return Answer{Status: p.Status, Header: kept.header, Body: kept.body}
}
