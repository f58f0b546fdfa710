package lookup

import (
	"cmp"
	"math/bits"
	"slices"
)

// Groups finds rules by their keys. A look-up touches one line of a table, and a second one only
// where several rules have the same key. The table is kept small: among many rules the time of a
// look-up is that of fetching its line from memory, and more of a small table is in the
// processor's cache.
type Groups struct {
	packing packing
	lines   []groupLine
	entries []Entry // of the groups that have several, each sorted by name, then by rule
}

// groupLine is as long as a line of the processor's cache. A group stands on the line that its
// hash says, or on the next one that has room.
type groupLine [4]groupSlot

// groupSlot is a group. With one rule it stands in the slot, as name and rule; with several,
// entries[a:b] do. A slot without rules is zero.
type groupSlot struct {
	key  uint64 // the packed values, and the bits below
	a, b uint32
}

const (
	taken   = 1 << 63 // the slot is not empty
	plural  = 1 << 62 // there are several rules
	keyBits = 62
)

// Entry is a rule in a group, and the number of the name that the rule is for. Their makers give
// the numbers a meaning.
type Entry struct{ Name, Rule uint32 }

// Bucket is a group that was looked up. N is how many rules it has. The one rule of a bucket that
// has one stands in it, see [Bucket.Single]; several are read by [Groups.Entries].
type Bucket struct{ a, b, N uint32 }

// Key finds a group: values, and a hash. The hash is made of the hashes of the texts that the
// values are the numbers of, so that the line is known, and can be fetched, before the numbers
// are.
type Key struct {
	Values
	Hash uint64
}

// NewKey returns the key of four numbers, and of the hashes of the texts that they number.
func NewKey(numbers, hashes Values) Key { return Key{numbers, hashes.hash()} }

// Single returns the rule of a bucket whose N is 1.
func (b Bucket) Single() Entry { return Entry{b.a, b.b} }

// Find returns the group of a key, and a Bucket whose N is 0 where there is none.
func (g *Groups) Find(key Key) Bucket {
	packed, ok := g.packing.pack(key.Values)
	if !ok {
		return Bucket{}
	}
	switch s := g.slot(packed, key.Hash); {
	case s.key == 0:
		return Bucket{}
	case s.key&plural != 0:
		return Bucket{s.a, s.b, s.b - s.a}
	default:
		return Bucket{s.a, s.b, 1}
	}
}

// Prefetch fetches the line where a key is looked up later.
func (g *Groups) Prefetch(key Key) { prefetch(g.lines, g.line(key.Hash)) }

func (g *Groups) line(hash uint64) uint64 {
	i, _ := bits.Mul64(hash, uint64(len(g.lines)))
	return i
}

// slot returns the slot of a packed key, or the empty one where it would stand.
func (g *Groups) slot(packed, hash uint64) *groupSlot {
	for i := g.line(hash); ; {
		// All four are compared, without a branch that the processor could mispredict.
		line, want, at := &g.lines[i], packed|taken, -1
		if line[0].key&^plural == want {
			at = 0
		}
		if line[1].key&^plural == want {
			at = 1
		}
		if line[2].key&^plural == want {
			at = 2
		}
		if line[3].key&^plural == want {
			at = 3
		}
		if at >= 0 {
			return &line[at&3]
		}
		if line[3].key == 0 { // a line is filled from its beginning
			for at = 3; at > 0 && line[at-1].key == 0; at-- {
			}
			return &line[at]
		}
		if i++; i == uint64(len(g.lines)) {
			i = 0
		}
	}
}

// NewGroups makes groups of rules: all[i] under keys[i].
func NewGroups(keys []Key, all []Entry) Groups {
	g := Groups{packing: newPacking(keys)}
	packed := make([]uint64, len(keys))
	for i := range keys {
		packed[i] = g.packing.add(keys[i].Values)
	}
	if n := g.count(packed, keys, len(keys)); n < len(keys) {
		g.count(packed, keys, n)
	}
	g.assignEntries()
	for i := range keys {
		s := g.slot(packed[i], keys[i].Hash)
		if s.key&plural == 0 {
			s.a, s.b = all[i].Name, all[i].Rule
			continue
		}
		g.entries[s.b] = all[i]
		s.b++
	}
	for list := range g.several {
		slices.SortFunc(g.entries[list.a:list.b], func(x, y Entry) int {
			return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Rule, y.Rule))
		})
	}
	return g
}

// count makes a table with room for a number of groups, of which it takes at most three
// quarters. It counts the rules of each group in a, and returns how many groups there are.
func (g *Groups) count(packed []uint64, keys []Key, room int) (distinct int) {
	g.lines = make([]groupLine, room/3+1)
	for i := range keys {
		s := g.slot(packed[i], keys[i].Hash)
		if s.key == 0 {
			distinct++
		}
		s.key = packed[i] | taken
		s.a++
	}
	return distinct
}

// assignEntries gives the groups of several rules their part of entries.
func (g *Groups) assignEntries() {
	from := uint32(0)
	for i := range g.lines {
		for j := range g.lines[i] {
			if s := &g.lines[i][j]; s.a > 1 {
				n := s.a
				s.key, s.a, s.b = s.key|plural, from, from
				from += n
			}
		}
	}
	g.entries = make([]Entry, from)
}

// several yields the groups of several rules.
func (g *Groups) several(yield func(*groupSlot) bool) {
	for i := range g.lines {
		for j := range g.lines[i] {
			if s := &g.lines[i][j]; s.key&plural != 0 && !yield(s) {
				return
			}
		}
	}
}

// Entries returns the rules of a bucket, sorted by name, then by rule. The caller gives room for a
// single one, so that nothing is allocated. The slice must not be written to.
func (g *Groups) Entries(b Bucket, room *[1]Entry) []Entry {
	switch b.N {
	case 0:
		return nil
	case 1:
		room[0] = b.Single()
		return room[:]
	}
	return g.entries[b.a:b.b]
}

// Largest counts the rules of the largest group, or those that it has for one name.
func (g *Groups) Largest(forOne bool) int {
	most := min(1, len(g.lines))
	for s := range g.several {
		group := g.entries[s.a:s.b]
		if !forOne {
			most = max(most, len(group))
			continue
		}
		for from := 0; from < len(group); {
			to := from
			for to < len(group) && group[to].Name == group[from].Name {
				to++
			}
			most, from = max(most, to-from), to
		}
	}
	return most
}

// EntriesFor returns the rules of a group that are for a name.
func EntriesFor(group []Entry, name uint32) []Entry {
	low, high := 0, len(group)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if group[mid].Name < name {
			low = mid + 1
		} else {
			high = mid
		}
	}
	to := low
	for to < len(group) && group[to].Name == name {
		to++
	}
	return group[low:to]
}
