package condition

import (
	"net/netip"

	"github.com/reevehq/reeve/internal/hint"
)

// parseNetwork reads a network or an address as people and Casbin both read it.
func parseNetwork(s string) (n netip.Prefix, why string) {
	n, err := netip.ParsePrefix(s)
	if err != nil {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, hint.Quote(s) + " is neither a network such as 10.0.0.0/8 nor an address"
		}
		n = netip.PrefixFrom(addr, addr.BitLen())
	}
	switch {
	case n.Addr().Is4In6():
		return netip.Prefix{}, hint.Quote(s) + ": write an IPv4 network as such"
	case n.Masked() != n:
		return netip.Prefix{}, hint.Quote(s) + " has bits beyond its length: write " + n.Masked().String()
	}
	return n, ""
}

// maxAddress is the length of the longest address, in bytes.
const maxAddress = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")

// inNetwork reports whether the address s is in the network, unknown when s is none.
func inNetwork(n netip.Prefix, s string) Truth {
	if len(s) > maxAddress {
		return Unknown
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return Unknown
	}
	return truthOf(n.Contains(addr.Unmap()))
}
