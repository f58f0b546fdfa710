package policy

// combination is one of the values that the keys of a part may have together.
type combination struct{ numbers, hashes [maxKeys]uint32 }

// take sets value i to a text.
func (c *combination) take(i int, t term) { c.numbers[i], c.hashes[i] = t.id, t.hash }

// number sets value i to a number that stands for itself.
func (c *combination) number(i int, n uint32) { c.numbers[i], c.hashes[i] = n, n }

func (c *combination) key() groupKey {
	n, h := &c.numbers, &c.hashes
	return groupKey{valuesOf(n[0], n[1], n[2], n[3]), valuesOf(h[0], h[1], h[2], h[3]).hash()}
}

// fill puts the rules of a shape into the groups of a part.
func (v *view) fill(p *part) {
	rules := p.shape.rules
	if p.keyless {
		p.first = v.firstOfEach(rules)
		return
	}
	keys := make([]groupKey, len(rules))
	all := make([]found, len(rules))
	for i, rule := range rules {
		var at combination
		for j, k := range p.keys[:p.valued()] {
			id := v.rows.id(int(rule), k.of)
			switch k.kind {
			case keyEqual:
				at.take(j, v.texts.term(id))
			case keyPath:
				key := &v.pathKeys[k.at]
				at.number(j, key.paths.addNumbered(id, v.texts, v.patterns[key.fn][id]))
			default:
				at.number(j, id)
			}
		}
		keys[i] = at.key()
		all[i].rule = rule<<effectBits | uint32(v.rows.effects[rule])
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
