package sqltext

import (
	"github.com/reevehq/reeve/authz/policy/condition"
)

// inText writes that a text begins with another, ends with it or has it within, or does not, byte by
// byte. A beginning that ends in / or : is a range, which an index by bytes serves.
func (w *writer) inText(l *condition.Leaf, s scope) string {
	if l.A.Attr != nil && l.B.Attr == nil && (l.Op == condition.OpStartsWith || l.Op == condition.OpNotStartsWith) {
		if prefix := l.B.Value.Text(); prefix != "" && (prefix[len(prefix)-1] == '/' || prefix[len(prefix)-1] == ':') {
			return w.inRange(l, s, prefix, l.Op == condition.OpStartsWith)
		}
	}
	var texts, guards []string
	for _, t := range []*condition.Term{&l.A, &l.B} {
		if t.Attr == nil {
			if w.postgres() && !holdable(t.Value) {
				return w.fail(ErrText)
			}
			texts = append(texts, "")
			continue
		}
		col := s.of(t.Attr)
		texts = append(texts, col)
		guards = append(guards, w.domain(t.Attr, col, false, false, true)...)
	}
	text := func(i int, t *condition.Term) string {
		if t.Attr == nil {
			return w.value(t.Value, condition.KindString)
		}
		if w.postgres() {
			return w.asText(texts[i], t.Attr)
		}
		return texts[i]
	}
	parts := []string{w.stands(l.Op, func() string { return text(0, &l.A) }, func() string { return text(1, &l.B) })}
	parts = append(parts, guards...)
	return and(append(parts, w.shorter(l, s))...)
}

// stands writes the comparison of two texts, each of which it writes as often as it needs. SQLite
// compares BLOBs by their bytes; of an empty one substr is NULL.
func (w *writer) stands(o condition.Op, text, part func() string) string {
	blob := func(text func() string) string { return "CAST(" + text() + " AS BLOB)" }
	switch o {
	case condition.OpStartsWith, condition.OpNotStartsWith:
		if w.postgres() {
			return "starts_with(" + text() + ", " + part() + ") = " + truth(o == condition.OpStartsWith)
		}
		return "instr(" + blob(text) + ", " + blob(part) + ")" + equals(o == condition.OpStartsWith) + "1"
	case condition.OpEndsWith, condition.OpNotEndsWith:
		if w.postgres() {
			return "right(" + text() + ", length(" + part() + "))" + equals(o == condition.OpEndsWith) + w.bytes(part())
		}
		ends := "(length(" + blob(part) + ") = 0 OR (length(" + blob(text) + ") >= length(" + blob(part) + ") AND substr(" + blob(text) + ", 1 + length(" + blob(text) + ") - length(" + blob(part) + ")) = " + blob(part) + "))"
		if o == condition.OpEndsWith {
			return ends
		}
		return "NOT " + ends
	}
	operator := " = 0"
	if o == condition.OpContains {
		operator = " > 0"
	}
	if w.postgres() {
		return "strpos(" + w.bytes(text()) + ", " + part() + ")" + operator
	}
	return "instr(" + blob(text) + ", " + blob(part) + ")" + operator
}

func equals(is bool) string {
	if is {
		return " = "
	}
	return " <> "
}

func truth(is bool) string {
	if is {
		return always
	}
	return never
}

// inRange writes startsWith for a beginning whose last byte is an ASCII character.
func (w *writer) inRange(l *condition.Leaf, s scope, prefix string, is bool) string {
	if w.postgres() && !holdable(l.B.Value) {
		return w.fail(ErrText)
	}
	a := l.A.Attr
	col := s.of(a)
	text := w.exact(col)
	if w.postgres() {
		text = w.bytes(w.asText(col, a))
	}
	last := len(prefix) - 1
	next := condition.String(prefix[:last] + string(prefix[last]+1))
	low, high, both := " >= ", " < ", and
	if !is {
		low, high, both = " < ", " >= ", or
	}
	parts := []string{both(text+low+w.value(l.B.Value, condition.KindString), text+high+w.value(next, condition.KindString))}
	parts = append(parts, w.domain(a, col, false, false, true)...)
	return and(append(parts, w.shorter(l, s))...)
}
