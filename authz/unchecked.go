package authz

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// UncheckedConfig says what an [Unchecked] tells, and of which routes. Every field has a default.
type UncheckedConfig struct {
	// Params are the path parameters that name no object: that of a tenant which only confirms
	// the caller's, of a version, of a language. "*" is that of a wildcard, as routes of static
	// files have. A route whose parameters are all among them is about no object. Default: none.
	Params []string

	// Report is told of every such answer, in the request and after it was written, so it must be
	// quick and safe for concurrent use. Default: nobody.
	Report func(ctx context.Context, a UncheckedAnswer)

	// Logger is told at level Warn of the first such answer of each route, and of no other.
	// Default: [slog.Default]; to be told nothing, set slog.New(slog.DiscardHandler).
	Logger *slog.Logger
}

// UncheckedAnswer is an answer that a handler gave without having asked about an object.
type UncheckedAnswer struct {
	Method string // GET for a HEAD, by which it is decided
	Route  string // as rules name it
	Status int    // 2xx, or 101 where the handler took the connection over
}

// UncheckedStats says what an [Unchecked] has seen.
type UncheckedStats struct {
	Answers uint64   // given without having asked
	Routes  []string // that gave them, as "GET /invoices/:id", sorted
}

// Unchecked finds handlers that forget [Check]: [Config].Unchecked. A handler is reported that
// answers with success, on a route about objects, a request in which nobody asked about an
// object. It refuses nothing: when it is known, the answer is written.
//
//   - A route about objects is one whose template has a parameter or a wildcard that is not among
//     [UncheckedConfig].Params. Policies do not say which routes are about which objects.
//   - Success is a status of 2xx, whichever way it is written: by WriteHeader, by the first byte,
//     by a Flush, by a handler that writes nothing, or before a panic. A connection that the
//     handler took over counts too. It is looked at once the handler has returned, for a stream
//     at its end.
//   - [Check], [Can], [Require], [ObjectCheck], [Filter] and what else decides about an object or
//     about a type as a whole counts as asking, with whatever outcome, also by a [Guard.As] below
//     the request. [NoObject] counts too. [Fields] does not: a mask is the same for every object.
//
// It starts no goroutine, needs no Close and is safe for concurrent use. One may serve several
// guards. In tests, authztest.Unchecked fails on the first.
type Unchecked struct {
	params []string
	report func(context.Context, UncheckedAnswer)
	logger *slog.Logger

	mu      sync.Mutex
	answers uint64
	routes  map[string]bool
}

// NewUnchecked returns the Unchecked that cfg describes.
func NewUnchecked(cfg UncheckedConfig) *Unchecked {
	return &Unchecked{params: slices.Clone(cfg.Params), report: cfg.Report, logger: cfg.Logger, routes: map[string]bool{}}
}

// Stats returns what u has seen since it was made.
func (u *Unchecked) Stats() UncheckedStats {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := UncheckedStats{Answers: u.answers, Routes: make([]string, 0, len(u.routes))}
	for route := range u.routes {
		s.Routes = append(s.Routes, route)
	}
	slices.Sort(s.Routes)
	return s
}

// NoObject says that the request of ctx is about no object of its own, so that
// [Config].Unchecked does not report its handler: a page that everybody may read, a catalogue,
// a look-up of what the caller has themselves. It decides nothing.
func NoObject(ctx context.Context) {
	if caller, ok := FromContext(ctx); ok {
		caller.noteAsked()
	}
}

// noteAsked notes that the handler has asked about an object.
func (c *Caller) noteAsked() {
	for ; c != nil; c = c.within {
		c.life.asked.Store(true)
	}
}

// returned is called when the handler of x has returned err, or has panicked where it has not
// finished.
func (u *Unchecked) returned(x Exchange, caller *Caller, finished bool, err error) {
	if caller.life.asked.Load() {
		return
	}
	status := answered(x, caller, finished, err)
	if status/100 != 2 && status != http.StatusSwitchingProtocols {
		return
	}
	if !u.aboutObjects(caller.route) {
		return
	}
	a := UncheckedAnswer{Method: string(caller.action), Route: caller.route, Status: status}
	if ctx := x.Request().Context(); u.count(a) {
		logger := u.logger
		if logger == nil {
			logger = slog.Default()
		}
		logger.LogAttrs(context.WithoutCancel(ctx), slog.LevelWarn, "unchecked",
			slog.String("route", loggedRoute(a.Method, a.Route)), slog.Int("status", a.Status),
			slog.String("cause", "the handler asked about no object: call authz.Check, or authz.NoObject where there is none"))
	}
	if u.report != nil {
		u.report(x.Request().Context(), a)
	}
}

// count counts an answer, and reports whether it is the first of its route.
func (u *Unchecked) count(a UncheckedAnswer) (first bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answers++
	name := a.Method + " " + a.Route
	first = !u.routes[name]
	u.routes[name] = true
	return first
}

// answered is the status of the answer that a handler has given, 0 where it has given none.
func answered(x Exchange, caller *Caller, finished bool, err error) int {
	switch {
	case caller.answer.status != 0:
		return int(caller.answer.status)
	case !finished:
		return 0
	case err != nil:
		return caller.status(err)
	}
	return http.StatusOK // which net/http writes
}

// aboutObjects reports whether a route has a parameter that names an object.
func (u *Unchecked) aboutObjects(route string) bool {
	if host, ok := strings.CutPrefix(route, "//"); ok {
		_, route, _ = strings.Cut(host, "/") // a host's port is no parameter
	}
	for segment := range strings.SplitSeq(route, "/") {
		if name := parameter(segment); name != "" && !slices.Contains(u.params, name) {
			return true
		}
	}
	return false
}

// parameter returns the name of the parameter in a segment of a template, "*" for a wildcard and
// "" for none.
func parameter(segment string) string {
	at := strings.IndexAny(segment, ":*{")
	if at < 0 || segment[at:] == "{$}" {
		return ""
	}
	if segment[at] == '*' {
		return "*"
	}
	name, _, _ := strings.Cut(segment[at+1:], "}")
	name = strings.TrimSuffix(name, "...")
	if name == "" {
		return ":" // a parameter without a name is none that a config can except
	}
	return name
}
