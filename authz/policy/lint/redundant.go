package lint

import (
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
)

// lookAtRedundant finds parts of a condition that another part beside them says already: of a span both
// bounds of which are the lower one, or of a comparison that was copied and not changed.
func (l *linter) lookAtRedundant(r *ruleRow, e condition.Expr) {
	op := e.Op()
	if op == condition.OpAnd || op == condition.OpOr {
		args := flat(e, op)
		for i, a := range args {
			for j, b := range args {
				if i == j || !implies(a, b, op) || i < j && implies(b, a, op) { // of two alike the later one is told
					continue
				}
				severity, help := policy.SeverityNote, "delete it, or correct it"
				if sameBound(a, b) || a.String() == b.String() {
					severity, help = policy.SeverityWarning, "a span has a lower and an upper bound: correct one of the two, or delete it"
				}
				if l.disabled(ruleOf("RV149")) {
					return
				}
				l.atPart("RV149", r, a, help, "%s changes nothing beside %s", a.String(), b.String())
				l.found[len(l.found)-1].Severity = severity
				break
			}
		}
	}
	if op == condition.OpOneOf || op == condition.OpNoneOf {
		list := e.Leaf().List
		for i, v := range list {
			if slices.ContainsFunc(list[:i], func(w condition.Value) bool {
				return w.Kind() == v.Kind() && w.Text() == v.Text() && v.Kind() == condition.KindString
			}) {
				l.atPart("RV149", r, e, "delete it, or correct it", "'%s' stands twice in the list", v.Text())
			}
		}
	}
	for arg := range e.Args() {
		l.lookAtRedundant(r, arg)
	}
}

// maxBeside is how many parts beside each other are held against one another.
const maxBeside = 16

// flat returns the parts of && or of ||, in any number of parentheses; none of very many.
func flat(e condition.Expr, op condition.Op) (all []condition.Expr) {
	for arg := range e.Args() {
		if arg.Op() == op {
			all = append(all, flat(arg, op)...)
		} else {
			all = append(all, arg)
		}
	}
	if len(all) > maxBeside {
		return nil
	}
	return all
}

// implies reports whether a changes nothing beside b: of && where b holds a does, of || where a holds b does.
// Both must be open by themselves, since what is always or never true is told of elsewhere.
func implies(a, b condition.Expr, op condition.Op) bool {
	if !isOpen(a) || !isOpen(b) {
		return false
	}
	if op == condition.OpAnd {
		return excludes(b, a)
	}
	return excludes(a, b)
}

// excludes reports whether a cannot be true where b is false.
func excludes(a, b condition.Expr) bool {
	yes, ok := termsOf(a, false)
	no, known := termsOf(b, true)
	if !ok || !known || len(yes)*len(no) > maxTerms {
		return false
	}
	for _, x := range yes {
		for _, y := range no {
			if consistent(append(x[:len(x):len(x)], y...)) {
				return false
			}
		}
	}
	return true
}

// isOpen reports whether a part is of comparisons of values and networks alone, and true for some and false for others.
func isOpen(e condition.Expr) bool {
	plain := true
	leaves(e, func(f condition.Leaf) {
		plain = plain && (f.Op >= condition.OpIs && f.Op <= condition.OpIPMatch || f.Op >= condition.OpNotIs && f.Op <= condition.OpNotIPMatch)
	})
	return plain && satisfiable(e, false) && satisfiable(e, true)
}

// sameBound reports whether two comparisons bound one attribute from the same side.
func sameBound(a, b condition.Expr) bool {
	f, g := a.Leaf(), b.Leaf()
	if !a.Op().IsLeaf() || !b.Op().IsLeaf() || f.A.Attr == nil || g.A.Attr == nil || f.A.Attr.Ref() != g.A.Attr.Ref() {
		return false
	}
	side := func(op condition.Op) int {
		switch op {
		case condition.OpLess, condition.OpLessEqual:
			return 1
		case condition.OpGreater, condition.OpGreaterEqual:
			return 2
		}
		return 0
	}
	return side(f.Op) != 0 && side(f.Op) == side(g.Op)
}

// lookAtFactor finds rules that are turned round about the second factor: a deny rule for those who have
// one, and an allow rule for those who have none.
func (l *linter) lookAtFactor(r *ruleRow) {
	if r.always() || isEnrolment(r.obj) || isEnrolment(r.act) {
		return
	}
	terms, ok := termsOf(r.expr, false)
	if !ok || len(terms) == 0 {
		return
	}
	for _, t := range terms {
		asks := false
		for _, f := range t {
			if a := f.A.Attr; a != nil && a.Part() == condition.PartEnv && a.Name == condition.EnvMFA {
				asks = asks || isTrue(f) != r.allow && (isTrue(f) || isFalse(f))
			}
		}
		if !asks {
			return
		}
	}
	if r.allow {
		l.at("RV150", policy.SeverityWarning, &r.row, atCondition, "write r.env.mfa", "the rule allows this without a second factor, and not with one")
		return
	}
	l.at("RV150", policy.SeverityWarning, &r.row, atCondition, "write !r.env.mfa", "the rule denies this with a second factor, and not without one")
}

// isTrue and isFalse report whether a comparison says that a bool is true, or false.
func isTrue(f condition.Leaf) bool {
	return f.Op == condition.OpIs || f.B.Value.Kind() == condition.KindBool && f.B.Value.Bool() == (f.Op == condition.OpEqual)
}

func isFalse(f condition.Leaf) bool {
	return f.Op == condition.OpNotIs || f.B.Value.Kind() == condition.KindBool && f.B.Value.Bool() != (f.Op == condition.OpEqual)
}

// isEnrolment reports whether a name is of the second factor itself, which is for those who have none.
func isEnrolment(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"mfa", "2fa", "factor", "totp", "otp", "webauthn", "passkey", "enrol", "step-up", "stepup"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
