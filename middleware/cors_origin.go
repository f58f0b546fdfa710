package middleware

import (
	"errors"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// The forms of what browsers send (URL Standard, "origin"). Of http and https they write
// the host in lower case. Of other schemes they send it as it was written, and the one that
// is written in capitals is the UUID of an extension in Safari.
var (
	originScheme = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)
	originHost   = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)*$`)
	originOpaque = regexp.MustCompile(`^[a-z0-9._~-]+$`)
	originUUID   = regexp.MustCompile(`^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$`)
)

// originProblem says what is wrong with a serialized origin.
func originProblem(origin string) error {
	switch origin {
	case "*":
		return errors.New("is every site: list each origin that may use the service")
	case "null":
		return errors.New("is the origin of every sandboxed frame and every file, so of anybody")
	}
	scheme, rest, found := strings.Cut(origin, "://")
	switch {
	case !found || !originScheme.MatchString(strings.ToLower(scheme)):
		return errors.New("is not a scheme, :// and a host, such as https://app.example.com")
	case !originScheme.MatchString(scheme):
		return errors.New("has its scheme not in lower case, as browsers send it")
	case strings.Contains(rest, "*"):
		return errors.New("is a pattern: list each origin by itself")
	case strings.Contains(rest, "@"):
		return errors.New("has user information, which browsers leave out")
	case strings.ContainsAny(rest, "/?#\\"):
		return errors.New("has a path, a query or a slash at its end, which browsers leave out")
	}
	if why := neverAnOrigin[scheme]; why != "" {
		return errors.New(why)
	}
	host, port, hasPort := cutPort(rest)
	if hasPort {
		if err := portProblem(scheme, port); err != nil {
			return err
		}
	}
	if scheme == "https" || scheme == "http" {
		return hostProblem(host)
	}
	if !originOpaque.MatchString(host) && !originUUID.MatchString(host) {
		return errors.New("is not a scheme, :// and a host of a-z, 0-9, dots, dashes, _ and ~, or a UUID")
	}
	return nil
}

// neverAnOrigin are the schemes whose pages have no origin of their own, or that have no
// pages.
var neverAnOrigin = map[string]string{
	"file": "is never sent: browsers send null for files", "data": "is never sent: browsers send null for data",
	"blob": "is never sent: browsers send the origin of the page that made it", "about": "is never sent: browsers send null or the page's own origin",
	"filesystem": "is never sent: browsers send the origin of the page that made it", "javascript": "is never sent: it has no pages",
	"ws": "is never sent: a WebSocket has the http:// origin of its page", "wss": "is never sent: a WebSocket has the https:// origin of its page",
	"ftp": "is never sent: browsers have no pages of it",
}

// cutPort cuts what is behind the last colon, but for one inside of an IPv6 address.
func cutPort(s string) (host, port string, found bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || i < strings.LastIndexByte(s, ']') {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func portProblem(scheme, port string) error {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return errors.New("has a port that is not a number from 1 to 65535, without leading zeros")
	}
	if scheme == "https" && n == 443 || scheme == "http" && n == 80 {
		return errors.New("has the scheme's own port, which browsers leave out")
	}
	return nil
}

// hostProblem says what is wrong with the host of an http or https origin.
func hostProblem(host string) error {
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		addr, err := netip.ParseAddr(host[1 : len(host)-1])
		if err != nil || !addr.Is6() || addr.Zone() != "" || addr.Is4In6() || addr.String() != host[1:len(host)-1] {
			return errors.New("has an IPv6 address in another form than browsers send, which is the shortest and in lower case")
		}
		return nil
	}
	switch {
	case strings.ToLower(host) != host:
		return errors.New("is not in lower case, as browsers send it")
	case !originHost.MatchString(strings.TrimSuffix(host, ".")):
		return errors.New("is not a scheme, a host and at most a port; a name in another script is written as xn--…")
	}
	return nil
}
