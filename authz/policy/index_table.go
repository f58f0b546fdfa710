package policy

import (
	"hash/maphash"
	"math"
)

// texts numbers the strings of a policy from 1. A string that no rule and no role mentions
// has no number, and none is ever given: a request stores nothing.
//
// It is an open-addressed table over one long string, so that a look-up touches two places
// of memory. The hash is seeded anew for each index: nobody can choose names that collide.
type texts struct {
	seed  maphash.Seed
	slots []textSlot
	shift int
	ends  []uint32 // by number: where it ends in all; it begins where the last one ends
	all   string
	bytes []byte // instead of all, until seal
	full  bool   // there was no room for some string
}

// textSlot is empty when id is 0.
type textSlot struct{ hash, id, from, to uint32 }

func newTexts() *texts {
	t := &texts{seed: maphash.MakeSeed(), ends: make([]uint32, 1, 1024)}
	t.grow()
	return t
}

// grow doubles the slots.
func (t *texts) grow() {
	old := t.slots
	t.slots = make([]textSlot, max(2*len(old), 64))
	t.shift = 32
	for n := len(t.slots); n > 1; n >>= 1 {
		t.shift--
	}
	for _, s := range old {
		if s.id != 0 {
			*t.empty(s.hash) = s
		}
	}
}

func (t *texts) empty(hash uint32) *textSlot {
	i, k := hash>>t.shift, uint32(0)
	for t.slots[i^k].id != 0 {
		k++
	}
	return &t.slots[i^k]
}

func (t *texts) hash(s string) uint32 { return uint32(maphash.String(t.seed, s)) }

// add returns the number of s, a new one when it has none. It copies s, so that the index
// pins nothing of what it was made from.
func (t *texts) add(s string) uint32 {
	hash := t.hash(s)
	for i, k := hash>>t.shift, uint32(0); t.slots[i^k].id != 0; k++ {
		if slot := &t.slots[i^k]; slot.hash == hash && string(t.bytes[slot.from:slot.to]) == s {
			return slot.id
		}
	}
	if len(s) > math.MaxUint32-len(t.bytes) {
		t.full = true
		return 0
	}
	if len(t.ends) > len(t.slots)*2/3 {
		t.grow()
	}
	slot := textSlot{hash: hash, id: uint32(len(t.ends)), from: uint32(len(t.bytes))}
	t.bytes = append(t.bytes, s...)
	slot.to = uint32(len(t.bytes))
	t.ends = append(t.ends, slot.to)
	*t.empty(hash) = slot
	return slot.id
}

// seal ends adding.
func (t *texts) seal() {
	t.all, t.bytes = string(t.bytes), nil
}

// find returns the number of s, 0 when it has none. It works once the texts are sealed.
func (t *texts) find(s string) uint32 {
	hash := t.hash(s)
	for i, k := hash>>t.shift, uint32(0); ; k++ {
		slot := &t.slots[i^k] // neighbours first: the slots of one line of the cache
		if slot.id == 0 || slot.hash == hash && t.all[slot.from:slot.to] == s {
			return slot.id
		}
	}
}

// count is the numbers given, and 0.
func (t *texts) count() int { return len(t.ends) }

// text returns the string that has a number, "" for 0.
func (t *texts) text(id uint32) string {
	if id == 0 {
		return ""
	}
	from, to := t.ends[id-1], t.ends[id]
	if t.bytes != nil {
		return string(t.bytes[from:to])
	}
	return t.all[from:to]
}

// rows are the rules of one section, such as p.
type rows struct {
	texts   *texts
	width   int
	ids     []uint32            // width of each rule
	odd     map[uint32][]string // rules of another width, which are an error when reached
	count   int
	effects []ruleEffect
}

type ruleEffect uint8

const (
	effectNone ruleEffect = iota // neither allow nor deny: Casbin calls it indeterminate
	effectAllow
	effectDeny
)

// newRows copies rules. Place eft is where the effect stands, or negative.
func newRows(t *texts, width, eft int, rules [][]string) *rows {
	r := &rows{
		texts: t, width: width, count: len(rules), odd: map[uint32][]string{},
		ids: make([]uint32, 0, len(rules)*width), effects: make([]ruleEffect, len(rules)),
	}
	// Neighbours are often alike: the number of the value above saves a look-up.
	above, numbers := make([]string, width), make([]uint32, width)
	for i, rule := range rules {
		if len(rule) != width {
			r.odd[uint32(i)] = append([]string(nil), rule...)
			r.ids = append(r.ids, make([]uint32, width)...)
			continue
		}
		for j, s := range rule {
			if numbers[j] == 0 || above[j] != s {
				above[j], numbers[j] = s, t.add(s)
			}
			r.ids = append(r.ids, numbers[j])
		}
		r.effects[i] = effectAllow
		if eft >= 0 {
			r.effects[i] = effectOf(rule[eft])
		}
	}
	return r
}

func effectOf(s string) ruleEffect {
	switch s {
	case "allow":
		return effectAllow
	case "deny":
		return effectDeny
	}
	return effectNone
}

func (r *rows) id(rule, field int) uint32 { return r.ids[rule*r.width+field] }

func (r *rows) field(rule, field int) string { return r.texts.text(r.id(rule, field)) }

// row returns a rule as Casbin has it, the caller's own.
func (r *rows) row(rule int) []string {
	if odd, ok := r.odd[uint32(rule)]; ok {
		return append([]string(nil), odd...)
	}
	out := make([]string, r.width)
	for i := range out {
		out[i] = r.field(rule, i)
	}
	return out
}
