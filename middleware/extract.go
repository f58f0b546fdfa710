package middleware

import (
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/reevehq/reeve/session/token"
)

// credential is the one token that a request carries. The zero credential is none: the
// caller is anonymous. It is a secret and redacts itself.
type credential struct {
	raw    string
	dpop   bool   // whether it came with the scheme DPoP, and so with a proof
	cookie bool   // whether it came as a cookie, which browsers send by themselves
	header string // the header of an issuer's own that it came in, "" for none
}

// ambient reports whether a request that another site makes a browser send carries the
// credential: a cookie does, and so does a header that a proxy adds to whatever comes with a
// cookie of the proxy's own.
func (c credential) ambient() bool { return c.cookie || c.header != "" }

// IsZero reports whether the request carries no credential.
func (c credential) IsZero() bool { return c.raw == "" }

// String implements [fmt.Stringer] without the token.
func (c credential) String() string {
	switch {
	case c.IsZero():
		return "no credential"
	case c.cookie:
		return "cookie [redacted]"
	case c.header != "":
		return "header [redacted]"
	case c.dpop:
		return "dpop [redacted]"
	}
	return "bearer [redacted]"
}

// GoString implements [fmt.GoStringer] without the token.
func (c credential) GoString() string { return c.String() }

// Format implements [fmt.Formatter], so that no verb reaches the token.
func (c credential) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// extract returns the credential of a request: the bearer token of its Authorization
// header (RFC 6750 §2.1), or the value of the cookie of the given name, which "" turns
// off. Two credentials, a bearer scheme without one well-formed token, and cookies of more
// than 64 KiB where one may carry the token, are errors wrapping [ErrInvalidRequest]:
// choosing among them is how a proxy and a service come to serve two different callers. The
// query is never read for a token (RFC 9700 §4.3.2). Other authentication schemes are ignored,
// except that a DPoP token beside a cookie is refused. The scheme DPoP (RFC 9449 §7.1) carries
// a credential where dpop says so. Each of headers, which are those of issuers, may carry one
// token too.
func extract(r *http.Request, cookie string, dpop bool, headers []string) (credential, error) {
	header, err := headerToken(r.Header["Authorization"])
	if err != nil {
		return credential{}, err
	}
	own, err := ownHeaderToken(r, headers)
	if err != nil {
		return credential{}, err
	}
	if !header.IsZero() && !own.IsZero() {
		return credential{}, fmt.Errorf("%w: a token in Authorization and one in %s", ErrInvalidRequest, own.header)
	}
	// A proxy in front may use a token that this service ignores, so it counts beside another.
	sent, ours := header, header
	if header.dpop && !dpop {
		ours = credential{}
	}
	if !own.IsZero() {
		sent, ours = own, own
	}
	if cookie != "" {
		value, err := cookieToken(r, cookie)
		if err != nil {
			return credential{}, err
		}
		if !sent.IsZero() && value != "" {
			return credential{}, fmt.Errorf("%w: a token in the header and a cookie", ErrInvalidRequest)
		}
		if value != "" {
			ours = credential{raw: value, cookie: true}
			sent = ours
		}
	}
	if !sent.IsZero() && tokenInQuery(r) {
		return credential{}, fmt.Errorf("%w: a token in the header or a cookie, and one in the query", ErrInvalidRequest)
	}
	return ours, nil
}

// ownHeaderToken returns the token of the one header of an issuer's own that has any. The
// header is the token: no scheme stands before it.
func ownHeaderToken(r *http.Request, names []string) (found credential, err error) {
	for _, name := range names {
		values := r.Header[name]
		switch {
		case len(values) == 0 || len(values) == 1 && values[0] == "":
			continue
		case len(values) > 1:
			return credential{}, fmt.Errorf("%w: %d headers %s", ErrInvalidRequest, len(values), name)
		case !found.IsZero():
			return credential{}, fmt.Errorf("%w: a token in %s and one in %s", ErrInvalidRequest, found.header, name)
		case len(values[0]) <= token.MaxLength && separated(values[0]):
			return credential{}, fmt.Errorf("%w: %s has not exactly one token", ErrInvalidRequest, name)
		}
		found = credential{raw: values[0], header: name}
	}
	return found, nil
}

func headerToken(headers []string) (credential, error) {
	if len(headers) > 1 {
		return credential{}, fmt.Errorf("%w: %d Authorization headers", ErrInvalidRequest, len(headers))
	}
	if len(headers) == 0 {
		return credential{}, nil
	}
	// The scheme ends at whatever some parser ends it at; only a space makes it a credential.
	scheme, raw, _ := strings.Cut(headers[0], " ")
	proved := false
	if scheme != "Bearer" { // as most write it
		if end := strings.IndexAny(scheme, "\t,"); end >= 0 {
			scheme, raw = scheme[:end], ""
		}
		proved = strings.EqualFold(scheme, "DPoP")
		if !proved && !strings.EqualFold(scheme, "Bearer") {
			return credential{}, nil
		}
	}
	// A text that is longer than a token is refused for that, without being read.
	if raw == "" || len(raw) <= token.MaxLength && separated(raw) {
		return credential{}, fmt.Errorf("%w: a scheme without exactly one token", ErrInvalidRequest)
	}
	return credential{raw: raw, dpop: proved}, nil
}

// separated reports whether some parser would take a text for several. Each byte is looked for by
// itself, which takes a tenth of the time of all at once.
func separated(raw string) bool {
	return strings.IndexByte(raw, ' ') >= 0 || strings.IndexByte(raw, '\t') >= 0 || strings.IndexByte(raw, ',') >= 0
}

// tokenInQuery reports whether some parser would find the parameter access_token (RFC 6750
// §2.3) in the query. That of net/url finds none where it takes the query to be too long or
// separated by semicolons.
func tokenInQuery(r *http.Request) bool {
	if r.URL.RawQuery == "" {
		return false
	}
	for pair := range strings.FieldsFuncSeq(r.URL.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if len(name) > 3*len(queryName) {
			continue // even with every letter escaped
		}
		if name, err := url.QueryUnescape(name); err == nil && name == queryName {
			return true
		}
	}
	return false
}

const queryName = "access_token"

// maxCookies is how many bytes of cookies are read: several times what servers take by
// default, and little to read for a request that is refused.
const maxCookies = 64 << 10

// cookieToken returns the value of the one cookie of a name, as it was sent. It counts the cookies
// itself: net/http leaves out those whose value it does not like, and all of them where there are
// more than 3,000, and programs before or behind a service may not.
func cookieToken(r *http.Request, name string) (value string, err error) {
	length, found := 0, 0
	for _, line := range r.Header["Cookie"] {
		if length += len(line); length > maxCookies {
			return "", fmt.Errorf("%w: cookies of more than 64 KiB", ErrInvalidRequest)
		}
	}
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			key, text, _ := strings.Cut(pair, "=")
			if textproto.TrimString(key) == name {
				found, value = found+1, textproto.TrimString(text)
			}
		}
	}
	if found > 1 {
		return "", fmt.Errorf("%w: %d cookies of one name", ErrInvalidRequest, found)
	}
	return value, nil
}
