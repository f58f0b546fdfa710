package authztest

import (
	"net/http"
	"net/netip"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
)

// exchange is the [authz.Exchange] of a request whose route is its path, and whose handler does
// nothing.
type exchange struct {
	authz.Passage
	r *http.Request
	w http.ResponseWriter
}

func (x *exchange) Request() *http.Request                           { return x.r }
func (x *exchange) Route() string                                    { return x.r.URL.Path }
func (x *exchange) Unserved(http.Header) error                       { return nil }
func (x *exchange) Response() http.ResponseWriter                    { return x.w }
func (x *exchange) Writer() http.ResponseWriter                      { return x.w }
func (x *exchange) SetWriter(w http.ResponseWriter)                  { x.w = w }
func (x *exchange) Status(error) int                                 { return http.StatusInternalServerError }
func (x *exchange) Next(*http.Request) error                         { return nil }
func (x *exchange) Param(string) (string, bool)                      { return "", false }
func (x *exchange) Canonical(r *http.Request) (*http.Request, error) { return r, nil }
func (x *exchange) ClientIP(r *http.Request) netip.Addr              { return middleware.ConnectionIP(r) }
