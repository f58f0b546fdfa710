package middleware

import (
	"fmt"
	"net/http"
	"slices"
)

// CheckOrigin returns nil when a request that carries a cookie, or a token in a header that a
// proxy has added, was made by the site itself or changes nothing, and otherwise an error
// wrapping [ErrCrossOrigin]. A request to
// switch protocols changes something whatever its method is: no CORS stands between
// another site's script and what it reads from a WebSocket (RFC 6455 §10.2).
//
// Browsers attach cookies to requests that other sites make them send. The standard library's check
// reads Sec-Fetch-Site and, where a browser does not send it, the Origin. It is stricter here in
// three ways: an Origin, when sent, must be exactly this host's and not one that merely parses to
// it (golang/go#78563); one without TLS counts only where the browser says that it is the same; and
// a request with neither header is refused, because a browser has sent the cookie.
func CheckOrigin(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		if len(r.Header["Upgrade"]) == 0 {
			return nil
		}
	}
	origin, site, err := sender(r)
	if err != nil {
		return err
	}
	if origin == "" && site == "" {
		return fmt.Errorf("%w: a cookie and neither Origin nor Sec-Fetch-Site", ErrCrossOrigin)
	}
	return fromHere(r, origin, site)
}

// CheckSignIn returns nil when a request to sign in may have been made by the site itself or
// by no browser, and otherwise an error wrapping [ErrCrossOrigin]. A handler that signs
// users in and sets a cookie calls it first:
//
//	if err := middleware.CheckSignIn(c.Request()); err != nil {
//		return err
//	}
//
// Without it another site signs its visitors in as somebody else and reads what they then
// do under that account (login CSRF). Such a request carries no cookie, so [CheckOrigin]
// never sees it. No method is safe here: a GET that sets a cookie signs in as well. The
// callback of an identity provider is a request from another site and is protected by its
// state parameter instead (RFC 6749 §10.12).
//
// A request without Origin and Sec-Fetch-Site passes, as from curl or a mobile application:
// every browser in use sends one of the two with a request that another site makes. An
// Origin of null, of another host of the same site, or one that is not exactly this host's
// is refused, unless it is among origins, those whose pages may sign users in here, spelt as
// for [CORS].
func CheckSignIn(r *http.Request, origins ...string) error {
	origin, site, err := sender(r)
	switch {
	case err != nil:
		return err
	case origin == "" && site == "":
		return nil
	case origin != "" && origin != "null" && slices.Contains(origins, origin):
		return nil
	}
	return fromHere(r, origin, site)
}

// sender returns what a browser says about the page that made the request, "" for each
// header that is not there.
func sender(r *http.Request) (origin, site string, err error) {
	if origin, err = once(r, "Origin"); err != nil {
		return "", "", err
	}
	if site, err = once(r, "Sec-Fetch-Site"); err != nil {
		return "", "", err
	}
	return origin, site, nil
}

// once returns the value of a header, "" where it is not sent. Of one that is sent twice
// nobody knows which value others read, and no browser sends an empty one.
func once(r *http.Request, name string) (string, error) {
	values, sent := r.Header[name]
	if !sent {
		return "", nil
	}
	if len(values) != 1 || values[0] == "" {
		return "", fmt.Errorf("%w: %s is not sent once and with a value", ErrCrossOrigin, name)
	}
	return values[0], nil
}

// fromHere returns nil when what a browser says of a request names this site. At least one
// of origin and site is not empty.
func fromHere(r *http.Request, origin, site string) error {
	if origin != "" && !sameOrigin(origin, site, r) {
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
