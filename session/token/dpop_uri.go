package token

import (
	"errors"
	"strconv"
	"strings"
)

// maxURI is the longest htu that is compared, in bytes.
const maxURI = 2 << 10

// origin is one under which the service is reached, normalised.
type origin struct {
	scheme, authority string
	wildcard          bool // authority is everything after the first label, from its dot
}

var errOrigin = errors.New("not https://host or https://host:port")

// parseOrigin reads a configured origin.
func parseOrigin(s string) (origin, error) {
	scheme, authority, path, ok := splitURI(s)
	if !ok || path != "/" || strings.ContainsAny(s, "?#") {
		return origin{}, errOrigin
	}
	rest, wildcard := strings.CutPrefix(authority, "*.")
	for i := range len(rest) {
		if c := rest[i]; !(lowerOrDigit(c) || strings.IndexByte("-.:[]", c) >= 0) {
			return origin{}, errOrigin
		}
	}
	if rest == "" || rest[0] == '.' || rest[0] == ':' {
		return origin{}, errOrigin
	}
	if scheme == "http" && !loopback(authority) {
		return origin{}, errors.New("http is for loopback hosts alone")
	}
	if wildcard {
		return origin{scheme, "." + rest, true}, nil
	}
	return origin{scheme, authority, false}, nil
}

func loopback(authority string) bool {
	host := authority
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return host == "localhost" || host == "127.0.0.1" || host == "[::1]"
}

func (o origin) is(scheme, authority string) bool {
	if scheme != o.scheme {
		return false
	}
	if !o.wildcard {
		return authority == o.authority
	}
	label, ok := strings.CutSuffix(authority, o.authority)
	if !ok || label == "" {
		return false
	}
	for i := range len(label) {
		if !lowerOrDigit(label[i]) && label[i] != '-' {
			return false
		}
	}
	return true
}

// servedAt reports whether uri is that of a request for path at one of the origins. Both
// are normalised by syntax and scheme first (RFC 9449 §4.3, RFC 3986 §6.2.2 and §6.2.3);
// query and fragment of uri do not count. Dot segments are not resolved: a path that has
// any reaches no route.
func (v *DPoPVerifier) servedAt(uri, path string) bool {
	scheme, authority, claimed, ok := splitURI(uri)
	if !ok || claimed != normalPath(path) {
		return false
	}
	for _, o := range v.origins {
		if o.is(scheme, authority) {
			return true
		}
	}
	return false
}

// splitURI returns the normalised parts of an absolute http or https URI without user
// information.
func splitURI(uri string) (scheme, authority, path string, ok bool) {
	if !printable(uri, maxURI) {
		return "", "", "", false
	}
	if i := strings.IndexAny(uri, "?#"); i >= 0 {
		uri = uri[:i]
	}
	scheme, rest, found := strings.Cut(uri, "://")
	scheme = asciiLower(scheme)
	if !found || scheme != "https" && scheme != "http" {
		return "", "", "", false
	}
	authority, path = rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	authority = asciiLower(authority)
	authority = strings.TrimSuffix(authority, map[string]string{"https": ":443", "http": ":80"}[scheme])
	authority = strings.TrimSuffix(authority, ":")
	if authority == "" || strings.ContainsAny(authority, `@\ `) {
		return "", "", "", false
	}
	return scheme, authority, normalPath(path), true
}

// normalPath writes the empty path as a slash, escapes in capitals, and what needs no
// escape without one.
func normalPath(p string) string {
	if p == "" {
		return "/"
	}
	if !strings.Contains(p, "%") {
		return p
	}
	out := make([]byte, 0, len(p))
	for i := 0; i < len(p); i++ {
		b, ok := escaped(p[i:])
		switch {
		case !ok:
			out = append(out, p[i])
			continue
		case unreserved(b):
			out = append(out, b)
		default:
			out = append(out, strings.ToUpper(p[i:i+3])...)
		}
		i += 2
	}
	return string(out)
}

// escaped returns the byte that the escape at the beginning of s stands for.
func escaped(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	b, err := strconv.ParseUint(s[1:3], 16, 8)
	return byte(b), err == nil
}

func unreserved(b byte) bool {
	return lowerOrDigit(b) || 'A' <= b && b <= 'Z' || strings.IndexByte("-._~", b) >= 0
}

func lowerOrDigit(b byte) bool { return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' }
