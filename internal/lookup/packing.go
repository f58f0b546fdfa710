package lookup

import "math/bits"

// Values are the four numbers of a key, two and two.
type Values struct{ first, second uint64 }

// ValuesOf puts four numbers together.
func ValuesOf(a, b, c, d uint32) Values {
	return Values{uint64(a)<<32 | uint64(b), uint64(c)<<32 | uint64(d)}
}

// hash spreads the values over all bits of the result.
func (v Values) hash() uint64 {
	const a, b, c = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9
	h := v.first*a ^ v.second*b
	return (h ^ h>>32) * c
}

// packing turns values into one number of keyBits bits, a different one for each. Each value
// has as many bits as the largest needs. Where these are too many, the keys are numbered.
type packing struct {
	a, b, c, d uint8             // bits
	wide       map[Values]uint64 // nil where the bits suffice
}

// newPacking makes a packing for some keys.
func newPacking(keys []Key) packing {
	var or Values
	for i := range keys {
		or.first |= keys[i].first
		or.second |= keys[i].second
	}
	p := packing{
		a: uint8(bits.Len32(uint32(or.first >> 32))), b: uint8(bits.Len32(uint32(or.first))),
		c: uint8(bits.Len32(uint32(or.second >> 32))), d: uint8(bits.Len32(uint32(or.second))),
	}
	if int(p.a)+int(p.b)+int(p.c)+int(p.d) > keyBits {
		p.wide = map[Values]uint64{}
	}
	return p
}

// pack returns the number of values, and false for values that no key has.
func (p *packing) pack(v Values) (uint64, bool) {
	if p.wide != nil {
		n, ok := p.wide[v]
		return n, ok
	}
	a, b, c, d := v.first>>32, v.first&(1<<32-1), v.second>>32, v.second&(1<<32-1)
	if a>>(p.a&63)|b>>(p.b&63)|c>>(p.c&63)|d>>(p.d&63) != 0 {
		return 0, false
	}
	return ((a<<(p.b&63)|b)<<(p.c&63)|c)<<(p.d&63) | d, true
}

// add returns the number of the values of a key.
func (p *packing) add(v Values) uint64 {
	if p.wide != nil {
		if _, ok := p.wide[v]; !ok {
			p.wide[v] = uint64(len(p.wide))
		}
	}
	n, _ := p.pack(v)
	return n
}
