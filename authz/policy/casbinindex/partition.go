package casbinindex

import (
	"slices"

	"github.com/reevehq/reeve/internal/lookup"
)

const (
	maxAlternatives = 16 // partitions of one shape; beyond, an || is evaluated and not indexed
	maxKeys         = 4  // values in a key
	maxPaths        = 2
	maxRoleKeys     = 3
)

// partition finds the rules of one shape for which one alternative of its matcher may hold.
type partition struct {
	shape  *ruleShape
	keys   []key
	holder int // the roleKey by which entries are sorted, -1 for none
	groups lookup.Groups
	verify []*expr // what the key does not show, in the matcher's order

	direct bool // whether its groups are found by values of a request alone

	// Without keys, and when verify asks no rule, the rules are all alike but for their
	// effect: the first of each is enough.
	keyless bool
	first   []uint32
}

// index sorts the rules into shapes and the shapes into partitions.
func (v *compiledModel) index() {
	v.plan = Plan{Rules: v.rows.count}
	if v.ruleless {
		v.plan.note("the matcher asks no rule: it is evaluated once")
		return
	}
	if !v.boolean {
		v.plan.note("the matcher may be a number: every rule is evaluated")
	}
	for _, s := range v.shapes() {
		if !v.boolean || !v.divide(s) {
			v.always = append(v.always, s.rules...)
		}
	}
	for rule := range v.rows.odd {
		v.always = append(v.always, rule)
	}
	slices.Sort(v.always)
	v.plan.finish(v)
}

func (v *compiledModel) shapes() []*ruleShape {
	byMarks := map[string]*ruleShape{}
	var list []*ruleShape
	memo := make([]map[uint32]byte, len(v.atomList))
	for i := range memo {
		memo[i] = map[uint32]byte{}
	}
	marks := make([]byte, len(v.atomList))
	for rule := range v.rows.count {
		if _, odd := v.rows.odd[uint32(rule)]; odd && len(v.rows.odd) > 0 {
			continue
		}
		for i := range marks {
			marks[i] = v.mark(i, rule, memo[i])
		}
		s := byMarks[string(marks)]
		if s == nil {
			s = &ruleShape{marks: string(marks)}
			s.matcher = v.simplify(v.matcher, s.marks)
			byMarks[s.marks] = s
			list = append(list, s)
		}
		s.rules = append(s.rules, uint32(rule))
	}
	for _, s := range list {
		v.gatherPreconditions(s)
	}
	return list
}

// gatherPreconditions unites what the expressions need that the rules of a shape evaluate.
func (v *compiledModel) gatherPreconditions(s *ruleShape) {
	for i, e := range v.atomList {
		if e.kind != exprEval || s.marks[i] != markSafe {
			continue
		}
		seen := map[uint32]bool{}
		for _, rule := range s.rules {
			id := v.rows.id(int(rule), e.at)
			if !seen[id] {
				seen[id] = true
				s.preconditions = unite(s.preconditions, v.conditionPreconditions[id])
			}
		}
	}
}

func unite(a, b []precondition) []precondition {
	for _, n := range b {
		if !slices.Contains(a, n) {
			a = append(a, n)
		}
	}
	return a
}

func flatten(e *expr, kind exprKind) []*expr {
	if e.kind != kind || len(e.args) < 2 {
		return []*expr{e}
	}
	var out []*expr
	for _, a := range e.args {
		out = append(out, flatten(a, kind)...)
	}
	return out
}

// divide makes the partitions of a shape, or returns false when its rules have to be evaluated
// one by one.
func (v *compiledModel) divide(s *ruleShape) bool {
	if s.matcher.isBool(false) {
		return true // none of them ever matches
	}
	// The pieces before the last one that has a key may be reordered while the preconditions are
	// met; those after it are evaluated in their order.
	clauses := flatten(s.matcher, exprAnd)
	sure := 0
	var needs, far []precondition
	for i, c := range clauses {
		j := judge{v: v, marks: s.marks}
		j.truth(c)
		if j.unsure {
			break
		}
		far = unite(far, j.preconditions)
		if v.hasEval(c) {
			far = unite(far, s.preconditions)
		}
		if v.hasKey(c) {
			sure, needs = i+1, slices.Clone(far)
		}
	}
	var parts []*partition
	for _, alternative := range v.alternatives(clauses[:sure]) {
		p, possible := v.newPartition(s, alternative, clauses[sure:])
		if !possible {
			continue
		}
		if len(p.keys) == 0 && p.holder < 0 {
			if slices.ContainsFunc(p.verify, (*expr).asksRule) {
				v.plan.unindexed(s, p.verify)
				return false
			}
			p.keyless = true
		}
		parts = append(parts, p)
	}
	for _, p := range parts {
		p.direct = !slices.ContainsFunc(p.keys[:p.valued()], func(k key) bool { return k.kind != keyEqual || !v.plain(k.at) })
		v.fill(p)
	}
	v.partitions = append(v.partitions, parts...)
	v.preconditions = unite(v.preconditions, needs)
	return true
}

// plain reports whether a source is a value of a request, and no attribute of one.
func (v *compiledModel) plain(source int) bool {
	return source < inlineInputs && len(v.sources[source].path) == 0
}

func (v *compiledModel) hasEval(e *expr) bool {
	found := false
	e.walk(func(x *expr) { found = found || x.kind == exprEval })
	return found
}

func (v *compiledModel) hasKey(e *expr) bool {
	if isLogic(e.kind) && e.kind != exprNot {
		return slices.ContainsFunc(e.args, v.hasKey)
	}
	_, _, ok := v.keyOf(e)
	return ok
}

// alternatives turns (a || b) && c into a && c, b && c.
func (v *compiledModel) alternatives(clauses []*expr) [][]*expr {
	out := [][]*expr{nil}
	for _, c := range clauses {
		choices := [][]*expr{{c}}
		if c.kind == exprOr && v.hasKey(c) && len(out)*len(flatten(c, exprOr)) <= maxAlternatives {
			choices = nil
			for _, o := range flatten(c, exprOr) {
				choices = append(choices, v.alternatives(flatten(o, exprAnd))...)
			}
		}
		var next [][]*expr
		for _, a := range out {
			for _, b := range choices {
				next = append(next, slices.Concat(a, b))
			}
		}
		out = next
	}
	return out
}

// newPartition takes the keys out of an alternative. It returns false for one that never holds.
func (v *compiledModel) newPartition(s *ruleShape, clauses, rest []*expr) (*partition, bool) {
	p := &partition{shape: s, holder: -1}
	for _, c := range v.byWorth(clauses) {
		switch k, subject, ok := v.keyOf(c); {
		case c.isBool(true):
		case c.isBool(false):
			return nil, false
		case ok && k.kind == keyRole && p.holder < 0 && v.room(k, subject, c.fn):
			p.holder = len(p.keys)
			p.keys = append(p.keys, v.roleKeyOf(k, subject))
		case !ok || p.valued() == maxKeys || !v.room(k, subject, c.fn) || k.kind == keyPath && !v.tells(s, c, k):
			p.verify = append(p.verify, c)
		case k.kind == keyRole:
			p.keys = append(p.keys, v.roleKeyOf(k, subject))
		case k.kind == keyPath:
			p.keys = append(p.keys, v.pathKeyOf(c, k))
		default:
			p.keys = append(p.keys, k)
		}
	}
	if p.holder >= 0 {
		holder := p.keys[p.holder]
		p.keys = slices.Delete(p.keys, p.holder, p.holder+1)
		p.holder = len(p.keys) // kept behind the others
		p.keys = append(p.keys, holder)
	}
	p.verify = append(p.verify, rest...)
	return p, true
}

// byWorth puts the patterns of regexMatch and globMatch behind the other clauses, so that
// these have the places first.
func (v *compiledModel) byWorth(clauses []*expr) []*expr {
	loose := func(c *expr) int {
		if k, _, ok := v.keyOf(c); ok && k.kind == keyPath && isLoose(c.fn) {
			return 1
		}
		return 0
	}
	out := slices.Clone(clauses)
	slices.SortStableFunc(out, func(x, y *expr) int { return loose(x) - loose(y) })
	return out
}

func isLoose(fn *function) bool { return fn.name == "regexMatch" || fn.name == "globMatch" }

// tells reports whether a pattern's beginning tells the rules of a shape apart: at least half
// of their patterns have one. Otherwise it is cheaper to try the few that other keys find.
func (v *compiledModel) tells(s *ruleShape, c *expr, k key) bool {
	if !isLoose(c.fn) {
		return true
	}
	seen := map[uint32]bool{}
	begin := 0
	for _, rule := range s.rules {
		id := v.rows.id(int(rule), k.of)
		if seen[id] {
			continue
		}
		seen[id] = true
		if prefix, _ := c.fn.prefix(v.texts.Text(id)); prefix != "" {
			begin++
		}
	}
	return 2*begin >= len(seen)
}

// valued counts the keys that stand in the groups' keys.
func (p *partition) valued() int {
	if p.holder >= 0 {
		return len(p.keys) - 1
	}
	return len(p.keys)
}
