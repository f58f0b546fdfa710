package policy

import (
	"cmp"
	"math/bits"
	"slices"
)

// groups finds rules by the values of their keys: a table with open addressing, so that a
// look-up touches one place of memory, and a second one only where several rules have the
// same values.
type groups struct {
	slots []groupSlot
	shift int
	found []found // of the groups that have several, each sorted by who, then by rule
}

// groupSlot is a group. With one rule it stands in the slot, as who and rule; with several,
// found[a:b] does. A slot without rules is empty.
type groupSlot struct {
	key  [maxKeys]uint32
	a, b uint32
	n    uint32
	_    uint32 // so that a slot never lies on two lines of a cache
}

// found is a rule in a group, under the number of the name that it is for.
type found struct{ who, rule uint32 }

// slot returns the slot of a key, or the empty one where it would stand.
func (g *groups) slot(key *[maxKeys]uint32) *groupSlot {
	const a, b, c = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9
	h := (uint64(key[0])<<32|uint64(key[1]))*a ^ (uint64(key[2])<<32|uint64(key[3]))*b
	h = (h ^ h>>32) * c
	for i, k := h>>g.shift, uint64(0); ; k++ {
		s := &g.slots[i^k] // neighbours first: the slots of one line of the cache
		if s.n == 0 || s.key == *key {
			return s
		}
	}
}

// newGroups makes groups of rules: all[i] under keys[i].
func newGroups(keys [][maxKeys]uint32, all []found) groups {
	g := emptyGroups(len(keys))
	distinct := g.count(keys)
	if fewer := emptyGroups(distinct); len(fewer.slots) < len(g.slots) {
		g = fewer
		g.count(keys)
	}
	from := uint32(0)
	for i := range g.slots {
		if s := &g.slots[i]; s.n > 1 {
			s.a, s.b = from, from
			from += s.n
		}
	}
	g.found = make([]found, from)
	for i := range keys {
		s := g.slot(&keys[i])
		if s.n == 1 {
			s.a, s.b = all[i].who, all[i].rule
			continue
		}
		g.found[s.b] = all[i]
		s.b++
	}
	for i := range g.slots {
		if s := &g.slots[i]; s.n > 1 {
			slices.SortFunc(g.found[s.a:s.b], func(x, y found) int {
				return cmp.Or(cmp.Compare(x.who, y.who), cmp.Compare(x.rule, y.rule))
			})
		}
	}
	onLargePages(g.slots)
	onLargePages(g.found)
	return g
}

// emptyGroups has room for a number of groups.
func emptyGroups(sizes int) groups {
	width := max(bits.Len(uint(sizes+sizes/2)), 1)
	return groups{slots: make([]groupSlot, 1<<width), shift: 64 - width}
}

// count counts the rules of each key and returns how many keys there are.
func (g *groups) count(keys [][maxKeys]uint32) (distinct int) {
	for i := range keys {
		s := g.slot(&keys[i])
		if s.n == 0 {
			distinct++
		}
		s.key = keys[i]
		s.n++
	}
	return distinct
}

// in returns the rules of a slot. One that is alone stands in room.
func (g *groups) in(s *groupSlot, room *[1]found) []found {
	if s.n == 1 {
		room[0] = found{s.a, s.b}
		return room[:]
	}
	return g.found[s.a:s.b]
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

// fill puts the rules of a shape into the groups of a part.
func (v *view) fill(p *part) {
	rules := p.shape.rules
	if p.keyless {
		p.first = v.firstOfEach(rules)
		return
	}
	keys := make([][maxKeys]uint32, len(rules))
	all := make([]found, len(rules))
	for i, rule := range rules {
		for j, k := range p.keys[:p.valued()] {
			keys[i][j] = v.rows.id(int(rule), k.of)
			if k.kind == keyPath {
				keys[i][j] = v.pathKeys[k.at].paths.addNumbered(keys[i][j], v.texts)
			}
		}
		all[i].rule = rule
		if p.holder >= 0 {
			all[i].who = v.rows.id(int(rule), p.keys[p.holder].of)
		}
	}
	p.groups = newGroups(keys, all)
}

func (v *view) firstOfEach(rules []uint32) []uint32 {
	var out []uint32
	var seen [effectDeny + 1]bool
	for i, rule := range rules {
		if e := v.rows.effects[rule]; !seen[e] || i == 0 {
			seen[e] = true
			out = append(out, rule)
		}
	}
	return out
}
