package lint

import (
	"net/netip"
	"strings"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// lookInto is a comparison of a text but for == and !=.
type lookInto struct {
	op   condition.Op
	text string
}

// holds reports whether it is true of a text. It says yes of what it does not know.
func (l lookInto) holds(s string) bool {
	switch l.op {
	case condition.OpLess:
		return s < l.text
	case condition.OpLessEqual:
		return s <= l.text
	case condition.OpGreater:
		return s > l.text
	case condition.OpGreaterEqual:
		return s >= l.text
	case condition.OpStartsWith:
		return strings.HasPrefix(s, l.text)
	case condition.OpNotStartsWith:
		return !strings.HasPrefix(s, l.text)
	case condition.OpEndsWith:
		return strings.HasSuffix(s, l.text)
	case condition.OpNotEndsWith:
		return !strings.HasSuffix(s, l.text)
	case condition.OpContains:
		return strings.Contains(s, l.text)
	case condition.OpNotContains:
		return !strings.Contains(s, l.text)
	}
	return true
}

// meets reports whether what looks into a text, and asks for its network, is true of it.
func (p *possible) meets(s string) bool {
	for _, l := range p.looks {
		if !l.holds(s) {
			return false
		}
	}
	for _, n := range p.networks {
		if addr, err := netip.ParseAddr(s); err == nil && n.prefix.IsValid() && n.prefix.Contains(addr.Unmap()) == n.not {
			return false
		}
	}
	return true
}

// looksMeet reports whether two at a time can be true of one text.
func looksMeet(all []lookInto) bool {
	for i, a := range all {
		if a.never() {
			return false
		}
		for _, b := range all[:i] {
			if !a.meets(b) || !b.meets(a) {
				return false
			}
		}
	}
	return true
}

// never reports whether it is true of no text: each has the empty text at its ends and within, and
// none is less than that.
func (l lookInto) never() bool {
	switch l.op {
	case condition.OpNotStartsWith, condition.OpNotEndsWith, condition.OpNotContains, condition.OpLess:
		return l.text == ""
	}
	return false
}

// meets reports whether both can be true of one text. It says yes where it does not know.
func (l lookInto) meets(m lookInto) bool {
	switch l.op {
	case condition.OpStartsWith:
		switch m.op {
		case condition.OpStartsWith:
			return strings.HasPrefix(l.text, m.text) || strings.HasPrefix(m.text, l.text)
		case condition.OpNotStartsWith:
			return !strings.HasPrefix(l.text, m.text)
		case condition.OpNotContains:
			return !strings.Contains(l.text, m.text)
		}
	case condition.OpEndsWith:
		switch m.op {
		case condition.OpEndsWith:
			return strings.HasSuffix(l.text, m.text) || strings.HasSuffix(m.text, l.text)
		case condition.OpNotEndsWith:
			return !strings.HasSuffix(l.text, m.text)
		case condition.OpNotContains:
			return !strings.Contains(l.text, m.text)
		}
	case condition.OpContains:
		if m.op == condition.OpNotContains {
			return !strings.Contains(l.text, m.text)
		}
	case condition.OpLess, condition.OpLessEqual:
		switch {
		case m.op == condition.OpGreaterEqual:
			return m.text < l.text || m.text == l.text && l.op == condition.OpLessEqual
		case m.op == condition.OpGreater:
			return m.text < l.text
		}
	}
	return true
}

// network is a network that an address is in, or is not in.
type network struct {
	prefix netip.Prefix // invalid where it is not known
	not    bool
}

func networkOf(op condition.Op, text string) network {
	n := network{not: op == condition.OpNotIPMatch}
	if addr, err := netip.ParseAddr(text); err == nil {
		n.prefix = netip.PrefixFrom(addr, addr.BitLen())
	} else if prefix, err := netip.ParsePrefix(text); err == nil {
		n.prefix = prefix
	}
	return n
}

// networksMeet reports whether some address is in each of them that it has to be in, and not in
// one of the others.
func networksMeet(all []network) bool {
	within := func(a, b netip.Prefix) bool { return b.Bits() <= a.Bits() && b.Contains(a.Addr()) }
	for i, a := range all {
		for _, b := range all[:i] {
			switch {
			case !a.prefix.IsValid() || !b.prefix.IsValid():
			case !a.not && !b.not && !a.prefix.Overlaps(b.prefix),
				!a.not && b.not && within(a.prefix, b.prefix),
				a.not && !b.not && within(b.prefix, a.prefix):
				return false
			}
		}
	}
	return true
}
