package sqltext

import (
	"strings"
	"unicode/utf8"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// literal writes a comparison that has to be known and true.
func (w *writer) literal(l condition.Leaf, s scope, conjunct bool) string {
	if via := parentOf(&l); via != nil && s.parent == "" {
		return w.below(l, via, s, conjunct)
	}
	if a := l.A.Attr; a != nil && a.Kind == condition.KindParent {
		return w.parent(l.Op, a, s)
	}
	for _, list := range []*condition.Attribute{l.A.Attr, l.B.Attr} {
		switch {
		case list == nil || list.Kind != condition.KindStrings:
		case list.Relation.Many():
			return w.members(l, list, s, conjunct)
		default:
			return w.list(l, list, s)
		}
	}
	switch l.Op {
	case condition.OpHas:
		return w.known(l.A.Attr, s)
	case condition.OpHasNot, condition.OpIsNull:
		return s.of(l.A.Attr) + " IS NULL"
	case condition.OpIsNotNull:
		return w.known(l.A.Attr, s)
	case condition.OpIs:
		return w.isBool(s.of(l.A.Attr), true)
	case condition.OpNotIs:
		return w.isBool(s.of(l.A.Attr), false)
	case condition.OpOneOf, condition.OpNoneOf:
		return w.oneOf(&l, s, l.List)
	case condition.OpIn, condition.OpNotIn:
		var list []condition.Value
		for _, text := range l.B.Texts {
			list = append(list, condition.String(text))
		}
		return w.oneOf(&l, s, list)
	case condition.OpStartsWith, condition.OpNotStartsWith, condition.OpEndsWith, condition.OpNotEndsWith, condition.OpContains, condition.OpNotContains:
		return w.inText(&l, s)
	}
	if l.B.Attr != nil {
		return w.columns(&l, s)
	}
	return w.constant(&l, s)
}

// isBool writes that a column is true, or false. In SQLite another number is neither.
func (w *writer) isBool(col string, is bool) string {
	switch {
	case w.postgres() && is:
		return col + " = TRUE"
	case w.postgres():
		return col + " = FALSE"
	case is:
		return col + " = 1"
	}
	return col + " = 0"
}

var symbols = map[condition.Op]string{
	condition.OpEqual: "=", condition.OpNotEqual: "<>", condition.OpLess: "<", condition.OpLessEqual: "<=",
	condition.OpGreater: ">", condition.OpGreaterEqual: ">=",
}

func isOrder(o condition.Op) bool { return o >= condition.OpLess && o <= condition.OpGreaterEqual }

// ordered returns a text in the order of its bytes, as conditions compare. Postgres is told so for
// an order alone: an equality would lose its index.
func (w *writer) ordered(col string, a *condition.Attribute, o condition.Op) string {
	switch {
	case a.Kind != condition.KindString && a.Kind != condition.KindUUID:
		return col
	case !w.postgres():
		return w.exact(col)
	case isOrder(o):
		return w.bytes(col)
	}
	return col
}

// bytes returns a text of Postgres that is compared by its bytes.
func (w *writer) bytes(text string) string { return text + ` COLLATE "C"` }

// constant writes the comparison of a column with a constant of its kind.
func (w *writer) constant(l *condition.Leaf, s scope) string {
	a, c := l.A.Attr, l.B.Value
	col := s.of(a)
	if a.Kind == condition.KindBool {
		return w.constantBool(l, col)
	}
	if w.slot != nil && a.Kind == condition.KindUUID { // beside a text that may be no uuid
		return w.orNullUnless(l, a, col, w.asText(col, a)+" "+symbols[l.Op]+" "+w.value(c, condition.KindString))
	}
	if w.postgres() && !holdable(c) {
		switch l.Op {
		case condition.OpEqual:
			return never
		case condition.OpNotEqual:
			return w.orNull(a, col, w.known(a, s))
		}
		return w.fail(ErrText)
	}
	text := w.ordered(col, a, l.Op) + " " + symbols[l.Op] + " " + w.value(c, a.Kind)
	g := l.Guard()
	parts := append([]string{text}, w.domain(a, col, g.Low, g.High, l.Op == condition.OpNotEqual)...)
	return w.orNullUnless(l, a, col, and(append(parts, w.shorter(l, s))...))
}

// orNullUnless is orNull for !=, and leaves others as they are.
func (w *writer) orNullUnless(l *condition.Leaf, a *condition.Attribute, col, text string) string {
	if l.Op != condition.OpNotEqual {
		return text
	}
	return w.orNull(a, col, text)
}

func (w *writer) constantBool(l *condition.Leaf, col string) string {
	if w.slot != nil {
		return w.orNullUnless(l, l.A.Attr, col, col+" "+symbols[l.Op]+" "+w.value(l.B.Value, condition.KindBool))
	}
	is := l.B.Value.Bool()
	switch l.Op {
	case condition.OpEqual:
		return w.isBool(col, is)
	case condition.OpNotEqual:
		return w.orNull(l.A.Attr, col, w.isBool(col, !is))
	}
	return and(col+" "+symbols[l.Op]+" "+w.value(l.B.Value, condition.KindBool), and(w.domain(l.A.Attr, col, false, false, true)...))
}

// orNull adds the rows in which the attribute is NULL, where that is a value.
func (w *writer) orNull(a *condition.Attribute, col, text string) string {
	if a.Null != condition.NullValue {
		return text
	}
	return or(text, col+" IS NULL")
}

// oneOf writes that a column is, or is not, one of a list.
func (w *writer) oneOf(l *condition.Leaf, s scope, list []condition.Value) string {
	a := l.A.Attr
	col, negative := s.of(a), l.Op == condition.OpNoneOf || l.Op == condition.OpNotIn
	if a.Kind == condition.KindBool {
		return w.oneOfBools(a, col, list, negative)
	}
	var kept []condition.Value
	for _, v := range list {
		if !w.postgres() || holdable(v) {
			kept = append(kept, v)
		}
	}
	switch {
	case len(kept) == 0 && negative:
		return w.orNull(a, col, w.known(a, s))
	case len(kept) == 0:
		return never
	}
	text := w.ordered(col, a, condition.OpEqual) + " " + w.among(kept, a.Kind, negative)
	if w.slot != nil && w.slot.leaf != nil && a.Kind == condition.KindUUID { // texts that may be no uuids
		text = w.asText(col, a) + " " + w.among(kept, condition.KindString, negative)
	}
	if !negative {
		return and(append([]string{text}, w.domain(a, col, false, false, false)...)...)
	}
	text = and(append([]string{text, col + " IS NOT NULL"}, w.domain(a, col, true, true, true)...)...)
	return w.orNull(a, col, text)
}

func (w *writer) oneOfBools(a *condition.Attribute, col string, list []condition.Value, negative bool) string {
	var there [2]bool
	for _, v := range list {
		if v.Bool() {
			there[1] = true
		} else {
			there[0] = true
		}
	}
	var parts []string
	for i, is := range there {
		if is != negative {
			parts = append(parts, w.isBool(col, i == 1))
		}
	}
	if negative && a.Null == condition.NullValue {
		parts = append(parts, col+" IS NULL")
	}
	return or(parts...)
}

// among writes that what stands before is, or is not, among constants.
func (w *writer) among(list []condition.Value, k condition.Kind, negative bool) string {
	if w.slot != nil && !w.slot.list {
		if negative {
			return "<> " + w.value(condition.Value{}, k)
		}
		return "= " + w.value(condition.Value{}, k)
	}
	if w.postgres() {
		if negative {
			return "<> ALL(" + w.array(list, k) + ")"
		}
		return "= ANY(" + w.array(list, k) + ")"
	}
	var b strings.Builder
	if negative {
		b.WriteString("NOT ")
	}
	b.WriteString("IN (")
	for i, v := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(w.value(v, k))
	}
	return b.String() + ")"
}

// columns writes the comparison of two columns.
func (w *writer) columns(l *condition.Leaf, s scope) string {
	a, b := l.A.Attr, l.B.Attr
	ca, cb := s.of(a), s.of(b)
	ta, tb := w.ordered(ca, a, l.Op), w.ordered(cb, b, l.Op)
	if w.postgres() && a.Kind != b.Kind && !a.Kind.IsNumber() { // a uuid beside a text
		ta, tb = w.asText(ca, a), w.asText(cb, b)
	}
	g := l.Guard()
	parts := []string{ta + " " + symbols[l.Op] + " " + tb}
	parts = append(parts, w.domain(a, ca, g.Low, g.High, true)...)
	parts = append(parts, w.domain(b, cb, g.Both, g.Both, true)...)
	parts = append(parts, w.shorter(l, s))
	text := and(parts...)
	nullA, nullB := a.Null == condition.NullValue, b.Null == condition.NullValue
	switch l.Op {
	case condition.OpEqual:
		if nullA && nullB {
			text = or(text, and(ca+" IS NULL", cb+" IS NULL"))
		}
	case condition.OpNotEqual:
		if nullA {
			text = or(text, and(ca+" IS NULL", w.known(b, s)))
		}
		if nullB {
			text = or(text, and(cb+" IS NULL", w.known(a, s)))
		}
	}
	return text
}

func (w *writer) asText(col string, a *condition.Attribute) string {
	if a.Kind == condition.KindUUID {
		return col + "::text"
	}
	return col
}

// known writes that an attribute has a value that compares.
func (w *writer) known(a *condition.Attribute, s scope) string {
	col := s.of(a)
	return and(append([]string{col + " IS NOT NULL"}, w.domain(a, col, true, true, true)...)...)
}

// holdable reports whether Postgres can hold a text.
func holdable(v condition.Value) bool {
	return utf8.ValidString(v.Text()) && strings.IndexByte(v.Text(), 0) < 0
}
