package sqltext

import (
	"strconv"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// list writes a comparison with a column that is a list of texts: an array of Postgres, and in
// SQLite a text that holds an array of JSON. A list that holds NULL, or more texts than a condition
// looks into, is not known.
func (w *writer) list(l condition.Leaf, a *condition.Attribute, s scope) string {
	col := s.of(a)
	switch l.Op {
	case condition.OpHas:
		return w.listKnown(col, "")
	case condition.OpHasNot:
		return col + " IS NULL"
	}
	if isSize(l.Op) {
		return and(w.cardinality(col)+sizes[l.Op]+w.number(&l, 0), w.listKnown(col, ""))
	}
	text := ""
	if w.postgres() {
		text = w.arrays(&l, col, s)
	} else {
		text = w.json(&l, col, s)
	}
	return and(text, w.listKnown(col, w.elements(&l, s)))
}

// elements writes how many texts a list of the object may have, "" for any number. They share a
// limit with those of the caller's, and with the bytes of a text that is looked for.
func (w *writer) elements(l *condition.Leaf, s scope) string {
	g := l.Guard()
	switch {
	case g.Elements == 0:
		return ""
	case w.slot != nil && w.slot.list:
		return w.subquery(strconv.Itoa(g.Elements) + " / greatest(sum(" + weight("octet_length(v)") + "), 1) FROM unnest(" + w.rows.Argument(w.slot.n) + "::text[]) AS v")
	case w.slot != nil:
		return w.subquery(strconv.Itoa(g.Elements) + " / " + weight("octet_length("+w.rows.Argument(w.slot.n)+")"))
	case g.PerUnit:
		return "(" + strconv.Itoa(g.Elements) + " / " + weight(w.bytesOf(l.A.Attr, s)) + ")"
	}
	return strconv.Itoa(g.Elements)
}

// weight writes how often a text of so many bytes counts that is looked for in a list.
func weight(bytes string) string {
	return "(1 + (" + bytes + " - 1) / " + strconv.Itoa(condition.TextUnit) + ")"
}

// bytesOf writes how long a column's text is. NULL, where that is a value, is as short as any.
func (w *writer) bytesOf(a *condition.Attribute, s scope) string {
	col := s.of(a)
	switch {
	case a.Null != condition.NullValue:
		return "octet_length(" + col + ")"
	case w.postgres():
		return "greatest(octet_length(" + col + "), 1)"
	}
	return "octet_length(ifnull(" + col + ", ''))"
}

// listKnown writes that a list is there, is one, and has at most so many texts, "" for any number.
func (w *writer) listKnown(col, most string) string {
	if w.postgres() {
		parts := []string{col + " IS NOT NULL", "array_position(" + col + ", NULL) IS NULL"}
		if most != "" {
			parts = append(parts, "cardinality("+col+") <= "+most)
		}
		return and(parts...)
	}
	parts := []string{"typeof(" + col + ") = 'text'", "json_valid(" + col + ")", "NOT EXISTS (SELECT 1 FROM " + each(col) + " WHERE type <> 'text')",
		"substr(ltrim(" + col + ", char(32, 9, 10, 13)), 1, 1) = '['"}
	if most != "" {
		parts = append(parts, "(SELECT count(*) FROM "+each(col)+") <= "+most)
	}
	return and(parts...)
}

// each returns the texts of a list of SQLite as rows: none where it is no JSON, which would be an
// error otherwise, in whatever order the database looks.
func each(col string) string {
	return "json_each(CASE WHEN typeof(" + col + ") = 'text' AND json_valid(" + col + ") THEN " + col + " ELSE '[]' END)"
}

// arrays writes a comparison with an array of Postgres.
func (w *writer) arrays(l *condition.Leaf, col string, s scope) string {
	switch l.Op {
	case condition.OpIn, condition.OpNotIn:
		negative := l.Op == condition.OpNotIn
		if l.A.Attr != nil {
			return w.columnIn(l, s, negative, func(text string) string {
				if negative {
					return text + " <> ALL(" + col + ")"
				}
				return text + " = ANY(" + col + ")"
			})
		}
		one := []condition.Value{l.A.Value}
		switch {
		case !holdable(l.A.Value) && negative:
			return always
		case !holdable(l.A.Value):
			return never
		case negative:
			return "(" + col + " @> " + w.array(one, condition.KindString) + ") = FALSE"
		}
		return col + " @> " + w.array(one, condition.KindString)
	case condition.OpContainsAny, condition.OpNotContainsAny:
		list, _ := w.texts(l.B.Texts)
		return is(col+" && "+w.array(list, condition.KindString), l.Op == condition.OpContainsAny)
	}
	operator, list, positive := " @> ", l.B.Texts, l.Op == condition.OpContainsAll
	if l.A.Attr == nil {
		operator, list = " <@ ", l.A.Texts
	}
	kept, all := w.texts(list)
	if !all && l.A.Attr != nil { // no list of the database has it
		return truth(!positive)
	}
	return is(col+operator+w.array(kept, condition.KindString), positive)
}

// is writes that what Postgres knows to be true or false is so.
func is(text string, positive bool) string {
	if positive {
		return text
	}
	return "(" + text + ") = FALSE"
}

// columnIn writes that a column of texts is in a list, or not in it.
func (w *writer) columnIn(l *condition.Leaf, s scope, negative bool, in func(text string) string) string {
	a := l.A.Attr
	col := s.of(a)
	text := w.exact(col)
	if w.postgres() {
		text = w.asText(col, a)
	}
	domain := w.domain(a, col, false, false, true)
	if g := l.Guard(); g.PerUnit {
		domain = append(domain, "octet_length("+col+") <= "+strconv.Itoa(g.Elements*condition.TextUnit))
	}
	if !negative {
		return and(append([]string{in(text)}, domain...)...)
	}
	out := and(append([]string{in(text), col + " IS NOT NULL"}, domain...)...)
	return w.orNull(a, col, out)
}

// json writes a comparison with a list of SQLite.
func (w *writer) json(l *condition.Leaf, col string, s scope) string {
	texts := func(list []string) string {
		values, _ := w.texts(list)
		return w.among(values, condition.KindString, false)
	}
	exists := func(positive bool, where func() string) string {
		text := "EXISTS (SELECT 1 FROM " + each(col) + " WHERE " + where() + ")"
		if !positive {
			return "NOT " + text
		}
		return text
	}
	switch l.Op {
	case condition.OpIn, condition.OpNotIn:
		positive := l.Op == condition.OpIn
		if l.A.Attr != nil {
			return w.columnIn(l, s, !positive, func(text string) string {
				return exists(positive, func() string { return "value = " + text })
			})
		}
		return exists(positive, func() string { return "value = " + w.value(l.A.Value, condition.KindString) })
	case condition.OpContainsAny, condition.OpNotContainsAny:
		return exists(l.Op == condition.OpContainsAny, func() string { return "value " + texts(l.B.Texts) })
	}
	positive := l.Op == condition.OpContainsAll
	if l.A.Attr == nil {
		return exists(!positive, func() string { return "value NOT " + texts(l.A.Texts) })
	}
	values, _ := w.texts(l.B.Texts)
	operator := " < "
	if positive {
		operator = " = "
	}
	return "(SELECT count(DISTINCT value) FROM " + each(col) + " WHERE value " + w.among(values, condition.KindString, false) + ")" + operator + strconv.Itoa(len(values))
}
