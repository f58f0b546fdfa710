package forwardauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/reevehq/reeve/middleware"
)

// Request is a request as a proxy has received it.
type Request struct {
	Method     string      // as the client sent it
	Target     string      // the path and query as they were sent: "/notes/1?full=1"
	Host       string      // its name has no case, and no dot at its end
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
	host, err := parseHost(o.Host)
	if err != nil {
		return nil, err
	}
	if err := o.checkQuery(u.RawQuery); err != nil {
		return nil, err
	}
	header, err := o.header()
	if err != nil {
		return nil, err
	}
	r := &http.Request{
		Method: o.Method, URL: u, RequestURI: o.Target, Host: host, Header: header, RemoteAddr: o.RemoteAddr,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
	}
	return r.WithContext(ctx), nil
}

// methodField is the parameter by which frameworks serve another method, where they are told so.
const methodField = "_method"

// checkQuery refuses a query that names another method than the request's.
func (o Request) checkQuery(query string) error {
	for pair := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err != nil || name != methodField && !strings.HasPrefix(name, methodField+"[") {
			continue
		}
		if value != o.Method {
			return fmt.Errorf("%w: the query names another method", middleware.ErrAmbiguousRequest)
		}
	}
	return nil
}
