package casbinindex

import "github.com/reevehq/reeve/internal/lookup"

// keyValues is one of the values that the keys of a partition may have together.
type keyValues struct{ numbers, hashes [maxKeys]uint32 }

// take sets value i to a text.
func (c *keyValues) take(i int, t lookup.Term) { c.numbers[i], c.hashes[i] = t.ID, t.Hash }

// number sets value i to a number that stands for itself.
func (c *keyValues) number(i int, n uint32) { c.numbers[i], c.hashes[i] = n, n }

func (c *keyValues) key() lookup.Key {
	n, h := &c.numbers, &c.hashes
	return lookup.NewKey(lookup.ValuesOf(n[0], n[1], n[2], n[3]), lookup.ValuesOf(h[0], h[1], h[2], h[3]))
}

// fill puts the rules of a shape into the groups of a partition.
func (v *compiledModel) fill(p *partition) {
	rules := p.shape.rules
	if p.keyless {
		p.first = v.firstOfEach(rules)
		return
	}
	keys := make([]lookup.Key, len(rules))
	all := make([]lookup.Entry, len(rules))
	for i, rule := range rules {
		var at keyValues
		for j, k := range p.keys[:p.valued()] {
			id := v.rows.id(int(rule), k.of)
			switch k.kind {
			case keyEqual:
				at.take(j, v.texts.Term(id))
			case keyPath:
				key := &v.pathKeys[k.at]
				at.number(j, key.paths.addNumbered(id, v.texts, v.patterns[key.fn][id]))
			default:
				at.number(j, id)
			}
		}
		keys[i] = at.key()
		all[i].Rule = rule<<effectBits | uint32(v.rows.effects[rule])
		if p.holder >= 0 {
			all[i].Name = v.rows.id(int(rule), p.keys[p.holder].of)
		}
	}
	p.groups = lookup.NewGroups(keys, all)
}

func (v *compiledModel) firstOfEach(rules []uint32) []uint32 {
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
