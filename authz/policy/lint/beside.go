package lint

import (
	"slices"
	"strconv"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
)

// lookAtBeside holds rules of one effect about the same object and action against each other: two that are for
// the same people and hold together always, and two between whose limits one number is left out.
func (l *linter) lookAtBeside() {
	type key struct {
		dom, obj, act string
		allow         bool
	}
	by := map[key][]*ruleRow{}
	for _, r := range l.rules {
		if !r.always() && r.expr.Op() != condition.OpAlways {
			k := key{r.dom, r.obj, r.act, r.allow}
			by[k] = append(by[k], r)
		}
	}
	for _, r := range l.rules {
		rules := by[key{r.dom, r.obj, r.act, r.allow}]
		if len(rules) > maxBeside || !slices.Contains(rules, r) {
			continue
		}
		for _, s := range rules {
			if s.order >= r.order {
				break
			}
			verb := map[bool]string{true: "allow", false: "deny"}[r.allow]
			if s.sub == r.sub && complements(s.expr, r.expr) {
				l.at("RV129", policy.SeverityNote, &r.row, atCondition, "write true, or correct one of the two", "together with %s the rule is to %s always: %s", s.at(), verb, s.text())
				break
			}
			if ref, limit := leftOut(s.expr, r.expr); ref != "" && !slices.ContainsFunc(rules, func(t *ruleRow) bool { return includes(t.expr, ref, limit) }) {
				l.at("RV153", policy.SeverityNote, &r.row, atCondition, "write <= or >= in one of the two", "of this and %s neither is to %s where %s is %s: %s", s.at(), verb, ref, limit, s.text())
				break
			}
		}
	}
}

// complements reports whether one of two conditions holds for all values, and neither does for all by itself.
func complements(a, b condition.Expr) bool {
	if !isOpen(a) || !isOpen(b) {
		return false
	}
	no, ok := termsOf(a, true)
	nor, known := termsOf(b, true)
	if !ok || !known || len(no)*len(nor) > maxTerms {
		return false
	}
	for _, x := range no {
		for _, y := range nor {
			if consistent(append(x[:len(x):len(x)], y...)) {
				return false
			}
		}
	}
	return true
}

// bound is a comparison of an attribute with a number.
func bound(e condition.Expr) (ref string, op condition.Op, limit string) {
	f := e.Leaf()
	if !e.Op().IsLeaf() {
		return "", 0, ""
	}
	a, b, op := f.A, f.B, f.Op
	if a.Attr == nil && orders(op) {
		a, b, op = b, a, swapped(op)
	}
	if a.Attr == nil || b.Attr != nil || !b.Value.Kind().IsNumber() || !orders(op) {
		return "", 0, ""
	}
	return a.Attr.Ref(), op, strconv.FormatFloat(b.Value.Float(), 'f', -1, 64)
}

// leftOut returns the attribute and the number between two limits that neither of two conditions is for.
func leftOut(a, b condition.Expr) (ref, limit string) {
	of, op, n := bound(a)
	other, with, m := bound(b)
	if of == "" || of != other || n != m || !(op == condition.OpLess && with == condition.OpGreater || op == condition.OpGreater && with == condition.OpLess) {
		return "", ""
	}
	return of, n
}

// includes reports whether a condition seems to be for a number of an attribute.
func includes(e condition.Expr, ref, limit string) bool {
	of, op, n := bound(e)
	return of == "" || of == ref && n == limit && op != condition.OpLess && op != condition.OpGreater
}
