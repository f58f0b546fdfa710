package sqltext

import "github.com/reevehq/reeve/authz/policy/condition"

// sizes are the operators that compare how many texts a list has.
var sizes = map[condition.Op]string{
	condition.OpSizeAbove: " > ", condition.OpSizeNotAbove: " <= ", condition.OpSizeIs: " = ", condition.OpSizeIsNot: " <> ",
}

func isSize(o condition.Op) bool { return sizes[o] != "" }

// number writes the number that a size is compared with, and so many more.
func (w *writer) number(l *condition.Leaf, more int64) string {
	return w.arg(l.B.Value.Int()+more, types[condition.KindInt])
}

// cardinality writes how many texts a column has that is a list.
func (w *writer) cardinality(col string) string {
	if w.postgres() {
		return "cardinality(" + col + ")"
	}
	return "(SELECT count(*) FROM " + each(col) + ")"
}

// size writes a comparison of how many rows the list has. No more of them are counted than the
// comparison has to know of. A row without a text is none of the list.
func (m *members) size(l *condition.Leaf, conjunct bool) string {
	isText := func() string { return column(m.alias, m.list.Relation.Value) + " IS NOT NULL" }
	if l.B.Value.Int() == 0 {
		return m.found(isText, l.Op == condition.OpSizeAbove || l.Op == condition.OpSizeIsNot, conjunct)
	}
	rows := "SELECT 1 " + m.from() + and(m.key()+" = "+m.own, m.counted(m.alias), isText()) + " LIMIT " + m.w.number(l, 1)
	return "(SELECT count(*) FROM (" + rows + ") AS " + quoted(m.alias+"n") + ")" + sizes[l.Op] + m.w.number(l, 0)
}
