package sqltext

import (
	"github.com/reevehq/reeve/authz/policy/condition"
)

// startsWith writes that a text begins, or does not begin, with another, byte by byte. What ends
// in / or : is a range, which an index by bytes serves.
func (w *writer) startsWith(l *condition.Leaf, s scope) string {
	is := l.Op == condition.OpStartsWith
	if l.A.Attr != nil && l.B.Attr == nil {
		if prefix := l.B.Value.Text(); prefix != "" && (prefix[len(prefix)-1] == '/' || prefix[len(prefix)-1] == ':') {
			return w.inRange(l, s, prefix, is)
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
	out := ""
	if w.postgres() {
		out = "starts_with(" + text(0, &l.A) + ", " + text(1, &l.B) + ") = " + truth(is)
	} else {
		op := " <> 1"
		if is {
			op = " = 1"
		}
		// A BLOB is compared by its bytes. Of substr, an empty one would be NULL.
		out = "instr(CAST(" + text(0, &l.A) + " AS BLOB), CAST(" + text(1, &l.B) + " AS BLOB))" + op
	}
	parts := append([]string{out}, guards...)
	return and(append(parts, w.shorter(l, s))...)
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
