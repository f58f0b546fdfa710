package impact

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

func stringsOf(all []any) (list []string) {
	for _, x := range all {
		switch x := x.(type) {
		case string:
			list = append(list, x)
		case int64:
			list = append(list, strconv.FormatInt(x, 10))
		}
	}
	return list
}

// textsOf returns the constants, texts between them, and a few that are none of them.
func (d *domain) textsOf(c *component) []string {
	list := slices.Clone(c.texts)
	slices.Sort(list)
	list = slices.Compact(list)
	constants, most := len(list), 1
	if c.pairs {
		most = min(c.vars-c.late, 3)
		d.complete = d.complete && c.vars-c.late <= 3
	}
	if c.ordered {
		// As many texts between two constants as there are attributes to compare. None has a
		// space, which no user's id may have.
		between := func(low, high string) {
			for range most {
				if low += "-"; high != "" && low >= high {
					d.complete = false
					return
				}
				list = append(list, low)
			}
		}
		for i := range constants {
			next := ""
			if i+1 < constants {
				next = list[i+1]
			}
			between(list[i], next)
		}
		if list = append(list, ""); constants > 0 && list[0] != "" {
			between("", list[0])
		}
	}
	list = append(list, d.made(c)...)
	for _, net := range c.nets {
		list = append(list, addressesOf(net)...)
	}
	if len(c.nets) > 0 {
		list = append(list, "192.0.2.1", "2001:db8::1")
	}
	for i := range most {
		list = append(list, freshOf("other", i, list))
		if c.uuids {
			list = append(list, freshUUID(list))
		}
	}
	return distinct(list)
}

// maxMade bounds how many texts are made of parts.
const maxMade = 512

// made returns texts with each beginning, each end and each set of parts within that are looked
// for. Every text has the same of them as one of these: a sign that none has stands between.
func (d *domain) made(c *component) (list []string) {
	starts, ends, inner := distinct(append(c.starts, "")), distinct(append(c.ends, "")), distinct(c.inner)
	if len(c.starts)+len(c.ends)+len(inner) == 0 {
		return nil
	}
	const sign = "~"
	apart := func(s string) bool { return !strings.Contains(s, sign) }
	d.complete = d.complete && !c.pairs && !c.ordered && len(c.nets) == 0 && apart(strings.Join(c.texts, ""))
	if len(inner) > 8 || len(starts)*len(ends)<<len(inner) > maxMade {
		d.complete = false
		inner = inner[:min(len(inner), 2)]
		starts, ends = starts[max(0, len(starts)-8):], ends[max(0, len(ends)-8):]
	}
	for _, start := range starts {
		for _, end := range ends {
			for set := range 1 << len(inner) {
				text := start + sign
				for i, part := range inner {
					if set>>i&1 != 0 {
						text += part + sign
					}
				}
				list = append(list, text+end)
			}
		}
	}
	return list
}

// freshOf returns a word that is none of a list.
func freshOf(word string, from int, list []string) string {
	for i := from; ; i++ {
		s := word
		if i > 0 {
			s += strconv.Itoa(i + 1)
		}
		if !slices.Contains(list, s) {
			return s
		}
	}
}

func freshUUID(list []string) string {
	for i := 1; ; i++ {
		if s := fmt.Sprintf("00000000-0000-4000-8000-%012x", i); !slices.Contains(list, s) {
			return s
		}
	}
}

func distinct[T comparable](list []T) []T {
	var out []T
	for _, x := range list {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// addressesOf returns the addresses at the ends of a network, within and outside.
func addressesOf(net string) []string {
	prefix, err := netip.ParsePrefix(net)
	if err != nil {
		addr, err := netip.ParseAddr(net)
		if err != nil {
			return nil
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	first := prefix.Masked().Addr()
	bytes := first.AsSlice()
	for bit := prefix.Bits(); bit < first.BitLen(); bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	var list []string
	for _, a := range []netip.Addr{first, last, first.Prev(), last.Next()} {
		if a.IsValid() {
			list = append(list, a.String())
			if a.Is4() {
				list = append(list, "::ffff:"+a.String())
			}
		}
	}
	return list
}
