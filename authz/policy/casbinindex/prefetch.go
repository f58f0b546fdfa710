package casbinindex

import "slices"

// maxPrefetched is how many partitions have their memory fetched early.
const maxPrefetched = 4

// planPrefetch lists the sources whose hashes lead to what is fetched early.
func (v *compiledModel) planPrefetch() {
	add := func(source int) {
		if !slices.Contains(v.prefetched, source) {
			v.prefetched = append(v.prefetched, source)
		}
	}
	for _, p := range v.partitions[:min(len(v.partitions), maxPrefetched)] {
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

// hashInputs takes the hashes of what the request says to those sources. Their numbers are looked up
// later, by [query.term].
func (q *query) hashInputs() {
	v := q.v
	for _, i := range v.prefetched {
		if s, ok := q.rvals[v.sources[i].param].(string); ok {
			q.inputs[i].term.Hash = v.texts.Hash(s)
		}
	}
}

// prefetch fetches the memory that the answer is likely to need. Among many rules it is far away,
// and arrives together. It is a hint: it returns nothing, it changes nothing,
// and no decision depends on it.
func (q *query) prefetch() {
	v := q.v
	for _, i := range v.prefetched {
		v.texts.Prefetch(q.inputs[i].term)
	}
	for _, p := range v.partitions[:min(len(v.partitions), maxPrefetched)] {
		if !p.direct {
			continue
		}
		var at keyValues
		for i, k := range p.keys[:p.valued()] {
			at.take(i, q.inputs[k.at].term)
		}
		p.groups.Prefetch(at.key())
	}
	for i := range v.roleKeys {
		k := &v.roleKeys[i]
		if closures := v.sections[k.section].closures; closures != nil && v.plain(k.source) {
			closures.Prefetch(v.texts.LikelyNumber(q.inputs[k.source].term.Hash))
		}
	}
}
