package middleware

import (
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/hint"
)

// CheckTarget returns nil when the request's path has one reading, and otherwise an error
// wrapping [ErrAmbiguousRequest]. Proxies, routers and handlers disagree about dot
// segments, doubled slashes, encoded slashes and path parameters, and an attacker lives in
// the difference (CVE-2026-33494, GHSA-vfp3-v2gw-7wfq); a path on which all of them agree
// leaves no difference.
//
// Both the path the client sent and the path the router was given are checked, so that a
// rewrite in front of the router cannot hide the first. A Host header beside the host that
// the request is for, which HTTP/2 lets clients send, has to be the same (RFC 9113 §8.3.1).
func CheckTarget(r *http.Request) error {
	for _, host := range r.Header["Host"] {
		if host != r.Host {
			return fmt.Errorf("%w: two hosts", ErrAmbiguousRequest)
		}
	}
	path := r.URL.Path
	if r.URL.RawPath != "" || !isPlain(path) {
		path = r.URL.EscapedPath()
	}
	if err := checkPath(path); err != nil {
		return err
	}
	sent, ok := sentPath(r)
	if !ok {
		return fmt.Errorf("%w: the target is not a path", ErrAmbiguousRequest)
	}
	if sent == path { // as most are
		return nil
	}
	return checkPath(sent)
}

// isPlain reports whether checkPath judges a path and what EscapedPath makes of it alike: each of
// its bytes may stand for itself, and where it is escaped all the same, that is no needless escape.
func isPlain(path string) bool {
	for i := range len(path) {
		if !inSegment[path[i]] && path[i] != '/' {
			return false
		}
	}
	return true
}

// sentPath returns the path of the request line. A request made inside the process has
// none; its URL was checked already.
func sentPath(r *http.Request) (string, bool) {
	target := r.RequestURI
	if target == "" {
		return r.URL.EscapedPath(), true
	}
	if target[0] == '/' {
		path, _, _ := strings.Cut(target, "?")
		return path, true
	}
	// The absolute form, which servers must accept (RFC 9112 §3.2.2). User information in it
	// only hides which host is meant (RFC 9110 §4.2.4).
	if scheme, rest, found := strings.Cut(target, "://"); found && !strings.ContainsAny(scheme, "/?#") {
		authority, path, _ := strings.Cut(rest, "/")
		if strings.Contains(authority, "@") {
			return "", false
		}
		target = "/" + path
	}
	if !strings.HasPrefix(target, "/") {
		return "", false
	}
	path, _, _ := strings.Cut(target, "?")
	return path, true
}

// checkPath judges an escaped path. It accepts a '/' followed by segments that are neither empty
// (but the last) nor made of dots alone, in the characters of RFC 3986 §3.3 without ';', decoding
// to UTF-8. Escapes are for bytes that cannot change the path's structure and are not unreserved;
// those of ':', '@' and their like, which clients write either way (RFC 3986 §2.2), are one path
// once [Match] has decoded them.
func checkPath(p string) error {
	if p == "" || p[0] != '/' {
		return fmt.Errorf("%w: the path does not begin with a slash", ErrAmbiguousRequest)
	}
	escaped := false
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '/':
			if err := checkSegment(p[i+1:]); err != nil {
				return err
			}
		case c == '%':
			if err := checkEscape(p[i:]); err != nil {
				return err
			}
			escaped = true
			i += 2
		case c == ';' || c == '\\':
			return fmt.Errorf("%w: %q in the path, which servers read in different ways: no path may hold it", ErrAmbiguousRequest, c)
		case !inSegment[c]:
			return fmt.Errorf("%w: %s stands unescaped in the path, which servers read in different ways: a client sends %%%02X", ErrAmbiguousRequest, hint.Rune(p[i:i+1]), c)
		}
	}
	if escaped && !utf8.Valid(unescape(p)) {
		return fmt.Errorf("%w: the path is not UTF-8 when its escapes are read", ErrAmbiguousRequest)
	}
	return nil
}

// checkSegment judges the structure of the segment that rest begins with.
func checkSegment(rest string) error {
	segment, _, more := strings.Cut(rest, "/")
	switch {
	case segment == "" && more:
		return fmt.Errorf("%w: two slashes in a row", ErrAmbiguousRequest)
	case segment == "." || segment == "..":
		return fmt.Errorf("%w: a dot segment", ErrAmbiguousRequest)
	}
	return nil
}

// checkEscape judges the escape that s begins with.
func checkEscape(s string) error {
	if len(s) < 3 || !isHex(s[1]) || !isHex(s[2]) {
		return fmt.Errorf("%w: a broken escape in the path: a %% and two hexadecimal digits are one, and no segment may hold a %% itself", ErrAmbiguousRequest)
	}
	b := unhex(s[1])<<4 | unhex(s[2])
	switch {
	case b < 0x20 || b == 0x7f:
		return fmt.Errorf("%w: an escaped control byte", ErrAmbiguousRequest)
	case b == '/' || b == '\\' || b == '%' || b == ';':
		return fmt.Errorf("%w: an escaped %q, which servers read in different ways: no segment may hold it", ErrAmbiguousRequest, b)
	case unreserved(b):
		return fmt.Errorf("%w: a needless escape: a client sends %q as it is", ErrAmbiguousRequest, b)
	}
	return nil
}

// inSegment is segmentByte of each byte.
var inSegment = func() (table [256]bool) {
	for b := range table {
		table[b] = segmentByte(byte(b))
	}
	return table
}()

// segmentByte reports whether b may stand for itself: pchar of RFC 3986 §3.3 without ';',
// which some servers take for the start of path parameters.
func segmentByte(b byte) bool {
	return unreserved(b) || strings.IndexByte("!$&'()*+,=:@", b) >= 0
}

func unreserved(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
		b == '-' || b == '.' || b == '_' || b == '~'
}

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

func unhex(b byte) byte {
	switch {
	case b <= '9':
		return b - '0'
	case b <= 'F':
		return b - 'A' + 10
	}
	return b - 'a' + 10
}

// unescape decodes a path whose escapes are known to be well-formed.
func unescape(p string) []byte {
	out := make([]byte, 0, len(p))
	for i := 0; i < len(p); i++ {
		if p[i] == '%' {
			out = append(out, unhex(p[i+1])<<4|unhex(p[i+2]))
			i += 2
			continue
		}
		out = append(out, p[i])
	}
	return out
}
