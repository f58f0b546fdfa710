package impact

import (
	"slices"
	"strconv"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// form is a condition written in one way: ! before comparisons alone, and the operands of && and || in
// order, each once. Kleene's logic has all of these laws, so that conditions of one form are equal.
type form struct {
	sign  byte     // & and | of several parts, = and ! of one comparison
	parts []string // texts of forms, sorted; or the comparison
}

// formOf returns the form of a condition, or of what it denies.
func formOf(e condition.Expr, not bool) form {
	switch op := e.Op(); op {
	case condition.OpNot:
		for arg := range e.Args() {
			return formOf(arg, !not)
		}
	case condition.OpAnd, condition.OpOr:
		f := form{sign: '&'}
		if (op == condition.OpOr) != not {
			f.sign = '|'
		}
		var last form
		for arg := range e.Args() {
			if last = formOf(arg, not); last.sign == f.sign {
				f.parts = append(f.parts, last.parts...)
			} else {
				f.parts = append(f.parts, last.text())
			}
		}
		slices.Sort(f.parts)
		if f.parts = slices.Compact(f.parts); len(f.parts) == 1 { // all are the last one
			return last
		}
		return f
	}
	if not {
		return form{'!', []string{e.String()}}
	}
	return form{'=', []string{e.String()}}
}

// text returns the form as a text that no other has.
func (f form) text() string {
	text := []byte{f.sign}
	for _, part := range f.parts {
		text = append(strconv.AppendInt(text, int64(len(part)), 10), ':')
		text = append(text, part...)
	}
	return string(text)
}
