package forwardauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/reevehq/reeve/middleware"
)

// Request is a request as a proxy has received it.
type Request struct {
	Method     string // as the client sent it
	Target     string // the path and query as they were sent: "/notes/1?full=1"
	Host       string
	Header     http.Header // the client's, and what the proxy has added
	RemoteAddr string      // address and port of the connection: see [authz.Config].Proxies
}

// request returns the request that is decided on. A request with two readings is an error wrapping
// middleware.ErrAmbiguousRequest.
func (o Request) request(ctx context.Context) (*http.Request, error) {
	if o.Method == "" || !strings.HasPrefix(o.Target, "/") || strings.Contains(o.Target, "#") {
		return nil, fmt.Errorf("%w: no method, or a target that is no path", middleware.ErrAmbiguousRequest)
	}
	u, err := url.ParseRequestURI(o.Target)
	if err != nil {
		return nil, fmt.Errorf("%w: the target cannot be read", middleware.ErrAmbiguousRequest)
	}
	header, err := o.header()
	if err != nil {
		return nil, err
	}
	r := &http.Request{
		Method: o.Method, URL: u, RequestURI: o.Target, Host: o.Host, Header: header, RemoteAddr: o.RemoteAddr,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
	}
	return r.WithContext(ctx), nil
}

// hops are the headers of the proxy's own connection. Upgrade is not one of them here: the client
// sent it, and what it asks for is decided on.
var hops = []string{"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding"}

// overrides are headers by which frameworks serve another method or path than the request's:
// the request that would be served is not the one that is decided on.
var overrides = []struct {
	name string
	of   func(Request) string
}{
	{"X-Http-Method-Override", func(o Request) string { return o.Method }},
	{"X-Http-Method", func(o Request) string { return o.Method }},
	{"X-Method-Override", func(o Request) string { return o.Method }},
	{"X-Original-Url", func(o Request) string { return o.Target }},
	{"X-Rewrite-Url", func(o Request) string { return o.Target }},
}

// header returns the headers that are decided on.
func (o Request) header() (http.Header, error) {
	h := make(http.Header, len(o.Header))
	for name, values := range o.Header {
		if isHeader(name) {
			if strings.Contains(name, "_") {
				return nil, fmt.Errorf("%w: a header that is read as one of ours", middleware.ErrAmbiguousRequest)
			}
			continue // no program reads it: the proxy puts ours in its place
		}
		name = http.CanonicalHeaderKey(name)
		if !slices.Contains(hops, name) {
			h[name] = append(h[name], values...)
		}
	}
	for _, names := range o.Header["Connection"] {
		if slices.ContainsFunc(strings.Split(names, ","), func(name string) bool { return isHeader(strings.TrimSpace(name)) }) {
			return nil, fmt.Errorf("%w: a header of ours is said to be of the connection", middleware.ErrAmbiguousRequest)
		}
	}
	for _, override := range overrides {
		for name, values := range h {
			if strings.ReplaceAll(strings.ToLower(name), "_", "-") != strings.ToLower(override.name) {
				continue
			}
			if slices.ContainsFunc(values, func(v string) bool { return v != override.of(o) }) {
				return nil, fmt.Errorf("%w: the header %s names another", middleware.ErrAmbiguousRequest, override.name)
			}
		}
	}
	if o.Method == http.MethodOptions {
		// A preflight is decided as the OPTIONS that it is: the program answers it.
		delete(h, "Access-Control-Request-Method")
		delete(h, "Access-Control-Request-Headers")
	}
	return h, nil
}
