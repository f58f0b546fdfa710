package condition

import (
	"net/netip"
	"slices"
)

// Leaf is one comparison.
type Leaf struct {
	Op   Op
	A, B Term    // B of comparisons, OpIn and OpIPMatch, and of their complements
	List []Value // of OpOneOf and OpNoneOf; nobody may change it

	net  netip.Prefix // what B of OpIPMatch says
	most int          // texts that B of OpIn may have
}

// Term is one side of a comparison.
type Term struct {
	Attr  *Attribute // nil for a constant; nobody may change it
	Value Value      // of a constant
	Texts []string   // of a constant of kind strings; nobody may change it
}

// Lookup returns an attribute's value, the zero Value when it is missing, and [Later]. An
// attribute of kind strings has the Value [Strings] and a list. A Value of another kind than
// the attribute's counts as missing.
type Lookup func(*Attribute) (Value, []string)

// Later is what a [Lookup] returns of an attribute that has a value per object, such as a
// column: [Form.Holds] is asked about each.
func Later() Value { return Value{kind: later} }

const later Kind = 255

// get returns the value of a term, and false when it is not known.
func (t *Term) get(at Lookup) (Value, bool) {
	if t.Attr == nil {
		return t.Value, true
	}
	v, _ := at(t.Attr)
	return v, v.kind == t.Attr.Kind
}

// getList returns the value of a term that is a list, and false when it is not known.
func (t *Term) getList(at Lookup) ([]string, bool) {
	if t.Attr == nil {
		return t.Texts, true
	}
	v, list := at(t.Attr)
	return list, v.kind == t.Attr.Kind
}

// resolve puts the value of a known attribute in its place, and reports whether the attribute
// is missing.
func (t *Term) resolve(at Lookup) (missing bool) {
	if t.Attr == nil {
		return false
	}
	v, list := at(t.Attr)
	switch v.kind {
	case later:
		return false
	case t.Attr.Kind:
		*t = Term{Value: v, Texts: list}
		return false
	}
	return true
}

// hasB reports whether the leaf has a second term.
func (l *Leaf) hasB() bool {
	return l.Op != OpIs && l.Op != OpNotIs && l.Op != OpOneOf && l.Op != OpNoneOf
}

// isConstant reports whether no attribute is left in the leaf.
func (l *Leaf) isConstant() bool { return l.A.Attr == nil && l.B.Attr == nil }

func (t *Term) same(u *Term) bool {
	if t.Attr != nil && u.Attr != nil {
		return *t.Attr == *u.Attr
	}
	return t.Attr == u.Attr && t.Value == u.Value && slices.Equal(t.Texts, u.Texts)
}

func (l *Leaf) same(m *Leaf) bool {
	return l.Op == m.Op && l.most == m.most && l.net == m.net && l.A.same(&m.A) && l.B.same(&m.B) &&
		slices.Equal(l.List, m.List)
}
