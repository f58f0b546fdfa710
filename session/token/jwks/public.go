package jwks

import (
	"errors"
	"net/netip"
	"syscall"
)

// special are the blocks of RFC 6890 and its registry that are not of the public Internet
// and that netip's own predicates do not know.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // shared, behind carriers and in clouds
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // carries an IPv4 address, which may be any
	netip.MustParsePrefix("3fff::/20"),
}

// globalUnicast6 is all of IPv6 that is assigned to the public Internet.
var globalUnicast6 = netip.MustParsePrefix("2000::/3")

// refusePrivate is the Control of a dialer. It sees the address that is connected to, so a
// name that resolves to another one the second time does not get past it.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !public(to.Addr().Unmap()) {
		return errors.New("the address is not public")
	}
	return nil
}

func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !globalUnicast6.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
