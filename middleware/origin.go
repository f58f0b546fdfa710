package middleware

import (
	"fmt"
	"net/http"
)

// CheckOrigin returns nil when a request that carries a cookie was made by the site
// itself or changes nothing, and otherwise an error wrapping [ErrCrossOrigin]. A request to
// switch protocols changes something whatever its method is: no CORS stands between
// another site's script and what it reads from a WebSocket (RFC 6455 §10.2).
//
// Browsers attach cookies to requests that other sites make them send. The standard
// library's check reads Sec-Fetch-Site and, where a browser does not send it, the Origin.
// It is stricter here in three ways: an Origin, when sent, must be exactly this host's and
// not one that merely parses to it (golang/go#78563); one without TLS counts only where the
// browser says that it is the same; and a request with neither header is refused, because
// whatever sent the cookie was a browser.
func CheckOrigin(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		if len(r.Header["Upgrade"]) == 0 {
			return nil
		}
	}
	origins, site := r.Header["Origin"], r.Header.Get("Sec-Fetch-Site")
	if len(origins) == 0 && site == "" {
		return fmt.Errorf("%w: a cookie and neither Origin nor Sec-Fetch-Site", ErrCrossOrigin)
	}
	if len(origins) > 1 || len(origins) == 1 && !sameOrigin(origins[0], site, r) {
		return fmt.Errorf("%w: the Origin is not this host's", ErrCrossOrigin)
	}
	switch site {
	case "", "same-origin", "none":
	default:
		return fmt.Errorf("%w: Sec-Fetch-Site is not of this site", ErrCrossOrigin)
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	return nil
}

// sameOrigin compares serialized origins. Behind a proxy that ends TLS the scheme is not
// known here, so https is always accepted. http is accepted where this server may speak it
// and the browser itself says that the page is of the same origin: to one that is too old to
// say so, a page of this host that came without TLS, and so from anybody on the way, would
// look the same.
func sameOrigin(origin, site string, r *http.Request) bool {
	return origin == "https://"+r.Host || origin == "http://"+r.Host && r.TLS == nil && site == "same-origin"
}
