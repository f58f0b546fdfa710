package lint

import (
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// lookAtDenies finds deny rules that no allow rule has a request in common with. Without them the
// policy decides alike, so the author of one meant something else.
func (l *linter) lookAtDenies() {
	for _, r := range l.rules {
		if r.allow || l.meetsAllow(r, true, true) {
			continue
		}
		const help = "without it the policy decides alike: spell the rule as those that allow"
		switch {
		case l.meetsAllow(r, false, true):
			l.at("RV110", policy.SeverityWarning, &r.row, atAction, help, "the deny rule can match nothing: no rule allows the action %s on %s%s", r.act, r.obj, l.otherActions(r))
		case l.meetsAllow(r, true, false):
			l.at("RV110", policy.SeverityWarning, &r.row, atTenant, help, "the deny rule can match nothing: no rule allows this in the tenant %s", r.dom)
		default:
			l.at("RV110", policy.SeverityWarning, &r.row, atObject, help, "the deny rule can match nothing: no rule allows anything on %s%s", r.obj, l.otherObjects(r))
		}
	}
}

// meetsAllow reports whether some allow rule has an object in common with r, and the action and
// the tenant if these are asked for.
func (l *linter) meetsAllow(r *ruleRow, action, dom bool) bool {
	acts, doms := r.actsLike(action), r.domsLike(dom)
	return l.allowed.offers(r.target, func(o *offer) bool { return o.meets(acts, doms) })
}

// allowedActions are the actions of one kind that are allowed on an object.
type allowedActions struct {
	near *near
	list string
}

// otherActions names the actions that are allowed on what r is about.
func (l *linter) otherActions(r *ruleRow) string {
	if isEvery(r.act) {
		return ": every action is *"
	}
	key := [2]string{r.obj, anyOf(r.act)}
	of, there := l.actions[key]
	if !there {
		words := map[string]int{}
		l.allowed.offers(r.target, func(o *offer) bool {
			for act, n := range o.acts {
				if act != everything && anyOf(act) == key[1] {
					words[act] += n
				}
			}
			return false
		})
		of = allowedActions{newNear(words, nil, true), listOf(words)}
		l.actions[key] = of
	}
	if meant := of.near.of(r.act, true); meant != "" {
		return ": did you mean " + meant + "?"
	}
	if of.list == "" {
		return ""
	}
	return ": allowed are " + of.list
}

// otherObjects names what r was probably meant to be about.
func (l *linter) otherObjects(r *ruleRow) string {
	if r.isRoute() {
		meant := l.routeLike(r.obj)
		if meant == "" {
			meant = l.routeNear(r.obj)
		}
		if meant != "" {
			return ": did you mean " + meant + "?"
		}
		return ""
	}
	if l.types == nil {
		types := map[string]int{}
		for _, a := range l.allowed.rules {
			if a.target.typ != "" {
				types[a.target.typ]++
			}
		}
		l.types = newNear(types, nil, true)
	}
	if meant := l.types.of(r.target.typ, true); meant != "" {
		return ": did you mean " + strings.Replace(r.obj, r.target.typ, meant, 1) + "?"
	}
	return ""
}

// coverKey is under what a rule is found that may cover others.
type coverKey struct {
	allow, many    bool  // many where the name is a prefix
	act, sub, name int32 // by their numbers
}

// numbers numbers texts from 1. 0 is none of them.
type numbers map[string]int32

func (n numbers) add(text string) int32 {
	i, there := n[text]
	if !there {
		i = int32(len(n) + 1)
		n[text] = i
	}
	return i
}

// cover is the rules of one key, in order.
type cover struct {
	rules []*ruleRow
	by    map[[2]string][]*ruleRow // by tenant and condition, where there are many
}

// manyRules is from how many on the rules of a key are found by tenant and condition.
const manyRules = 16

// that returns those of the rules that may be for all that r is for in a tenant and by a condition.
func (c *cover) that(dom, cond string) []*ruleRow {
	if c.by == nil {
		c.by = map[[2]string][]*ruleRow{}
		for _, s := range c.rules {
			key := [2]string{s.dom, s.cond}
			c.by[key] = append(c.by[key], s)
		}
	}
	return c.by[[2]string{dom, cond}]
}

// over returns the first rule that covers r, nil for none.
func (c *cover) over(r *ruleRow, allow bool) *ruleRow {
	if c == nil {
		return nil
	}
	first := func(rules []*ruleRow) *ruleRow {
		for _, s := range rules {
			if s != r && within(r.dom, s.dom) && s.target.covers(r.target) && (s.always() || s.cond == r.cond || !allow && r.allow && len(rules) < manyRules && deniedBy(r, s)) {
				same := allow == r.allow && s.sub == r.sub && s.dom == r.dom && s.act == r.act && s.cond == r.cond && r.target.covers(s.target)
				if !same || s.order < r.order {
					return s
				}
			}
		}
		return nil
	}
	if len(c.rules) < manyRules {
		return first(c.rules)
	}
	var best *ruleRow
	for _, dom := range [...]string{r.dom, everything} {
		for _, cond := range [...]string{r.cond, "true"} {
			if s := first(c.that(dom, cond)); s != nil && (best == nil || s.order < best.order) {
				best = s
			}
		}
	}
	return best
}

// deniedBy reports whether the condition of a deny rule is never false where that of an allow rule is true.
func deniedBy(r, s *ruleRow) bool {
	allowed, ok := termsOf(r.expr, false)
	free, known := termsOf(s.expr, true)
	if !ok || !known || len(allowed)*len(free) > maxTerms {
		return false
	}
	for _, a := range allowed {
		for _, b := range free {
			if consistent(append(a[:len(a):len(a)], b...)) {
				return false
			}
		}
	}
	return true
}

// lookAtCover finds rules that another covers wholly: one of the same effect says nothing, and an
// allow rule below a deny rule never allows.
func (l *linter) lookAtCover() {
	index := make(map[coverKey]*cover, len(l.rules))
	exact, prefixes, words := numbers{}, numbers{}, numbers{}
	for _, r := range l.rules {
		key := coverKey{r.allow, r.target.many, words.add(r.act), words.add(r.sub), 0}
		if r.target.many {
			key.name = prefixes.add(r.target.prefix)
		} else {
			key.name = exact.add(r.target.exact)
		}
		c := index[key]
		if c == nil {
			c = &cover{}
			index[key] = c
		}
		c.rules = append(c.rules, r)
	}
	var above []coverName
	var subjects []int32
	for _, r := range l.rules {
		above, subjects = namesAbove(above[:0], r.target, exact, prefixes), subjects[:0]
		for _, sub := range l.subjects(r.sub, r.dom) {
			if n := words[sub]; n != 0 {
				subjects = append(subjects, n)
			}
		}
		acts := [...]int32{words[r.act], words[everything]}
		find := func(allow bool) *ruleRow {
			for _, sub := range subjects {
				for i, act := range acts {
					if act == 0 || i > 0 && act == acts[0] {
						continue
					}
					for _, name := range above {
						if s := index[coverKey{allow, name.many, act, sub, name.number}].over(r, allow); s != nil {
							return s
						}
					}
				}
			}
			return nil
		}
		if s := find(r.allow); s != nil {
			l.at("RV109", policy.SeverityNote, &r.row, -1, "delete it, or narrow the other", "the rule changes nothing: %s covers it: %s", s.at(), s.text())
		}
		if r.allow {
			if s := find(false); s != nil {
				l.at("RV127", policy.SeverityWarning, &r.row, -1, "delete it, or narrow the deny rule", "the rule never allows: %s denies all of it: %s", s.at(), s.text())
			}
		}
	}
}

func (r *ruleRow) text() string { return strings.TrimLeft(r.line.Text, " \t") }

// coverName is a name, or how names begin.
type coverName struct {
	many   bool
	number int32
}

// namesAbove appends the names under which rules stand that may cover a target.
func namesAbove(list []coverName, t target, exact, prefixes numbers) []coverName {
	add := func(many bool, number int32) {
		if number != 0 {
			list = append(list, coverName{many, number})
		}
	}
	add(true, prefixes[""])
	if t.isAll() {
		return list
	}
	if t.exact != "" && !t.many {
		add(false, exact[t.exact])
	}
	name := t.exact
	if t.many {
		name = t.prefix
	}
	for i := range len(name) {
		if name[i] == '/' || name[i] == ':' {
			add(true, prefixes[name[:i+1]])
		}
	}
	return list
}
