package lint

import (
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// lookAtDenies finds deny rules that no allow rule has a request in common with. Without them the
// policy decides alike, so whoever wrote one meant something else.
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
	return l.allowed.overlap(r.target, func(a *ruleRow) bool {
		kind := a.act == everything || r.act == everything || policy.IsMethod(a.act) == policy.IsMethod(r.act)
		return kind && (!action || meet(a.act, r.act)) && (!dom || meet(a.dom, r.dom))
	})
}

// otherActions names the actions that are allowed on what r is about.
func (l *linter) otherActions(r *ruleRow) string {
	if isEvery(r.act) {
		return ": every action is *"
	}
	words := map[string]int{}
	l.allowed.overlap(r.target, func(a *ruleRow) bool {
		if a.act != everything && policy.IsMethod(a.act) == policy.IsMethod(r.act) {
			words[a.act]++
		}
		return len(words) > 20
	})
	if meant := newNear(words, true).of(r.act, func(string) bool { return true }); meant != "" {
		return ": did you mean " + meant + "?"
	}
	if len(words) == 0 {
		return ""
	}
	return ": allowed are " + listOf(words)
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
		l.types = newNear(types, true)
	}
	if meant := l.types.of(r.target.typ, func(string) bool { return true }); meant != "" {
		return ": did you mean " + strings.Replace(r.obj, r.target.typ, meant, 1) + "?"
	}
	return ""
}

// coverKey is under what a rule is found that may cover others.
type coverKey struct {
	allow          bool
	act, sub, name string
}

// lookAtCover finds rules that another covers wholly: one of the same effect says nothing, and an
// allow rule below a deny rule never allows.
func (l *linter) lookAtCover() {
	index, names := map[coverKey][]*ruleRow{}, map[string]bool{}
	for _, r := range l.rules {
		name := r.target.exact
		if r.target.many {
			name = r.target.prefix + everything
		}
		names[name] = true
		key := coverKey{r.allow, r.act, r.sub, name}
		index[key] = append(index[key], r)
	}
	order := map[*ruleRow]int{}
	for i, r := range l.rules {
		order[r] = i
	}
	for _, r := range l.rules {
		above := namesAbove(r.target, names)
		find := func(allow bool) *ruleRow {
			for _, sub := range l.subjects(r.sub, r.dom) {
				for _, act := range [...]string{r.act, everything} {
					for _, name := range above {
						for _, s := range index[coverKey{allow, act, sub, name}] {
							if s != r && within(r.dom, s.dom) && s.target.covers(r.target) && (s.always() || s.cond == r.cond) {
								same := allow == r.allow && s.sub == r.sub && s.dom == r.dom && s.act == r.act && s.cond == r.cond && r.target.covers(s.target)
								if !same || order[s] < order[r] {
									return s
								}
							}
						}
					}
					if r.act == everything {
						break
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

// namesAbove returns the names under which rules stand that may cover a target.
func namesAbove(t target, names map[string]bool) []string {
	var list []string
	add := func(name string) {
		if names[name] {
			list = append(list, name)
		}
	}
	add(everything)
	if t.isAll() {
		return list
	}
	if t.exact != "" && !t.many {
		add(t.exact)
	}
	name := t.exact
	if t.many {
		name = t.prefix
	}
	for i := range len(name) {
		if name[i] == '/' || name[i] == ':' {
			add(name[:i+1] + everything)
		}
	}
	return list
}
