package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"
)

// Proxies are the proxies in front of a service whose word is taken for where a request
// came from. Nothing else of what a proxy says is read: a Host passes through as it was
// sent, and the scheme is not asked for. The zero Proxies is refused.
//
//	e.IPExtractor, err = middleware.Proxies{
//		Trusted: []netip.Prefix{netip.MustParsePrefix("10.1.2.0/28")},
//		Header:  "X-Forwarded-For",
//	}.IPExtractor()
//
// Without an IPExtractor the address is that of the connection, whatever headers say. Echo's
// own extractors trust every private address, which in a cluster is everybody.
type Proxies struct {
	// Trusted are the addresses of the proxies, and no others'. Required. A prefix has no
	// bits set beyond its length, and the prefix of all addresses is an error.
	Trusted []netip.Prefix

	// Header is the one header that every trusted proxy writes: a list of addresses to which
	// each appends that of its peer. Required. The others like it stay without effect.
	Header string
}

// maxHops is how many addresses of a header are looked at: more proxies than that in a row
// are a loop, or a stranger's.
const maxHops = 16

// IPExtractor returns what tells the client's address, or an error that names every
// invalid field. The address is "", so that no condition on it holds, where a trusted
// proxy's word has no single reading: without the header, with two of them, or with
// something in the list that is no address.
func (p Proxies) IPExtractor() (echo.IPExtractor, error) {
	p.Trusted = append([]netip.Prefix(nil), p.Trusted...)
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("middleware: proxies: %w", err)
	}
	return func(r *http.Request) string {
		client, ok := p.client(r)
		if !ok {
			return ""
		}
		return client.String()
	}, nil
}

func (p Proxies) validate() error {
	var problems []error
	if len(p.Trusted) == 0 {
		problems = append(problems, errors.New("Trusted: required"))
	}
	for i, prefix := range p.Trusted {
		if !prefix.IsValid() || prefix != prefix.Masked() || prefix.Bits() == 0 || prefix.Addr().Is4In6() {
			problems = append(problems, fmt.Errorf("Trusted[%d]: %s is not the prefix of a network", i, prefix))
		}
	}
	if p.Header == "" || strings.Trim(strings.ToLower(p.Header), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		problems = append(problems, errors.New("Header: a name of letters, digits and '-' is required"))
	}
	return errors.Join(problems...)
}

// client is the address of whoever the trusted proxies had before them: the last hop that
// is not one of them. What stands before it in the list, the client may have written.
func (p Proxies) client(r *http.Request) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	hop := plain(peer.Addr())
	if !p.trust(hop) {
		return hop, true
	}
	lines := r.Header.Values(p.Header)
	if len(lines) != 1 {
		return netip.Addr{}, false
	}
	for rest, n := lines[0], 0; n < maxHops; n++ {
		comma := strings.LastIndexByte(rest, ',')
		addr, err := netip.ParseAddr(strings.Trim(rest[comma+1:], " \t"))
		if err != nil {
			return netip.Addr{}, false
		}
		if hop = plain(addr); !p.trust(hop) || comma < 0 {
			return hop, true
		}
		rest = rest[:comma]
	}
	return netip.Addr{}, false
}

func (p Proxies) trust(a netip.Addr) bool {
	for _, prefix := range p.Trusted {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// plain is one spelling of an address.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
