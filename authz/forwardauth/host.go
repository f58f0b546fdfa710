package forwardauth

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/reevehq/reeve/middleware"
)

// parseHost returns a host as routes name it: in lower case, and without the dot that may end a name
// (RFC 9110 §4.2.3, RFC 3986 §3.2.2). Programs behind a proxy find their site by it, so what they might
// read in another way is an error wrapping middleware.ErrAmbiguousRequest.
func parseHost(text string) (string, error) {
	name, port := text, ""
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		name, port = text[:i], text[i:]
		if _, err := strconv.ParseUint(port[1:], 10, 16); err != nil {
			return "", fmt.Errorf("%w: the host has a port that is no number", middleware.ErrAmbiguousRequest)
		}
	}
	if address, bracketed := strings.CutPrefix(name, "["); bracketed {
		address, closed := strings.CutSuffix(address, "]")
		if ip, err := netip.ParseAddr(address); err != nil || !closed || !ip.Is6() || ip.Zone() != "" {
			return "", fmt.Errorf("%w: the host is no address", middleware.ErrAmbiguousRequest)
		}
		return strings.ToLower(text), nil
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool { return !isAlphanumeric(r) && r != '-' && r != '_' }) {
			return "", fmt.Errorf("%w: the host is no name", middleware.ErrAmbiguousRequest)
		}
	}
	return name + port, nil
}

// hostname returns a host that parseHost has returned without its port.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return host[:i]
	}
	return host
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
