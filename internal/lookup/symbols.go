// Package lookup finds numbers by texts, rules by numbers, and the roles of a name: the tables that
// the policy engine and the Casbin index stand on.
//
// For most uses, make a [Symbols], add every text, seal it, and make [Groups] of what the rules
// hold. [Closures] lists the roles of each name. After that nothing changes, so that all methods
// are safe for concurrent use.
//
// The package knows no rule, no tenant and no request. It is the only one with unsafe code and
// assembly, which do no more than hint at memory that is read soon; the build tag purego leaves
// them out.
package lookup

import (
	"hash/maphash"
	"math"
)

// Symbols give numbers from 1 to texts. A text that was not added before Seal has no number and is
// given none: looking it up stores nothing.
//
// It is an open-addressed table. The number of a text is its slot there: the processor knows
// it from the hash, and fetches what stands under the number in other tables while it still
// waits for the text to compare; see [Term]. A short text stands in its slot, on the same line of the
// cache. The hash is seeded anew for each table: nobody can choose names that collide.
type Symbols struct {
	seed  maphash.Seed
	slots []symbolSlot // an even number
	bytes string       // every text, one after the other
	Full  bool         // some text had no room: all together are longer than 4 GiB

	building []byte   // instead of bytes, until seal
	added    []uint32 // by slot, until seal: how many texts there were with this one
	count    int      // of texts
}

// Term is a text that is looked up: its hash, which is known at once and never 0, and its number,
// which [Symbols.Resolve] finds. The zero term is no text, or one without a number.
type Term struct{ Hash, ID uint32 }

// symbolSlot is empty when size is 0.
type symbolSlot struct {
	hash  uint32
	from  uint32 // in bytes
	size  uint32 // and 1
	short [shortSymbol]byte
}

const shortSymbol = 20 // bytes that have room in a slot

// NewSymbols returns a table without texts.
func NewSymbols() *Symbols {
	t := &Symbols{seed: maphash.MakeSeed()}
	t.resize(16)
	return t
}

// resize gives the table a number of slots, which is even and more than there are texts.
func (t *Symbols) resize(size int) {
	slots, added := t.slots, t.added
	t.slots = make([]symbolSlot, size)
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
func (t *Symbols) first(hash uint32) uint32 { return uint32(uint64(hash) * uint64(len(t.slots)) >> 32) }

// next is where it is looked for after slot at: the neighbour on the line of the cache, and
// then one line after the other.
func (t *Symbols) next(hash, at uint32) uint32 {
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

// Hash returns the hash of a text, which is never 0.
func (t *Symbols) Hash(s string) uint32 { return uint32(maphash.String(t.seed, s)) | 1 }

// LikelyNumber is the number that the text with a hash has, when it has one and stands where it is
// looked for first.
func (t *Symbols) LikelyNumber(hash uint32) uint32 { return t.first(hash) + 1 }

// Prefetch fetches the slot where the number of a text with a term's hash is looked up.
func (t *Symbols) Prefetch(k Term) { prefetch(t.slots, uint64(t.first(k.Hash))) }

// Resolve looks up the number of s. It takes the hash of s unless the term has it already.
func (t *Symbols) Resolve(k *Term, s string) {
	if k.Hash == 0 {
		k.Hash = t.Hash(s)
	}
	if k.ID = t.lookUp(k.Hash, s); k.ID == 0 {
		*k = Term{}
	}
}

// Term returns the term that has a number, the zero term for 0.
func (t *Symbols) Term(id uint32) Term {
	if id == 0 {
		return Term{}
	}
	return Term{t.slots[id-1].hash, id}
}

// Add returns how many texts there were when s was first added, itself included. Seal turns
// that into its number. It copies s, so that the table pins nothing of what it was made from.
func (t *Symbols) Add(s string) uint32 {
	hash := t.Hash(s)
	at := t.first(hash)
	for ; t.slots[at].size != 0; at = t.next(hash, at) {
		if slot := &t.slots[at]; slot.hash == hash && string(t.building[slot.from:slot.from+slot.size-1]) == s {
			return t.added[at]
		}
	}
	if uint64(len(s))+uint64(len(t.building)) >= math.MaxUint32 {
		t.Full = true
		return 0
	}
	if t.count+1 > len(t.slots)*2/3 {
		t.resize(2 * len(t.slots))
		for at = t.first(hash); t.slots[at].size != 0; {
			at = t.next(hash, at)
		}
	}
	t.count++
	slot := symbolSlot{hash: hash, from: uint32(len(t.building)), size: uint32(len(s)) + 1}
	copy(slot.short[:], s)
	t.building = append(t.building, s...)
	t.slots[at], t.added[at] = slot, uint32(t.count)
	return t.added[at]
}

// Seal ends adding, and gives back what the table has grown too large by. It returns the
// number of each text by what add returned.
func (t *Symbols) Seal() []uint32 {
	t.resize(t.count*3/2&^1 + 2)
	numbers := make([]uint32, t.count+1)
	for i, n := range t.added {
		if n != 0 {
			numbers[n] = uint32(i) + 1
		}
	}
	t.bytes, t.building, t.added = string(t.building), nil, nil
	return numbers
}

// Find returns the number of s, 0 when it has none. It works once the texts are sealed.
func (t *Symbols) Find(s string) uint32 { return t.lookUp(t.Hash(s), s) }

func (t *Symbols) lookUp(hash uint32, s string) uint32 {
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

func (t *Symbols) is(slot *symbolSlot, s string) bool {
	if int(slot.size) != len(s)+1 {
		return false
	}
	if len(s) <= shortSymbol {
		return string(slot.short[:len(s)]) == s
	}
	return t.bytes[slot.from:][:len(s)] == s
}

// Numbers is more than any number given.
func (t *Symbols) Numbers() int { return len(t.slots) + 1 }

// Text returns the string that has a number, "" for 0.
func (t *Symbols) Text(id uint32) string {
	if id == 0 {
		return ""
	}
	slot := &t.slots[id-1]
	return t.bytes[slot.from:][:slot.size-1]
}
