package impact

import (
	"cmp"
	"slices"
)

// maxAtoms is how many ways of being allowed or denied one object may have: an effect under a
// condition, in one policy or the other.
const maxAtoms = 256

// bits is a set of atoms.
type bits [maxAtoms / 64]uint64

func (b *bits) add(i int)     { b[i/64] |= 1 << (i % 64) }
func (b bits) has(i int) bool { return b[i/64]>>(i%64)&1 != 0 }

func (b bits) or(c bits) bits {
	for i := range b {
		b[i] |= c[i]
	}
	return b
}

// atom is one way of being allowed or denied.
type atom struct {
	in   side // one of the two
	deny bool
	cond int32
}

// group is names that make the same difference to whoever has one of them.
type group struct {
	names  []string
	atoms  bits
	differ bool // whether they make another difference in the other policy
}

// cube is callers who are decided alike, and how.
type cube struct {
	callers  Who
	old, new state
	open     bool // whether there were too many to tell apart
}

// maxCubes is how many are told apart of one object.
const maxCubes = 512

// expander tells apart callers by the rules for one object and action.
type expander struct {
	p        *pair
	atoms    []atom
	numbers  map[atom]int
	overflow bool
	groups   []group
	out      []cube
	known    side // of the policies that have the type of the object
	single   bool // whether there is one policy, whose every answer counts
}

func (x *expander) number(a atom) int {
	i, there := x.numbers[a]
	if there {
		return i
	}
	if len(x.atoms) == maxAtoms {
		x.overflow = true
		return 0
	}
	i = len(x.atoms)
	x.atoms, x.numbers[a] = append(x.atoms, a), i
	return i
}

// bitsOf returns what rules say, of one side or of both, to those whom they are for in a period.
func (x *expander) bitsOf(into *bits, rules []pairRule, in side, during period) {
	for i := range rules {
		r := &rules[i]
		for _, s := range [...]side{before, after} {
			if r.in&s&in&x.known != 0 {
				cond, ok := x.p.during(r.cond, during)
				x.overflow = x.overflow || !ok
				into.add(x.number(atom{s, r.deny, cond}))
			}
		}
	}
}

// expand returns the callers whom the policies decide differently. rules are those for one tenant,
// object and action, and turned the names whose g rows there differ.
func (p *pair) expand(tenant string, rules []pairRule, turned []string, known side) []cube {
	x := &expander{p: p, numbers: map[atom]int{}, known: known, single: p.old == nil}
	turned = p.ending(tenant, turned)
	bySubject := map[string][]pairRule{}
	for _, r := range rules {
		bySubject[r.sub] = append(bySubject[r.sub], r)
	}
	names := make([]string, 0, len(bySubject)+len(turned))
	for sub := range bySubject {
		names = append(names, sub)
	}
	for _, n := range turned {
		if bySubject[n] == nil {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	var everyones, signedIns bits
	byBits := map[bits]int{}
	for _, n := range names {
		var b bits
		x.bitsOf(&b, bySubject[n], both, always)
		if slices.Contains(turned, n) {
			common := p.closure(tenant, n, both)
			for _, s := range [...]side{before, after} {
				if s == before && p.old == nil {
					continue
				}
				paths, all := p.paths(tenant, n, s)
				x.overflow = x.overflow || !all
				for role, periods := range paths {
					for _, during := range periods {
						if !slices.Contains(common, role) {
							x.bitsOf(&b, bySubject[role], s, during)
						}
					}
				}
			}
		}
		switch {
		case n == anyone:
			everyones = b
		case n == authenticated:
			signedIns = b
		case b != bits{}:
			i, there := byBits[b]
			if !there {
				i = len(x.groups)
				byBits[b] = i
				x.groups = append(x.groups, group{atoms: b})
			}
			x.groups[i].names = append(x.groups[i].names, n)
		}
	}
	for i := range x.groups {
		g := &x.groups[i]
		old, new := x.states(g.atoms)
		g.differ = !old.equal(new)
	}
	slices.SortStableFunc(x.groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(x.rank(a), x.rank(b)), slices.Compare(a.names, b.names))
	})
	all := everyones.or(signedIns)
	for _, g := range x.groups {
		all = all.or(g.atoms)
	}
	if x.overflow {
		return []cube{{callers: Who{Callers: Everyone}, open: true}}
	}
	// When sessions make no difference of their own, everyone is one.
	old, new := x.states(everyones)
	if more, too := x.states(everyones.or(signedIns)); old.equal(more) && new.equal(too) {
		x.walk(0, everyones, Who{Callers: Everyone})
	} else {
		x.leaf(everyones, Who{Callers: Anonymous})
		x.walk(0, everyones.or(signedIns), Who{Callers: SignedIn})
	}
	if len(x.out) > maxCubes {
		return []cube{{callers: Who{Callers: Everyone}, open: true}}
	}
	return x.out
}

// rank orders groups: those that differ first, then those that decide without a condition.
func (x *expander) rank(g group) int {
	if g.differ && !x.single {
		return 0
	}
	old, new := x.states(g.atoms)
	none := x.states2(g.atoms)
	switch {
	case none:
		return 1
	case old.always || new.always:
		return 2
	}
	return 3
}

// states2 reports whether the atoms deny without a condition.
func (x *expander) states2(b bits) bool {
	for i, a := range x.atoms {
		if b.has(i) && a.deny && a.cond == 0 {
			return true
		}
	}
	return false
}

// states returns what atoms amount to, in one form.
func (x *expander) states(b bits) (old, new state) {
	var denied side
	for i, a := range x.atoms {
		if !b.has(i) {
			continue
		}
		s := &old
		if a.in == after {
			s = &new
		}
		switch {
		case a.deny && a.cond == 0:
			denied |= a.in
		case a.deny:
			s.deny = append(s.deny, a.cond)
		case a.cond == 0:
			s.always = true
		default:
			s.allow = append(s.allow, a.cond)
		}
	}
	old, new = old.normal(denied&before != 0), new.normal(denied&after != 0)
	return old, new
}

// normal returns the state in one form. A state that denies whatever is added is the only one
// with a deny of 0.
func (s state) normal(denied bool) state {
	if denied {
		return state{deny: []int32{0}}
	}
	if s.always {
		s.allow = nil
	}
	slices.Sort(s.allow)
	slices.Sort(s.deny)
	return s
}

// plain returns the state as it decides.
func (s state) plain() state {
	if s.denies() {
		return state{}
	}
	return s
}

// leaf notes callers of whom all is known that matters.
func (x *expander) leaf(have bits, callers Who) {
	old, new := x.states(have)
	old, new = old.plain(), new.plain()
	if x.single {
		old = state{always: x.p.inverse}
	}
	if !old.equal(new) {
		x.out = append(x.out, cube{callers: callers, old: old, new: new})
	}
}

// walk tells apart callers by the groups from i on. They have the atoms have.
func (x *expander) walk(i int, have bits, callers Who) {
	if len(x.out) > maxCubes {
		return
	}
	old, new := x.states(have)
	var rest bits
	differ := false
	for _, g := range x.groups[i:] {
		rest = rest.or(g.atoms)
		differ = differ || g.differ
	}
	lastOld, lastNew := x.states(have.or(rest))
	if old.equal(lastOld) && new.equal(lastNew) {
		x.leaf(have, callers)
		return
	}
	if !x.single && !differ && old.equal(new) {
		return // and so it stays
	}
	g := &x.groups[i]
	withOld, withNew := x.states(have.or(g.atoms))
	if old.equal(withOld) && new.equal(withNew) {
		x.walk(i+1, have, callers)
		return
	}
	with, without := callers, callers
	with.Any = append(callers.Any[:len(callers.Any):len(callers.Any)], g.names)
	with.Callers = SignedIn
	without.None = append(callers.None[:len(callers.None):len(callers.None)], g.names...)
	x.walk(i+1, have.or(g.atoms), with)
	x.walk(i+1, have, without)
}
