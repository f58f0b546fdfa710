// Package httpauthz is the front door of Reeve for net/http, as package authz is for Echo.
//
//	mux, err := httpauthz.NewMux(authz.Config{Tokens: verifier, Sessions: manager, Policy: engine})
//	mux.HandleFunc("GET /notes/{id}", note)
//	err = httpauthz.Verify(mux, mux, engine)
//	err = http.ListenAndServe(":8080", mux)
//
// Patterns are those of [http.ServeMux], with a method. Rules name them as Echo's:
//
//	pattern                  object of a rule       action
//	GET /notes/{id}          /notes/:id             GET
//	GET /files/{rest...}     /files/* (that route alone: route:/files/*)
//	GET /files/              /files/*
//	GET /files/{$}           /files/
//	GET /{$}                 /
//	GET api.test/notes       //api.test/notes       GET
//
// The pattern is found before anything is decided, and the decision is about the pattern. Where
// net/http would redirect, to a path with a slash at the end or to a cleaned one, the request is
// refused: 401 to an anonymous caller and otherwise 404. CONNECT is refused too.
//
// For most uses [Mux.HandleFunc] is enough, whose handlers return errors; [Mux.Handle] takes an
// [http.Handler]. Handlers ask [authz.Check] and find the caller by [authz.FromContext], as under
// Echo.
package httpauthz

import (
	"net/http"
	"slices"
	"sync"

	"github.com/reevehq/reeve/authz"
)

// Mux is an [http.ServeMux] with a guard in front of every pattern. Its methods are safe for
// concurrent use.
type Mux struct {
	guard *authz.Guard
	mux   *http.ServeMux

	mu     sync.Mutex
	routes []authz.Route

	// OnError answers an error of a handler that is not one of Reeve's, after which nothing
	// is written. Set it before the Mux serves. Default: a problem document of 404 or 405
	// where no handler serves, otherwise of 500; the error is not told to the client.
	OnError func(w http.ResponseWriter, r *http.Request, err error)
}

// HandlerFunc serves a request, or returns an error: Reeve's own are answered by the one table,
// others by [Mux].OnError.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// NewMux returns a Mux without patterns, which refuses everything. The error names every invalid
// field of cfg.
func NewMux(cfg authz.Config) (*Mux, error) {
	guard, err := authz.NewGuard(cfg)
	if err != nil {
		return nil, err
	}
	return &Mux{guard: guard, mux: http.NewServeMux()}, nil
}

// HandleFunc registers a handler for a pattern, and what it requires of requests beside a rule,
// such as [authz.MaxAge]. Like that of net/http it panics on a pattern that is invalid or
// conflicts with another, and on one that no rule can name.
func (m *Mux) HandleFunc(pattern string, h HandlerFunc, require ...authz.Requirement) {
	r, names, err := parsePattern(pattern)
	if err != nil {
		panic("httpauthz: the pattern " + pattern + " " + err.Error())
	}
	if h == nil {
		panic("httpauthz: nil handler")
	}
	m.mux.Handle(pattern, &route{m, r.Object(), names, h, slices.Clone(require)})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.routes = append(m.routes, r)
}

// Handle is [Mux.HandleFunc] for an [http.Handler].
func (m *Mux) Handle(pattern string, h http.Handler, require ...authz.Requirement) {
	if h == nil {
		panic("httpauthz: nil handler")
	}
	m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}, require...)
}

// Routes returns the registered routes, as rules name them.
func (m *Mux) Routes() []authz.Route {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.routes)
}

// Route returns the object of the pattern that serves r, as rules name it, and "" for none.
func (m *Mux) Route(r *http.Request) string {
	h, _ := m.mux.Handler(r)
	if of, ours := h.(*route); ours && r.Method != http.MethodConnect {
		return of.object
	}
	return ""
}

// ServeHTTP implements [http.Handler].
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := probed(r); p != nil {
		p.reached = m
		return
	}
	h, _ := m.mux.Handler(r)
	if _, ours := h.(*route); ours && r.Method != http.MethodConnect {
		m.mux.ServeHTTP(w, r) // which finds the same route, and its path values
		return
	}
	m.serve(&exchange{mux: m, w: w, r: r, fallback: h})
}

func (m *Mux) serve(x *exchange) {
	err := m.guard.Serve(x)
	if err == nil || x.Written() {
		return
	}
	if m.OnError != nil {
		m.OnError(x.w, x.r, err)
		return
	}
	answerError(x.w, err)
}

// route is the handler that net/http has for a pattern.
type route struct {
	mux     *Mux
	object  string
	names   []string
	handle  HandlerFunc
	require []authz.Requirement
}

// ServeHTTP is called by net/http with the path values of the request.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rt.mux.serve(&exchange{mux: rt.mux, route: rt, w: w, r: r})
}
