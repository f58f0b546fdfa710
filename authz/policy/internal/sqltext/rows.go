package sqltext

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// Rows writes the conditions of row-level security of Postgres, which are the same for every
// caller: each value of the caller is a slot, by number, whose value the context of a statement
// has. A slot that is NULL makes its comparison not hold.
type Rows struct {
	Alias    string              // of the table of the objects, which is its name in a policy
	Column   string              // of the tenant, in the tables of members
	Parent   func(string) string // the column of the tenant in the table of a parent, by its type
	Tenant   string              // the expression that is the tenant of the statement
	Argument func(n int) string  // the expression that is the value of a slot, as text

	slots []Slot
}

// Cover says which objects a branch is about.
type Cover uint8

// The subjects of branches.
const (
	CoverAll Cover = iota
	CoverIDs
	CoverPrefixes
)

// Branch stands for rules of one effect whose conditions ask the same of the object. One that
// allows selects the objects of which Rest holds; one that denies leaves these.
type Branch struct {
	Allow bool
	Cover Cover
	ID    *condition.Attribute
	Rest  condition.Form // with attributes of the caller in it
}

// Write returns the text of some branches: the rows that one of them allows and none denies.
func (r *Rows) Write(branches []Branch) (string, error) {
	if !isAlias(r.Alias) {
		return "", ErrAlias
	}
	w := &writer{Query: Query{Dialect: Postgres, Alias: r.Alias, Column: r.Column, Parent: r.Parent}, rows: r}
	order := make([]int, len(branches))
	ofAllow, asksAll := 0, false
	for i, b := range branches {
		order[i] = i
		if b.Allow {
			ofAllow++
			asksAll = asksAll || b.rank() >= asksSlot
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return branches[i].rank() - branches[j].rank() })
	var allows, denies []string
	for _, i := range order {
		b := branches[i]
		w.branch = i
		if b.Allow {
			allows = append(allows, w.branchText(b, ofAllow == 1 && !asksAll))
		} else {
			denies = append(denies, w.branchText(b, false))
		}
	}
	// Something is asked whatever the rows are, so that a context that is not for these policies is an
	// error and not a list of nothing: a slot of each row that no other branch allows, which is last,
	// that of the only branch, or the revision. It stands beside AND by itself, where the planner asks
	// it once: of what some branches have in common it makes one condition.
	all := []string{}
	if ofAllow > 1 && !asksAll {
		all = append(all, w.subquery(r.Argument(0)+" IS NOT NULL"))
	}
	return and(append(append(all, or(allows...)), denies...)...), w.err
}

// branchText writes a branch. With first it asks a slot of its own before the row.
func (w *writer) branchText(b Branch, first bool) string {
	switch {
	case b.Cover == CoverAll && b.Allow && asksCaller(b.Rest):
		if first {
			return and(w.flag(Slot{Kind: SlotOn}), w.rowForm(b.Rest, true))
		}
		return w.rowForm(b.Rest, true)
	case b.Cover == CoverAll && b.Allow:
		if first {
			return and(w.flag(Slot{Kind: SlotOn}), w.rowForm(b.Rest, true))
		}
		rest := w.rowForm(b.Rest, true)
		return and(rest, w.flag(Slot{Kind: SlotOn}))
	case b.Cover == CoverAll:
		rest := w.rowForm(b.Rest, false)
		return or(rest, w.flag(Slot{Kind: SlotOn}))
	}
	covered := ""
	if b.Cover == CoverIDs {
		w.slot = w.take(Slot{Kind: SlotIDs})
		l := condition.Leaf{Op: condition.OpOneOf, A: condition.Term{Attr: b.ID}, List: []condition.Value{condition.String("")}}
		if !b.Allow {
			l.Op = condition.OpNoneOf
		}
		w.slot.list = true
		covered = w.oneOf(&l, scope{own: w.Alias}, l.List)
		w.slot = nil
	} else {
		n := w.take(Slot{Kind: SlotPrefixes})
		n.list = true
		covered = is(column(w.Alias, b.ID.Column)+" ^@ ANY("+w.slotText(n, "text")+")", b.Allow)
	}
	if b.Allow {
		return and(covered, w.rowForm(b.Rest, true))
	}
	return or(covered, w.rowForm(b.Rest, false))
}

// asksCaller reports whether a form holds of no object where its slots are NULL, so that a branch
// needs no slot of its own to be off: each slot costs as much as all rows of a page.
func asksCaller(f condition.Form) bool {
	switch f.Kind() {
	case condition.FormLiteral:
		caller, _ := Sides(f.Literal())
		return caller != nil
	case condition.FormAll, condition.FormAny:
		all := true
		for p := range f.Parts() {
			asks := asksCaller(p)
			if asks && f.Kind() == condition.FormAll {
				return true
			}
			all = all && asks
		}
		return all && f.Kind() == condition.FormAny
	}
	return false
}

// begins reports whether a form can be written so that rows are asked before any slot is. Postgres
// asks the operands of AND and OR from left to right, and a slot when it comes to one: each is a
// context that is verified once more, which takes longer than to look at a row.
func begins(f condition.Form) bool {
	switch f.Kind() {
	case condition.FormLiteral:
		caller, _ := Sides(f.Literal())
		return caller == nil
	case condition.FormAll, condition.FormAny:
		for p := range f.Parts() {
			if begins(p) {
				return true
			}
		}
	}
	return false
}

// The ranks of branches: when each is asked among others.
const (
	asksRow  = iota // a row, and then a slot of its own, which can be asked first
	asksBoth        // a row, and then a value of the caller
	asksSlot        // a value of the caller, of every row
	asksOn          // a slot of its own, of every row: most callers have no rule about all rows
)

// rank is when a branch is asked among others: a slot that a row need not be asked for is not
// verified.
func (b *Branch) rank() int {
	switch {
	case b.Rest.Kind() == condition.FormAlways && b.Cover == CoverAll:
		return asksOn
	case b.Cover != CoverAll || !begins(b.Rest):
		return asksSlot
	case !asksCaller(b.Rest):
		return asksRow
	}
	return asksBoth
}

// subquery writes an expression over the value of a slot, which is asked for once per statement.
func (w *writer) subquery(expression string) string { return "(SELECT " + expression + ")" }

// rowForm is form for what may ask for attributes of the caller. A form that asks for these alone
// is one slot.
func (w *writer) rowForm(f condition.Form, conjunct bool) string {
	switch f.Kind() {
	case condition.FormAlways:
		return always
	case condition.FormLiteral:
		l := f.Literal()
		switch caller, row := Sides(l); {
		case caller == nil:
			return w.literal(l, scope{own: w.Alias}, conjunct)
		case !row:
			return w.flag(Slot{Kind: SlotHolds, Holds: f})
		default:
			return w.mixed(l, caller, conjunct)
		}
	case condition.FormAll, condition.FormAny:
		isAll := f.Kind() == condition.FormAll
		var own []condition.Form
		var parts []string
		for p := range f.Parts() {
			if OfCaller(p) {
				own = append(own, p)
			}
		}
		others := slices.DeleteFunc(slices.Collect(f.Parts()), OfCaller)
		slices.SortStableFunc(others, func(f, g condition.Form) int {
			switch begin, begin2 := begins(f), begins(g); {
			case begin == begin2:
				return 0
			case begin:
				return -1
			}
			return 1
		})
		for _, p := range others {
			parts = append(parts, w.rowForm(p, conjunct && isAll))
		}
		if len(own) > 0 {
			joined := condition.Any(own...)
			if isAll {
				joined = condition.All(own...)
			}
			parts = append(parts, w.flag(Slot{Kind: SlotHolds, Holds: joined}))
		}
		if isAll {
			return and(parts...)
		}
		return or(parts...)
	}
	return never
}

// mixed writes a comparison of an attribute of the object with one of the caller.
func (w *writer) mixed(l condition.Leaf, caller *condition.Attribute, conjunct bool) string {
	s := w.take(Slot{Kind: SlotValue, Value: l})
	s.list, s.leaf = caller.Kind == condition.KindStrings, &l
	constant := condition.Term{Value: condition.String("")}
	if s.list {
		constant = condition.Term{Value: condition.Strings(), Texts: []string{""}}
	}
	w.slot = s
	text := w.literal(With(l, constant), scope{own: w.Alias}, conjunct && caller.Null != condition.NullValue)
	w.slot = nil
	if w.holdsOfNull(l) {
		text = and(w.subquery(w.rows.Argument(s.n)+" IS NOT NULL"), text)
	}
	if caller.Null != condition.NullValue {
		return text
	}
	isNull := condition.Literal(condition.Leaf{Op: condition.OpIsNull, A: condition.Term{Attr: caller}})
	beside := w.form(condition.Literal(With(l, condition.Term{Value: condition.NullOf()})), false)
	if beside == never {
		return text
	}
	return or(text, and(w.flag(Slot{Kind: SlotHolds, Holds: isNull}), beside))
}

// holdsOfNull reports whether the text of a comparison could be true beside NULL, which then says
// that the caller has no such value: it is not in any list, and an object has no NULL in common
// with it.
func (w *writer) holdsOfNull(l condition.Leaf) bool {
	negative := false
	switch l.Op {
	case condition.OpNotEqual, condition.OpNotIn, condition.OpNotContainsAny, condition.OpNotContainsAll, condition.OpNotStartsWith:
		negative = true
	}
	for _, a := range []*condition.Attribute{l.A.Attr, l.B.Attr} {
		if !isColumn(a) {
			continue
		}
		if a.Kind == condition.KindStrings && (negative || a.Relation.Many()) || negative && a.Null == condition.NullValue {
			return true
		}
	}
	return false
}

// Sides returns the attribute of the caller in a literal, nil for none, and whether the object has
// one in it too. Of two attributes of the caller it is either.
func Sides(l condition.Leaf) (caller *condition.Attribute, row bool) {
	for _, a := range []*condition.Attribute{l.A.Attr, l.B.Attr} {
		switch {
		case isColumn(a):
			row = true
		case a != nil:
			caller = a
		}
	}
	return caller, row
}

// OfCaller reports whether a form asks for attributes of the caller, and for none of the object.
func OfCaller(f condition.Form) bool {
	switch f.Kind() {
	case condition.FormLiteral:
		caller, row := Sides(f.Literal())
		return caller != nil && !row
	case condition.FormAll, condition.FormAny:
		for p := range f.Parts() {
			if !OfCaller(p) {
				return false
			}
		}
		return true
	}
	return false
}

// With returns a literal with a constant in the place of the caller's attribute.
func With(l condition.Leaf, constant condition.Term) condition.Leaf {
	if l.A.Attr != nil && !isColumn(l.A.Attr) {
		l.A = constant
	} else {
		l.B = constant
	}
	return l
}

// inline writes a constant of the policy into the text: a policy of a table has no arguments.
func inline(v any, typ string) string {
	text := ""
	switch v := v.(type) {
	case bool:
		return truth(v)
	case string:
		text = v
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		text = v.Format(timeLayout)
	}
	return literalText(text) + "::" + typ
}

// literalText quotes a text, whether or not standard_conforming_strings is on.
func literalText(text string) string {
	text = strings.ReplaceAll(text, "'", "''")
	if !strings.Contains(text, `\`) {
		return "'" + text + "'"
	}
	return "E'" + strings.ReplaceAll(text, `\`, `\\`) + "'"
}
