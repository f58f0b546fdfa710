package forwardauth

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/reevehq/reeve/middleware"
)

// hops are the headers of the proxy's own connection. Upgrade is not one of them here: the client
// sent it, and what it asks for is decided on.
var hops = []string{"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding"}

// header returns the headers that are decided on.
func (o Request) header() (http.Header, error) {
	h := make(http.Header, len(o.Header))
	for name, values := range o.Header {
		switch {
		case isExactly(name):
			continue // no program reads it: the proxy puts ours in its place
		case isHeader(name):
			return nil, fmt.Errorf("%w: a header that is read as one of ours", middleware.ErrAmbiguousRequest)
		}
		name = http.CanonicalHeaderKey(name)
		h[name] = append(h[name], values...)
	}
	for _, check := range []func(http.Header) error{o.checkHost, checkNamed, o.checkOverrides, checkUpgrade} {
		if err := check(h); err != nil {
			return nil, err
		}
	}
	for _, name := range hops {
		delete(h, name)
	}
	if o.Method == http.MethodOptions {
		// A preflight is decided as the OPTIONS that it is: the program answers it.
		delete(h, "Access-Control-Request-Method")
		delete(h, "Access-Control-Request-Headers")
	}
	return h, nil
}

// checkHost refuses a Host beside another authority, which HTTP/2 lets a client send.
func (o Request) checkHost(h http.Header) error {
	if slices.ContainsFunc(h["Host"], func(host string) bool { return host != o.Host }) {
		return fmt.Errorf("%w: two hosts", middleware.ErrAmbiguousRequest)
	}
	return nil
}

// checkNamed refuses one of ours that is said to be of the connection, so that the next proxy drops what
// this one has set, and one that is said to follow as a trailer, after the decision.
func checkNamed(h http.Header) error {
	for _, list := range slices.Concat(h["Connection"], h["Trailer"]) {
		for name := range strings.SplitSeq(list, ",") {
			if isHeader(strings.TrimSpace(name)) {
				return fmt.Errorf("%w: a header of ours is said to be of the connection, or to follow", middleware.ErrAmbiguousRequest)
			}
		}
	}
	return nil
}

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

func (o Request) checkOverrides(h http.Header) error {
	for name, values := range h {
		for _, override := range overrides {
			if folded(name) == folded(override.name) && slices.ContainsFunc(values, func(v string) bool { return v != override.of(o) }) {
				return fmt.Errorf("%w: the header %s names another", middleware.ErrAmbiguousRequest, override.name)
			}
		}
	}
	return nil
}

// checkUpgrade refuses every protocol but WebSocket. A proxy that passes the header on is a tunnel from
// then on, and by HTTP/2 without TLS (h2c) more requests pass through it, which nobody asks about. Where
// the proxy keeps Upgrade to itself, as Traefik does, the opening handshake tells of it (RFC 6455 §4.1).
func checkUpgrade(h http.Header) error {
	values, upgrade := h["Upgrade"]
	if _, settings := h["Http2-Settings"]; settings || upgrade && (len(values) != 1 || !strings.EqualFold(values[0], "websocket")) {
		return fmt.Errorf("%w: an upgrade that is not to a WebSocket", middleware.ErrAmbiguousRequest)
	}
	if h["Sec-Websocket-Key"] != nil || h["Sec-Websocket-Version"] != nil {
		h["Upgrade"] = []string{"websocket"}
	}
	return nil
}

// isExactly reports whether a name is one of [Headers], as a proxy reads it.
func isExactly(name string) bool {
	return slices.ContainsFunc(Headers(), func(own string) bool { return strings.EqualFold(name, own) })
}

// isHeader reports whether a name is one of [Headers] for some server.
func isHeader(name string) bool {
	name = folded(name)
	return slices.ContainsFunc(Headers(), func(own string) bool { return name == folded(own) })
}

// folded returns a name as those read it who tell least apart: CGI and WSGI take '_' for '-', and some
// take every byte for it that is no letter and no digit.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + ('a' - 'A')
		case isAlphanumeric(r):
			return r
		}
		return '-'
	}, name)
}
