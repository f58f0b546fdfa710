package lint

import (
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/policycsv"
)

// lookAtConditions finds parts of conditions that are true for every value or for none, that mix
// && and ||, and deny rules that ask for what a request may not have.
func (l *linter) lookAtConditions() {
	for _, r := range l.rules {
		if r.always() || r.expr.Op() == condition.OpAlways {
			continue
		}
		l.lookAtTruth(r, r.expr)
		l.lookAtMixed(r, r.expr)
		l.lookAtRedundant(r, r.expr)
		l.lookAtFactor(r)
		l.lookAtNetworks(r)
		if r.allow {
			continue
		}
		said := map[string]bool{}
		for a := range r.expr.Attributes() {
			if r.act == "create" && a.Part() == condition.PartObject && a.Via == nil && a.Name == "id" && !said[a.Ref()] {
				said[a.Ref()] = true
				l.at("RV132", policy.SeverityNote, &r.row, atCondition, "ask for what an object has before it is there", "the deny rule also matches objects without an id, as one that is to be created may be")
			}
			if why := mayMiss(a); why != "" && !said[a.Ref()] {
				said[a.Ref()] = true
				l.at("RV132", policy.SeverityNote, &r.row, atCondition, "ask for what every request has, or deny in a rule without the attribute", "the deny rule also matches requests without %s: %s", a.Ref(), why)
			}
		}
	}
}

// lookAtNetworks finds networks that every address of their kind is in.
func (l *linter) lookAtNetworks(r *ruleRow) {
	parts(r, r.expr, false, func(p part) {
		f := p.e.Leaf()
		if n := networkOf(f.Op, f.B.Value.Text()); f.Op == condition.OpIPMatch && n.prefix.IsValid() && n.prefix.Bits() == 0 {
			kind := "IPv4"
			if n.prefix.Addr().Is6() {
				kind = "IPv6"
			}
			l.atPart("RV129", r, p.e, "write the network that is meant, or delete the comparison", "%s is true for every address of %s", p.e.String(), kind)
		}
	})
}

// mayMiss says when a request is without an attribute, "" for one that each has.
func mayMiss(a *condition.Attribute) string {
	switch {
	case a.Part() == condition.PartObject && a.Null != condition.NullNever:
		return "the column may be NULL"
	case a.Part() == condition.PartEnv && a.Name == condition.EnvIP:
		return "a job and a queue have no address"
	case a.Part() == condition.PartEnv && a.Name == condition.EnvMFA:
		return "it comes with a session alone"
	}
	return ""
}

// lookAtTruth notes the smallest parts of a condition that are always or never true.
func (l *linter) lookAtTruth(r *ruleRow, e condition.Expr) {
	never, always := !satisfiable(e, false), !satisfiable(e, true)
	if never == always { // neither, or beyond what is looked at
		for arg := range e.Args() {
			l.lookAtTruth(r, arg)
		}
		return
	}
	for arg := range e.Args() {
		if e.Op() != condition.OpNot && (never && !satisfiable(arg, false) || always && !satisfiable(arg, true)) {
			l.lookAtTruth(r, arg)
			return
		}
	}
	if always && r.sub == anyone && asksForSession(e) {
		return
	}
	id, what := "RV130", "is true for no value"
	if always {
		id, what = "RV129", "is true for every value"
	}
	then := ""
	if never && !r.allow && e == r.expr {
		then = ": the deny rule never matches a request that has the attribute"
	} else if always && r.allow && e == r.expr {
		then = ": the rule allows always"
	}
	l.atPart(id, r, e, "hours are 0 to 23 in UTC, weekdays 1 (Monday) to 7; && needs both sides, || one", "%s %s%s", e.String(), what, then)
}

// asksForSession reports whether a comparison is true of every caller with a session, and unknown of others.
func asksForSession(e condition.Expr) bool {
	f := e.Leaf()
	return f.Op == condition.OpNotEqual && f.A.Attr != nil && f.A.Attr.Part() == condition.PartSubject && f.A.Attr.Name == "id" && f.B.Attr == nil && f.B.Value.Text() == ""
}

// atPart notes a finding about a part of a condition.
func (l *linter) atPart(id string, r *ruleRow, e condition.Expr, help, format string, args ...any) {
	f := l.at(id, policy.SeverityWarning, &r.row, atCondition, help, format, args...)
	if f.Rule.ID == "" {
		return
	}
	from, to := e.Span()
	field := r.line.Fields[atCondition]
	f.Col, f.EndCol = r.line.Column(field, from), r.line.Column(field, min(to, len(field.Text)))
}

// lookAtMixed notes operands of || that are made by && and have no parentheses.
func (l *linter) lookAtMixed(r *ruleRow, e condition.Expr) {
	source := e.Source()
	var spans [][2]int
	var find func(condition.Expr)
	find = func(e condition.Expr) {
		for arg := range e.Args() {
			if from, to := arg.Span(); e.Op() == condition.OpOr && arg.Op() == condition.OpAnd && !inParentheses(source, from, to) {
				spans = append(spans, [2]int{from, to})
			}
			find(arg)
		}
	}
	find(e)
	if len(spans) == 0 {
		return
	}
	out, last := "", 0
	for _, s := range spans {
		out += source[last:s[0]] + "(" + source[s[0]:s[1]] + ")"
		last = s[1]
	}
	out += source[last:]
	f := l.at("RV131", policy.SeverityWarning, &r.row, atCondition, "write parentheses", "&& binds more than ||: this is read as %s", out)
	if f.Rule.ID == "" {
		return
	}
	field := r.line.Fields[atCondition]
	f.Col, f.EndCol = r.line.Column(field, spans[0][0]), r.line.Column(field, spans[0][1])
	file := policycsv.Parse(r.line.Text)
	if file.SetField(1, atCondition, out) == nil {
		f.Fix = &Fix{What: "write the parentheses", File: r.file, Line: r.line.Number, Old: r.line.Text, New: []string{file.String()}}
	}
}

// inParentheses reports whether parentheses stand around a part.
func inParentheses(source string, from, to int) bool {
	return strings.HasSuffix(strings.TrimRight(source[:from], " \t"), "(") && strings.HasPrefix(strings.TrimLeft(source[to:], " \t"), ")")
}

// maxTerms is how many alternatives of a condition are looked at. Of a larger one nothing is said.
const maxTerms = 256

// satisfiable reports whether a condition, or what it denies, can be true for some values. It
// says yes where it does not know.
func satisfiable(e condition.Expr, not bool) bool {
	terms, ok := termsOf(e, not)
	if !ok {
		return true
	}
	for _, t := range terms {
		if consistent(t) {
			return true
		}
	}
	return false
}

// termsOf returns a condition as alternatives of comparisons that are all true.
func termsOf(e condition.Expr, not bool) (terms [][]condition.Leaf, ok bool) {
	op := e.Op()
	switch {
	case op == condition.OpAlways && not:
		return nil, true
	case op == condition.OpAlways:
		return [][]condition.Leaf{nil}, true
	case op == condition.OpNot:
		for arg := range e.Args() {
			return termsOf(arg, !not)
		}
		return nil, false
	case op.IsLeaf():
		f := e.Leaf()
		if not {
			if f.Op = f.Op.Complement(); !f.Op.IsLeaf() {
				return nil, false
			}
		}
		return [][]condition.Leaf{{f}}, true
	case op == condition.OpOr != not: // one of them
		for arg := range e.Args() {
			more, ok := termsOf(arg, not)
			if !ok || len(terms)+len(more) > maxTerms {
				return nil, false
			}
			terms = append(terms, more...)
		}
		return terms, true
	}
	terms = [][]condition.Leaf{nil}
	for arg := range e.Args() {
		more, ok := termsOf(arg, not)
		if !ok || len(terms)*len(more) > maxTerms {
			return nil, false
		}
		var joined [][]condition.Leaf
		for _, a := range terms {
			for _, b := range more {
				joined = append(joined, append(a[:len(a):len(a)], b...))
			}
		}
		terms = joined
	}
	return terms, true
}
