package policy

import "slices"

// maxExpected is how many parts have their places fetched early.
const maxExpected = 4

// foresee lists the sources whose hashes lead to what is fetched early.
func (v *view) foresee() {
	add := func(source int) {
		if !slices.Contains(v.early, source) {
			v.early = append(v.early, source)
		}
	}
	for _, p := range v.parts[:min(len(v.parts), maxExpected)] {
		if p.direct {
			for _, k := range p.keys[:p.valued()] {
				add(k.at)
			}
		}
	}
	for _, k := range v.roleKeys {
		if v.sections[k.section].closures != nil && v.plain(k.source) {
			add(k.source)
		}
	}
}

// ask takes the hashes of what the request says to those sources. Their numbers are looked up
// later, by [inquiry.term].
func (q *inquiry) ask() {
	v := q.v
	for _, i := range v.early {
		if s, ok := q.rvals[v.sources[i].param].(string); ok {
			q.facts[i].term.hash = v.texts.hash(s)
		}
	}
}

// fetch has all places fetched that the answer is likely to need. Among many rules these are
// far away in memory, and arrive together. It is a hint: it returns nothing, it changes nothing,
// and no decision depends on it.
func (q *inquiry) fetch() {
	v := q.v
	for _, i := range v.early {
		v.texts.fetch(q.facts[i].term)
	}
	for _, p := range v.parts[:min(len(v.parts), maxExpected)] {
		if !p.direct {
			continue
		}
		var at combination
		for i, k := range p.keys[:p.valued()] {
			at.take(i, q.facts[k.at].term)
		}
		p.groups.expect(at.key())
	}
	for i := range v.roleKeys {
		k := &v.roleKeys[i]
		if closures := v.sections[k.section].closures; closures != nil && v.plain(k.source) {
			closures.expect(v.texts.guess(q.facts[k.source].term.hash))
		}
	}
}
