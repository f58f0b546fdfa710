package forwardauth

import (
	"fmt"
	"net/http"

	"github.com/reevehq/reeve/middleware"
)

// Proxy is how a proxy says which request it asks about. Each overwrites what a client sends
// under the same names; headers of the others are the client's text and say nothing.
type Proxy uint8

// The proxies. There is no default.
const (
	// Nginx is auth_request: the headers X-Original-Method, X-Original-URI and X-Original-Host
	// are set by proxy_set_header to $request_method, $request_uri and $host.
	Nginx Proxy = iota + 1

	// Traefik is forwardAuth, with trustForwardHeader off: X-Forwarded-Method,
	// X-Forwarded-Uri and X-Forwarded-Host.
	Traefik

	// Envoy is the HTTP service of ext_authz, without a path_prefix: method, path and host are
	// the request's own.
	Envoy
)

// String returns "nginx", "traefik", "envoy", or "none".
func (p Proxy) String() string {
	switch p {
	case Nginx:
		return "nginx"
	case Traefik:
		return "traefik"
	case Envoy:
		return "envoy"
	}
	return "none"
}

// ParseProxy is the reverse of [Proxy.String].
func ParseProxy(name string) (Proxy, error) {
	for _, p := range []Proxy{Nginx, Traefik, Envoy} {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("forwardauth: %q is not nginx, traefik or envoy", name)
}

// read returns the request that the proxy asks about.
func (p Proxy) read(r *http.Request) (Request, error) {
	o := Request{Header: r.Header, RemoteAddr: r.RemoteAddr}
	names := [3]string{"X-Original-Method", "X-Original-Uri", "X-Original-Host"}
	switch p {
	case Nginx:
	case Traefik:
		names = [3]string{"X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Host"}
	case Envoy:
		o.Method, o.Target, o.Host = r.Method, r.RequestURI, r.Host
		return o, nil
	default:
		return Request{}, fmt.Errorf("%w: no proxy is named", middleware.ErrUnavailable)
	}
	for i, into := range []*string{&o.Method, &o.Target, &o.Host} {
		values := r.Header[names[i]]
		if len(values) != 1 || values[0] == "" {
			return Request{}, fmt.Errorf("%w: %s is there %d times", middleware.ErrAmbiguousRequest, names[i], len(values))
		}
		*into = values[0]
	}
	return o, nil
}
