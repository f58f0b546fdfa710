package policy

// maxExpected is how many parts have their places fetched early.
const maxExpected = 4

// expect has all places fetched that the answer is likely to need. Among many rules these are
// far away in memory, and arrive together.
func (q *inquiry) expect() {
	v := q.v
	for _, p := range v.parts[:min(len(v.parts), maxExpected)] {
		if !p.direct {
			continue
		}
		var at combination
		for i, k := range p.keys[:p.valued()] {
			at.take(i, q.expected(k.at))
		}
		p.groups.expect(at.key())
	}
	for i := range v.roleKeys {
		k := &v.roleKeys[i]
		if closures := v.sections[k.section].closures; closures != nil && v.plain(k.source) {
			closures.expect(v.texts.guess(q.expected(k.source).hash))
		}
	}
}

// expected returns the term of a value before its number is looked up.
func (q *inquiry) expected(i int) term {
	f := &q.facts[i]
	if s, ok := q.rvals[q.v.sources[i].param].(string); ok && f.term.hash == 0 {
		f.term = q.v.texts.expect(s)
	}
	return f.term
}
