package middleware

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/reevehq/reeve/internal/configerr"
)

// Proxies are the proxies in front of a service whose word is taken for where a request came
// from. Nothing else that a proxy says is read: a Host passes through as it was sent, and the
// scheme is not asked for.
//
//	proxies, err := middleware.NewProxies("X-Forwarded-For", netip.MustParsePrefix("10.1.2.0/28"))
//
// Without Proxies the address is that of the connection, whatever headers say. Echo's own
// extractors trust every private address, which in a cluster is everybody.
type Proxies struct {
	header  string
	trusted []netip.Prefix
}

// maxHops is how many addresses of a header are looked at: more proxies than that in a row
// are a loop, or written by a client.
const maxHops = 16

// NewProxies returns the proxies at the trusted addresses, and no others'. header is the one
// header that every one of them writes: a list of addresses to which each appends that of its
// peer. Other headers have no effect. A prefix has no bits set beyond its length, and the prefix
// of all addresses is an error. The error names everything that is invalid.
func NewProxies(header string, trusted ...netip.Prefix) (*Proxies, error) {
	p := &Proxies{header, slices.Clone(trusted)}
	if err := p.validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// ClientIP returns the address of the client: the last hop that is not a trusted proxy. It is the
// zero Addr, so that no condition on it holds, where a trusted proxy's word has no single reading:
// without the header, with two of them, or with something in the list that is no address. A nil or
// zero Proxies knows no address either.
func (p *Proxies) ClientIP(r *http.Request) netip.Addr {
	if p == nil || p.header == "" {
		return netip.Addr{}
	}
	client, _ := p.client(r)
	return client
}

func (p *Proxies) validate() error {
	var problems configerr.Problems
	if len(p.trusted) == 0 {
		problems.Add("trusted", "required")
	}
	for i, prefix := range p.trusted {
		if !prefix.IsValid() || prefix != prefix.Masked() || prefix.Bits() == 0 || prefix.Addr().Is4In6() {
			problems.Add(fmt.Sprintf("trusted[%d]", i), "%s is not the prefix of a network", prefix)
		}
	}
	if p.header == "" || strings.Trim(strings.ToLower(p.header), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		problems.Add("header", "a name of letters, digits and '-' is required")
	}
	return problems.Err("middleware", nil)
}

// client is the last hop that is not a trusted proxy. The client may have written what stands
// before it in the list.
func (p *Proxies) client(r *http.Request) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	hop := plain(peer.Addr())
	if !p.trust(hop) {
		return hop, true
	}
	lines := r.Header.Values(p.header)
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

func (p *Proxies) trust(a netip.Addr) bool {
	for _, prefix := range p.trusted {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}
