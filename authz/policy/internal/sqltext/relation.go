package sqltext

import (
	"strconv"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// parentOf returns the parent that a literal asks of, nil for none.
func parentOf(l *condition.Leaf) *condition.Attribute {
	for _, a := range []*condition.Attribute{l.A.Attr, l.B.Attr} {
		if a != nil && a.Via != nil {
			return a.Via
		}
	}
	return nil
}

// asksOwn reports whether a literal asks of the object itself too.
func asksOwn(l *condition.Leaf) bool {
	for _, a := range []*condition.Attribute{l.A.Attr, l.B.Attr} {
		if a != nil && a.Via == nil {
			return true
		}
	}
	return false
}

// below writes a literal that asks of a parent, which is a row of its own table and of the same
// tenant. Under an OR it is a list of parents that is made once, and EXISTS would be looked up row
// by row.
func (w *writer) below(l condition.Leaf, via *condition.Attribute, s scope, conjunct bool) string {
	within := scope{own: s.own, parent: w.alias()}
	key, fk := w.exact(column(within.parent, via.Relation.Key)), s.of(via)
	if conjunct || asksOwn(&l) {
		return w.exists(via.Relation.Table, within.parent, func() string {
			return and(key+" = "+fk, w.inTenant(within.parent, w.tenantOf(via)), w.literal(l, within, true))
		})
	}
	return w.isAmong(fk, key, via.Relation.Table, within.parent, func() string {
		return and(w.inTenant(within.parent, w.tenantOf(via)), w.literal(l, within, true))
	})
}

func (w *writer) tenantOf(parent *condition.Attribute) string {
	if name := w.Parent(parent.Relation.Target); name != "" {
		return name
	}
	return w.Column
}

func (w *writer) exists(table, alias string, where func() string) string {
	return "EXISTS (SELECT 1 FROM " + quoted(table) + " AS " + quoted(alias) + " WHERE " + where() + ")"
}

// isAmong writes that a column is among the keys of some rows.
func (w *writer) isAmong(col, key, table, alias string, where func() string) string {
	rows := "SELECT " + key + " FROM " + quoted(table) + " AS " + quoted(alias) + " WHERE "
	if w.postgres() {
		return col + " = ANY(ARRAY(" + rows + where() + "))"
	}
	return col + " IN (" + rows + where() + ")"
}

// parent writes that an object has a parent, or none.
func (w *writer) parent(o condition.Op, a *condition.Attribute, s scope) string {
	alias := w.alias()
	text := w.exists(a.Relation.Table, alias, func() string {
		return and(w.exact(column(alias, a.Relation.Key))+" = "+s.of(a), w.inTenant(alias, w.tenantOf(a)))
	})
	if o == condition.OpHasNot {
		return "NOT " + text
	}
	return text
}

// members writes a comparison with a list whose texts are rows of another table, of the same
// tenant. The list is there when it has no row. More rows than a condition looks into are not
// known: they are counted per list that is found, and not per object, where the comparison finds
// lists.
func (w *writer) members(l condition.Leaf, list *condition.Attribute, s scope, conjunct bool) string {
	m := members{w: w, list: list, alias: w.alias(), most: w.elements(&l, s)}
	m.limit = strconv.Itoa(l.Guard().Elements) // a LIMIT of SQLite names no column
	if w.slot != nil && !w.slot.list && l.Op == condition.OpIn {
		m.most = "(" + m.limit + " / " + weight("octet_length("+m.value()+")") + ")" // of the row that is found, which has the text
	}
	m.own = column(s.alias(list), list.Column)
	texts := func(list []string, negative bool) func() string {
		return func() string {
			values, _ := w.texts(list)
			if len(values) == 0 {
				return truth(negative)
			}
			return m.value() + " " + w.among(values, condition.KindString, negative)
		}
	}
	switch l.Op {
	case condition.OpHas:
		return always
	case condition.OpHasNot:
		return never
	case condition.OpIn, condition.OpNotIn:
		if l.A.Attr != nil {
			return m.columnIn(l, s)
		}
		return m.found(texts([]string{l.A.Value.Text()}, false), l.Op == condition.OpIn, conjunct)
	case condition.OpContainsAny, condition.OpNotContainsAny:
		return m.found(texts(l.B.Texts, false), l.Op == condition.OpContainsAny, conjunct)
	}
	if isSize(l.Op) {
		return m.size(&l, conjunct)
	}
	positive := l.Op == condition.OpContainsAll
	if l.A.Attr == nil {
		return m.found(texts(l.A.Texts, true), !positive, conjunct)
	}
	values, all := w.texts(l.B.Texts)
	switch {
	case !all:
		return and(truth(!positive), m.few(m.own))
	case len(values) == 0:
		return and(truth(positive), m.few(m.own))
	}
	operator := " < "
	if positive {
		operator = " = "
	}
	count := "(SELECT count(DISTINCT " + m.value() + ") " + m.from() + and(m.key()+" = "+m.own, m.counted(m.alias), texts(l.B.Texts, false)()) + ")"
	return and(count+operator+w.distinct(values), m.few(m.own))
}

// distinct writes how many texts a list of constants has, each counted once.
func (w *writer) distinct(values []condition.Value) string {
	if w.slot != nil {
		return w.subquery("count(DISTINCT v) FROM unnest(" + w.rows.Argument(w.slot.n) + "::text[]) AS v")
	}
	return strconv.Itoa(len(values))
}

// members are the rows of one list.
type members struct {
	w     *writer
	list  *condition.Attribute
	alias string
	own   string // the column of the object that the rows hold
	most  string // rows that may count, "" for any number
	limit string // rows that are counted, and one more
}

func (m *members) key() string { return m.w.exact(column(m.alias, m.list.Relation.Key)) }

func (m *members) value() string { return m.w.exact(column(m.alias, m.list.Relation.Value)) }

func (m *members) from() string {
	return "FROM " + quoted(m.list.Relation.Table) + " AS " + quoted(m.alias) + " WHERE "
}

// counted writes that a row is of the tenant, and counts.
func (m *members) counted(alias string) string {
	in := m.w.inTenant(alias, m.w.Column)
	if m.list.Relation.Only == "" {
		return in
	}
	return and(in, m.w.exact(column(alias, m.list.Relation.Only))+" = "+m.w.arg(m.list.Relation.Is, "text"))
}

// found writes that a row of the list fulfils where, or that none does.
func (m *members) found(where func() string, positive, conjunct bool) string {
	w, table := m.w, m.list.Relation.Table
	switch {
	case !positive:
		none := "NOT " + w.exists(table, m.alias, func() string {
			return and(m.key()+" = "+m.own, m.counted(m.alias), where())
		})
		return and(none, m.few(m.own))
	case conjunct:
		return w.exists(table, m.alias, func() string {
			return and(m.key()+" = "+m.own, m.counted(m.alias), where(), m.few(m.key()))
		})
	}
	return w.isAmong(m.own, m.key(), table, m.alias, func() string {
		return and(m.counted(m.alias), where(), m.few(m.key()))
	})
}

// few writes that the list whose key is given has no more rows than a condition looks into.
func (m *members) few(key string) string {
	if m.most == "" {
		return always
	}
	n := m.w.alias()
	return "(SELECT count(*) FROM (SELECT 1 FROM " + quoted(m.list.Relation.Table) + " AS " + quoted(n) + " WHERE " +
		and(m.w.exact(column(n, m.list.Relation.Key))+" = "+key, m.counted(n)) + " LIMIT 1 + " + m.limit + ") AS " + quoted(n+"n") + ") <= " + m.most
}

// columnIn writes that a column of texts is in the list, or not in it.
func (m *members) columnIn(l condition.Leaf, s scope) string {
	negative := l.Op == condition.OpNotIn
	text := m.w.columnIn(&l, s, negative, func(text string) string {
		found := m.w.exists(m.list.Relation.Table, m.alias, func() string {
			return and(m.key()+" = "+m.own, m.counted(m.alias), m.value()+" = "+text)
		})
		if negative {
			return "NOT " + found
		}
		return found
	})
	return and(text, m.few(m.own))
}
