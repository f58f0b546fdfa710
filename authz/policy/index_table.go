package policy

import (
	"hash/maphash"
	"math"
)

// texts numbers the strings of a policy from 1. A string that no rule and no role mentions
// has no number, and none is ever given: a request stores nothing.
//
// It is an open-addressed table. The number of a text is its place there: the processor knows
// it from the hash, and fetches what stands under the number in other tables while it still
// waits for the text to compare; see term. A short text stands in its slot, on the same line of the
// cache. The hash is seeded anew for each table: nobody can choose names that collide.
type texts struct {
	seed  maphash.Seed
	slots []textSlot // an even number
	all   string     // every text, one after the other
	full  bool       // there was no room for some text

	bytes []byte   // instead of all, until seal
	added []uint32 // by slot, until seal: how many texts there were with this one
	count int      // of texts
}

// term is a text that somebody asks about: its hash, which is known at once and never 0, and
// its number, which has to be looked up. The zero term is no text, or one without a number.
type term struct{ hash, id uint32 }

// textSlot is empty when size is 0.
type textSlot struct {
	hash  uint32
	from  uint32 // in all
	size  uint32 // and 1
	short [shortText]byte
}

const shortText = 20 // bytes that have room in a slot

func newTexts() *texts {
	t := &texts{seed: maphash.MakeSeed()}
	t.resize(16)
	return t
}

// resize gives the table a number of slots, which is even and more than there are texts.
func (t *texts) resize(size int) {
	slots, added := t.slots, t.added
	t.slots = make([]textSlot, size)
	t.added = make([]uint32, size)
	for i, s := range slots {
		if s.size != 0 {
			at := t.first(s.hash)
			for t.slots[at].size != 0 {
				at = t.next(s.hash, at)
			}
			t.slots[at], t.added[at] = s, added[i]
		}
	}
}

// first is the slot where a text with a hash is looked for first.
func (t *texts) first(hash uint32) uint32 { return uint32(uint64(hash) * uint64(len(t.slots)) >> 32) }

// next is where it is looked for after slot at: the neighbour on the line of the cache, and
// then one line after the other.
func (t *texts) next(hash, at uint32) uint32 {
	if first := t.first(hash); at == first {
		return at ^ 1
	} else if at == first^1 {
		at = first | 1
	}
	if at++; int(at) == len(t.slots) {
		return 0
	}
	return at
}

func (t *texts) hash(s string) uint32 { return uint32(maphash.String(t.seed, s)) | 1 }

// guess is the number that the text with a hash has, when it has one and stands where it is
// looked for first.
func (t *texts) guess(hash uint32) uint32 { return t.first(hash) + 1 }

// settle looks up the number of s, which was expected or not.
func (t *texts) settle(k *term, s string) {
	if k.hash == 0 {
		k.hash = t.hash(s)
	}
	if k.id = t.lookUp(k.hash, s); k.id == 0 {
		*k = term{}
	}
}

// term returns the term that has a number, the zero term for 0.
func (t *texts) term(id uint32) term {
	if id == 0 {
		return term{}
	}
	return term{t.slots[id-1].hash, id}
}

// add returns how many texts there were when s was first added, itself included. Seal turns
// that into its number. It copies s, so that the table pins nothing of what it was made from.
func (t *texts) add(s string) uint32 {
	hash := t.hash(s)
	at := t.first(hash)
	for ; t.slots[at].size != 0; at = t.next(hash, at) {
		if slot := &t.slots[at]; slot.hash == hash && string(t.bytes[slot.from:slot.from+slot.size-1]) == s {
			return t.added[at]
		}
	}
	if uint64(len(s))+uint64(len(t.bytes)) >= math.MaxUint32 {
		t.full = true
		return 0
	}
	if t.count+1 > len(t.slots)*2/3 {
		t.resize(2 * len(t.slots))
		for at = t.first(hash); t.slots[at].size != 0; {
			at = t.next(hash, at)
		}
	}
	t.count++
	slot := textSlot{hash: hash, from: uint32(len(t.bytes)), size: uint32(len(s)) + 1}
	copy(slot.short[:], s)
	t.bytes = append(t.bytes, s...)
	t.slots[at], t.added[at] = slot, uint32(t.count)
	return t.added[at]
}

// seal ends adding, and gives back what the table has grown too large by. It returns the
// number of each text by what add returned.
func (t *texts) seal() []uint32 {
	t.resize(t.count*3/2&^1 + 2)
	numbers := make([]uint32, t.count+1)
	for i, n := range t.added {
		if n != 0 {
			numbers[n] = uint32(i) + 1
		}
	}
	t.all, t.bytes, t.added = string(t.bytes), nil, nil
	onLargePages(t.slots)
	return numbers
}

// find returns the number of s, 0 when it has none. It works once the texts are sealed.
func (t *texts) find(s string) uint32 { return t.lookUp(t.hash(s), s) }

func (t *texts) lookUp(hash uint32, s string) uint32 {
	for at := t.first(hash); ; at = t.next(hash, at) {
		slot := &t.slots[at]
		if slot.size == 0 {
			return 0
		}
		if slot.hash == hash && t.is(slot, s) {
			return at + 1
		}
	}
}

func (t *texts) is(slot *textSlot, s string) bool {
	if int(slot.size) != len(s)+1 {
		return false
	}
	if len(s) <= shortText {
		return string(slot.short[:len(s)]) == s
	}
	return t.all[slot.from:][:len(s)] == s
}

// numbers is more than any number given.
func (t *texts) numbers() int { return len(t.slots) + 1 }

// text returns the string that has a number, "" for 0.
func (t *texts) text(id uint32) string {
	if id == 0 {
		return ""
	}
	slot := &t.slots[id-1]
	return t.all[slot.from:][:slot.size-1]
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

// renumber gives the values the numbers that they have in the end.
func (r *rows) renumber(numbers []uint32) {
	for i, id := range r.ids {
		r.ids[i] = numbers[id]
	}
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
