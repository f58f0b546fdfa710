package policy

import (
	"cmp"
	"math/bits"
	"slices"
)

// groups finds rules by the values of their keys: a look-up touches one line of a table, and
// a second place only where several rules have the same values. The table is kept small:
// among many rules a look-up takes as long as its line is far away, and of a small table more
// is in the processor's cache.
type groups struct {
	packing packing
	lines   []groupLine
	found   []found // of the groups that have several, each sorted by who, then by rule
}

// groupLine is as long as a line of the processor's cache. A group stands on the line that its
// hash says, or on the next one that has room.
type groupLine [4]groupSlot

// groupSlot is a group. With one rule it stands in the slot, as who and rule; with several,
// found[a:b] does. A slot without rules is zero.
type groupSlot struct {
	key  uint64 // the packed values, and the bits below
	a, b uint32
}

const (
	taken   = 1 << 63 // the slot is not empty
	plural  = 1 << 62 // there are several rules
	keyBits = 62
)

// found is a rule in a group, under the number of the name that it is for.
type found struct{ who, rule uint32 }

// bucket is what a group has: one rule as who and rule, n rules in found[a:b], or nothing.
type bucket struct{ a, b, n uint32 }

// groupKey is under what a group is found: values, and a hash that is made of the hashes of
// what the values are the numbers of. So the place is known before the numbers are.
type groupKey struct {
	values
	hash uint64
}

// find returns what stands under a key.
func (g *groups) find(key groupKey) bucket {
	packed, ok := g.packing.pack(key.values)
	if !ok {
		return bucket{}
	}
	switch s := g.slot(packed, key.hash); {
	case s.key == 0:
		return bucket{}
	case s.key&plural != 0:
		return bucket{s.a, s.b, s.b - s.a}
	default:
		return bucket{s.a, s.b, 1}
	}
}

// expect has the place fetched where a key is looked up later.
func (g *groups) expect(key groupKey) { prefetch(g.lines, g.line(key.hash)) }

func (g *groups) line(hash uint64) uint64 {
	i, _ := bits.Mul64(hash, uint64(len(g.lines)))
	return i
}

// slot returns the slot of a packed key, or the empty one where it would stand.
func (g *groups) slot(packed, hash uint64) *groupSlot {
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

// newGroups makes groups of rules: all[i] under keys[i].
func newGroups(keys []groupKey, all []found) groups {
	g := groups{packing: newPacking(keys)}
	packed := make([]uint64, len(keys))
	for i := range keys {
		packed[i] = g.packing.add(keys[i].values)
	}
	if n := g.count(packed, keys, len(keys)); n < len(keys) {
		g.count(packed, keys, n)
	}
	g.place()
	for i := range keys {
		s := g.slot(packed[i], keys[i].hash)
		if s.key&plural == 0 {
			s.a, s.b = all[i].who, all[i].rule
			continue
		}
		g.found[s.b] = all[i]
		s.b++
	}
	for list := range g.several {
		slices.SortFunc(g.found[list.a:list.b], func(x, y found) int {
			return cmp.Or(cmp.Compare(x.who, y.who), cmp.Compare(x.rule, y.rule))
		})
	}
	onLargePages(g.lines)
	onLargePages(g.found)
	return g
}

// count makes a table with room for a number of groups, of which it takes at most three
// quarters. It counts the rules of each group in a, and returns how many groups there are.
func (g *groups) count(packed []uint64, keys []groupKey, room int) (distinct int) {
	g.lines = make([]groupLine, room/3+1)
	for i := range keys {
		s := g.slot(packed[i], keys[i].hash)
		if s.key == 0 {
			distinct++
		}
		s.key = packed[i] | taken
		s.a++
	}
	return distinct
}

// place gives the groups of several rules their place in found.
func (g *groups) place() {
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
	g.found = make([]found, from)
}

// several yields the groups of several rules.
func (g *groups) several(yield func(*groupSlot) bool) {
	for i := range g.lines {
		for j := range g.lines[i] {
			if s := &g.lines[i][j]; s.key&plural != 0 && !yield(s) {
				return
			}
		}
	}
}

// in returns the rules of a bucket. One that is alone stands in room.
func (g *groups) in(b bucket, room *[1]found) []found {
	switch b.n {
	case 0:
		return nil
	case 1:
		room[0] = found{b.a, b.b}
		return room[:]
	}
	return g.found[b.a:b.b]
}

// foundFor returns the rules of a group that are for who.
func foundFor(group []found, who uint32) []found {
	low, high := 0, len(group)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if group[mid].who < who {
			low = mid + 1
		} else {
			high = mid
		}
	}
	to := low
	for to < len(group) && group[to].who == who {
		to++
	}
	return group[low:to]
}
