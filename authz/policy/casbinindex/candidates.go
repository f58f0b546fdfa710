package casbinindex

import (
	"fmt"
	"slices"

	"github.com/casbin/casbin/v2/effector"

	"github.com/reevehq/reeve/internal/lookup"
)

// candidate is a rule that a partition found: it matches when the rest holds that the partition
// leaves to verify.
type candidate struct {
	rule      uint32
	partition int32 // -1: the whole matcher has to be evaluated
	effect    ruleEffect
}

// effectBits are the low bits of a found rule: its effect stands there, so that rules decide
// without being read.
const effectBits = 2

// is returns the candidate with a rule that was found.
func (c candidate) is(f lookup.Entry) candidate {
	c.rule, c.effect = f.Rule>>effectBits, ruleEffect(f.Rule&(1<<effectBits-1))
	return c
}

// outcome is a decision, and the rule that made it (-1 for none).
type outcome struct {
	allowed bool
	rule    int
}

var undecided = outcome{rule: -1}

// decide answers q as Casbin does: the rules in their order, until the effect is certain.
func (q *query) decide() (outcome, error) {
	v := q.v
	if v.ruleless || v.rows.count == 0 {
		return q.decideOnce()
	}
	q.hashInputs()
	q.prefetch()
	if !q.meets(v.preconditions) {
		// A piece of the matcher may be an error for this request, and then it depends on the
		// order which rules are reached.
		return q.decideInOrder()
	}
	var buffer [16]candidate
	list := q.candidates(buffer[:0])
	sortCandidates(list)
	t := tally{kind: v.effect, out: undecided}
	always := v.always
	for len(list) > 0 || len(always) > 0 {
		var c candidate
		if len(always) == 0 || len(list) > 0 && list[0].rule <= always[0] {
			c, list = list[0], list[1:]
		} else {
			c, always = candidate{rule: always[0], partition: -1, effect: v.rows.effects[always[0]]}, always[1:]
		}
		matched := q.verify(c)
		if q.err != nil {
			return undecided, q.err
		}
		if matched && t.add(int(c.rule), c.effect) {
			return t.out, nil
		}
	}
	return t.end(), nil
}

// decideInOrder evaluates every rule.
func (q *query) decideInOrder() (outcome, error) {
	t := tally{kind: q.v.effect, out: undecided}
	for rule := range q.v.rows.count {
		matched := q.verify(candidate{rule: uint32(rule), partition: -1})
		if q.err != nil {
			return undecided, q.err
		}
		if matched && t.add(rule, q.v.rows.effects[rule]) {
			return t.out, nil
		}
	}
	return t.end(), nil
}

func (q *query) verify(c candidate) bool {
	if c.partition < 0 {
		if odd, is := q.v.rows.odd[c.rule]; is {
			q.err = fmt.Errorf("a rule has %d values, %d are needed", len(odd), q.v.rows.width)
			return false
		}
		return q.matches(int(c.rule))
	}
	p := q.v.partitions[c.partition]
	for _, e := range p.verify {
		if !q.truth(e, int(c.rule)) || q.err != nil {
			return false
		}
	}
	return true
}

// decideOnce is Casbin's way with a matcher that asks no rule, or with no rules at all: it
// evaluates the matcher once, with empty values, and a true one counts as an allow.
func (q *query) decideOnce() (outcome, error) {
	v := q.v
	if v.eval && v.rows.count == 0 {
		return undecided, fmt.Errorf("eval in a matcher needs rules")
	}
	matched := q.matches(-1)
	if q.err != nil {
		return undecided, q.err
	}
	effect := effector.Indeterminate
	if matched {
		effect = effector.Allow
	}
	got, at, err := effector.NewDefaultEffector().MergeEffects(v.effectText, []effector.Effect{effect}, []float64{1}, 0, 1)
	if at >= v.rows.count {
		at = -1
	}
	return outcome{got == effector.Allow, at}, err
}

// tally merges effects, rule by rule, as Casbin's effector does.
type tally struct {
	kind effectKind
	out  outcome
}

// add takes a rule that matched and reports whether the decision is made.
func (t *tally) add(rule int, e ruleEffect) bool {
	switch {
	case e == effectDeny && t.kind != effectAllowOverride:
		t.out = outcome{false, rule}
		return true
	case e == effectAllow && (t.kind == effectAllowOverride || t.kind == effectPriority):
		t.out = outcome{true, rule}
		return true
	case e == effectAllow && t.kind == effectAllowAndDeny && t.out.rule < 0:
		t.out = outcome{true, rule}
	}
	return false
}

func (t *tally) end() outcome {
	if t.kind == effectDenyOverride {
		return outcome{true, -1}
	}
	return t.out
}

func sortCandidates(list []candidate) {
	if len(list) > 24 {
		slices.SortFunc(list, func(a, b candidate) int { return int(int64(a.rule) - int64(b.rule)) })
		return
	}
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j].rule < list[j-1].rule; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

// candidates appends every rule that may match, but for those of always.
func (q *query) candidates(list []candidate) []candidate {
	var at keyValues
	for i, p := range q.v.partitions {
		if p.keyless {
			for _, rule := range p.first {
				list = append(list, candidate{rule: rule, partition: int32(i), effect: q.v.rows.effects[rule]})
			}
			continue
		}
		// Groups are found before the roles of the subject: with many rules both are far away in
		// memory, and the processor waits for them together.
		list = q.lookUp(list, int32(i), p, 0, &at)
		at = keyValues{}
	}
	return list
}

// lookUp looks up every combination of what the keys from n on may be.
func (q *query) lookUp(list []candidate, i int32, p *partition, n int, at *keyValues) []candidate {
	for ; n < p.valued(); n++ {
		k := p.keys[n]
		if k.kind != keyEqual {
			break
		}
		t := q.term(k.at)
		if t == (lookup.Term{}) {
			return list
		}
		at.take(n, t)
	}
	if n == p.valued() {
		var room [1]lookup.Entry
		return q.gather(list, candidate{partition: i}, p, p.groups.Entries(p.groups.Find(at.key()), &room))
	}
	k := p.keys[n]
	if k.kind == keyPath {
		t := q.terminals(k.at)
		for j := range t.n {
			at.number(n, t.at(j))
			list = q.lookUp(list, i, p, n+1, at)
		}
		return list
	}
	h := q.callerRoles(k.at)
	if h.self != 0 {
		at.number(n, h.self)
		list = q.lookUp(list, i, p, n+1, at)
	}
	for _, role := range h.has {
		if role != h.self {
			at.number(n, role)
			list = q.lookUp(list, i, p, n+1, at)
		}
	}
	return list
}

// gather appends the rules of a group that are for whoever asks. Both lists are sorted, and
// the shorter one is walked.
func (q *query) gather(list []candidate, c candidate, p *partition, group []lookup.Entry) []candidate {
	if p.holder < 0 {
		for _, f := range group {
			list = append(list, c.is(f))
		}
		return list
	}
	if len(group) == 0 {
		return list
	}
	h := q.callerRoles(p.keys[p.holder].at)
	if len(group) <= 2*len(h.has)+8 {
		for _, f := range group {
			if f.Name != h.self {
				if _, has := slices.BinarySearch(h.has, f.Name); !has {
					continue
				}
			}
			list = append(list, c.is(f))
		}
		return list
	}
	list = appendFor(list, c, group, h.self)
	for _, role := range h.has {
		if role != h.self {
			list = appendFor(list, c, group, role)
		}
	}
	return list
}

func appendFor(list []candidate, c candidate, group []lookup.Entry, subject uint32) []candidate {
	for _, f := range lookup.EntriesFor(group, subject) {
		list = append(list, c.is(f))
	}
	return list
}

// callerRoles returns the caller's roles, looked up once.
func (q *query) callerRoles(i int) *callerRoles {
	h := &q.roles[i]
	if h.done {
		return h
	}
	h.done = true
	k := &q.v.roleKeys[i]
	h.self = q.term(k.source).ID
	closures := q.v.sections[k.section].closures
	if closures == nil {
		domain := k.domain.text
		if k.domain.source >= 0 {
			domain = q.input(k.domain.source).s
		}
		w, kept := q.walk(k.section, q.input(k.source).s, domain)
		if h.has = w.has; !kept {
			h.has = slices.Clone(w.has)
			w.free()
		}
		return h
	}
	if k.domain.source < 0 {
		h.has = closures.Of(k.domain.text, q.v.texts.Find(k.domain.text), h.self)
	} else {
		h.has = closures.Of(q.input(k.domain.source).s, q.term(k.domain.source).ID, h.self)
	}
	return h
}

// terminals returns what a path may match, looked up once.
func (q *query) terminals(i int) *terminals {
	t := &q.paths[i]
	if !t.done {
		t.done = true
		k := &q.v.pathKeys[i]
		k.paths.find(t, q.input(k.source).s)
	}
	return t
}
