package httpauthz

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
)

// exchange is the [authz.Exchange] of a request in a Mux.
type exchange struct {
	authz.Passage
	mux      *Mux
	route    *route // nil when no pattern is matched
	w        http.ResponseWriter
	r        *http.Request
	fallback http.Handler // net/http's own where no pattern is matched
}

func (x *exchange) Request() *http.Request          { return x.r }
func (x *exchange) Response() http.ResponseWriter   { return x.w }
func (x *exchange) Writer() http.ResponseWriter     { return x.w }
func (x *exchange) SetWriter(w http.ResponseWriter) { x.w = w }

// Route implements [authz.Exchange].
func (x *exchange) Route() string {
	if x.route == nil {
		return ""
	}
	return x.route.object
}

// Next implements [authz.Exchange].
func (x *exchange) Next(r *http.Request) error {
	for _, require := range x.route.require {
		w, err := require(x.w, r)
		if err != nil {
			return err
		}
		x.w = w
	}
	return x.route.handle(x.w, r)
}

// Param implements [middleware.Match].
func (x *exchange) Param(name string) (string, bool) {
	if x.route == nil || !slices.Contains(x.route.names, name) {
		return "", false
	}
	return x.r.PathValue(name), true
}

// Canonical implements [middleware.Match]. net/http decodes each segment before it compares it, so
// path values are decoded and no spelling is another route's. The URL alone is left to decode.
func (x *exchange) Canonical(r *http.Request) (*http.Request, error) {
	if r.URL.RawPath == "" {
		return r, nil
	}
	u := *r.URL
	u.RawPath = ""
	r = r.WithContext(r.Context()) // a copy: a handler in front keeps the first one
	r.URL = &u
	x.r = r
	return r, nil
}

// ClientIP implements [middleware.Match].
func (x *exchange) ClientIP(r *http.Request) netip.Addr { return x.mux.guard.ClientIP(r) }

// Why no handler serves a request.
var (
	errNotFound         = errors.New("httpauthz: no such route")
	errMethodNotAllowed = errors.New("httpauthz: no such method of the route")
)

// Unserved implements [authz.Exchange]: it asks net/http's own handler, which redirects, too.
func (x *exchange) Unserved(h http.Header) error {
	if x.route != nil {
		return nil
	}
	own, ok := x.fallback.(http.HandlerFunc)
	if !ok || x.r.Method == http.MethodConnect {
		return errNotFound
	}
	answer := &unsent{header: http.Header{}}
	own(answer, x.r)
	if answer.status != http.StatusMethodNotAllowed {
		return errNotFound
	}
	h["Allow"] = answer.header["Allow"]
	return errMethodNotAllowed
}

// Status implements [authz.Exchange].
func (x *exchange) Status(err error) int {
	switch {
	case errors.Is(err, errNotFound):
		return http.StatusNotFound
	case errors.Is(err, errMethodNotAllowed):
		return http.StatusMethodNotAllowed
	}
	return http.StatusInternalServerError
}

// answerError writes the answer to an error that is not one of Reeve's.
func answerError(w http.ResponseWriter, err error) {
	p, _ := middleware.FromError(middleware.ErrMisused)
	switch {
	case errors.Is(err, errNotFound):
		p, _ = middleware.FromError(middleware.ErrNotFound)
	case errors.Is(err, errMethodNotAllowed):
		p = middleware.Problem{Status: http.StatusMethodNotAllowed, Type: "/problems/method-not-allowed", Title: "This cannot be done here"}
	}
	_ = middleware.Respond(w, p, "") // the connection may be gone
}

// unsent is a response that is not sent.
type unsent struct {
	header http.Header
	status int
}

func (u *unsent) Header() http.Header         { return u.header }
func (u *unsent) Write(b []byte) (int, error) { u.WriteHeader(http.StatusOK); return len(b), nil }

func (u *unsent) WriteHeader(status int) {
	if u.status == 0 {
		u.status = status
	}
}
