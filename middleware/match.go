package middleware

import (
	"net/http"
	"net/netip"
)

// Match is the answer of a service's router for one request: which path parameters the matched
// route has, how the path is spelled, and which address the request comes from. A door for a
// router implements it; a nil Match is that of a request that no router has seen.
type Match interface {
	Params

	// Canonical returns the request with its path decoded, in its URL and in the parameters
	// of the route, so that each spelling of a path is the same request to a handler. A path
	// that the router would give to another route once it is decoded is an error wrapping
	// [ErrAmbiguousRequest]. r itself stays as it is. [CheckTarget] has accepted r: with no
	// escaped slash, dot, percent or backslash left, decoding moves no border between
	// segments.
	Canonical(r *http.Request) (*http.Request, error)

	// ClientIP returns the address that the request comes from, the zero Addr where there is
	// none: that of the connection, or what [Proxies] say. Headers alone say nothing.
	ClientIP(r *http.Request) netip.Addr
}

// Params are the path parameters of a matched route.
type Params interface {
	// Param returns the value of a parameter, and false where the route has none of the name.
	Param(name string) (value string, ok bool)
}

// unmatched is the Match of a request that no router has seen.
type unmatched struct{}

func (unmatched) Param(string) (string, bool)                      { return "", false }
func (unmatched) Canonical(r *http.Request) (*http.Request, error) { return r, nil }
func (unmatched) ClientIP(r *http.Request) netip.Addr              { return ConnectionIP(r) }

// ConnectionIP returns the address of the connection that a request came by, the zero Addr where
// there is none.
func ConnectionIP(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return plain(peer.Addr())
}

// plain is one spelling of an address.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
