package authz

import (
	"errors"
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/middleware"
)

// Middleware returns Echo middleware that cfg describes. Like Echo's own, it panics on an
// invalid config; [Config.ToMiddleware] returns the error instead.
//
// Answers to signed-in callers are kept from caches: they carry Cache-Control: private,
// no-store, unless the handler sets that header itself.
//
// Install it with Use, before any middleware that serves content; [Verify] refuses a
// service where it stands elsewhere. It starts no goroutine and owns nothing: the service closes
// what it puts into cfg.
func Middleware(cfg Config) echo.MiddlewareFunc {
	mw, err := cfg.ToMiddleware()
	if err != nil {
		panic(err)
	}
	return mw
}

// ToMiddleware returns Echo middleware that cfg describes, or an error that names every
// invalid field.
func (cfg Config) ToMiddleware() (echo.MiddlewareFunc, error) {
	g, err := NewGuard(cfg)
	if err != nil {
		return nil, err
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if p := probed(c); p != nil {
				return p.hit(g, c)
			}
			return g.Serve(&echoExchange{c: c, echo: c.Echo(), next: next})
		}
	}, nil
}

// echoExchange is the [Exchange] of a request in Echo. A stream, which outlives the request, asks
// it for the client's address alone: Echo uses its contexts again.
type echoExchange struct {
	Passage
	c    echo.Context
	echo *echo.Echo
	next echo.HandlerFunc
}

func (x *echoExchange) Request() *http.Request          { return x.c.Request() }
func (x *echoExchange) Response() http.ResponseWriter   { return x.c.Response() }
func (x *echoExchange) Writer() http.ResponseWriter     { return x.c.Response().Writer }
func (x *echoExchange) SetWriter(w http.ResponseWriter) { x.c.Response().Writer = w }
func (x *echoExchange) Route() string                   { return routeName(x.c) }

// Next implements [Exchange].
func (x *echoExchange) Next(r *http.Request) error {
	x.c.SetRequest(r)
	return x.next(x.c)
}

// Param implements [middleware.Match].
func (x *echoExchange) Param(name string) (string, bool) {
	for _, param := range x.c.ParamNames() {
		if param == name {
			return x.c.Param(name), true
		}
	}
	return "", false
}

// Canonical implements [middleware.Match].
func (x *echoExchange) Canonical(r *http.Request) (*http.Request, error) {
	if err := decodePath(x.c); err != nil {
		return nil, err
	}
	return x.c.Request(), nil
}

// ClientIP implements [middleware.Match]. It never asks Echo's RealIP, which without an
// extractor believes X-Forwarded-For from anyone.
func (x *echoExchange) ClientIP(r *http.Request) netip.Addr {
	g := x.caller.guard
	switch {
	case g != nil && g.proxies != nil:
		return g.proxies.ClientIP(r)
	case x.echo == nil || x.echo.IPExtractor == nil:
		return middleware.ConnectionIP(r)
	}
	addr, err := netip.ParseAddr(x.echo.IPExtractor(r))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// Unserved implements [Exchange]. A router that finds the path but no route for the method has
// left the methods that there are (RFC 9110 §15.5.6).
func (x *echoExchange) Unserved(h http.Header) error {
	if x.c.Path() == "" || x.Route() == "" {
		return echo.ErrNotFound
	}
	allow, ok := x.c.Get(echo.ContextKeyHeaderAllow).(string)
	if !ok || x.c.Request().Method == http.MethodOptions {
		return nil
	}
	h.Set(echo.HeaderAllow, allow)
	return echo.ErrMethodNotAllowed
}

// Status implements [Exchange].
func (x *echoExchange) Status(err error) int {
	var he *echo.HTTPError
	if errors.As(err, &he) {
		return he.Code
	}
	return http.StatusInternalServerError
}

// IPExtractor returns what Echo calls p, for a service whose own handlers ask for RealIP.
// [Config].Proxies does not need it.
func IPExtractor(p *middleware.Proxies) echo.IPExtractor {
	return func(r *http.Request) string {
		if addr := p.ClientIP(r); addr.IsValid() {
			return addr.String()
		}
		return ""
	}
}
