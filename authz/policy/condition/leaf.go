package condition

import (
	"net/netip"
	"slices"
)

// Leaf is one comparison, and the literal of a [Form].
type Leaf struct {
	Op   Op
	A, B Term    // B of those that have two sides
	List []Value // of OpOneOf and OpNoneOf; nobody may change it

	net  netip.Prefix // what B of OpIPMatch says
	most int          // texts that a list may have, or the product of two lists
}

// Term is one side of a comparison.
type Term struct {
	Attr  *Attribute // nil for a constant; nobody may change it
	Value Value      // of a constant
	Texts []string   // of a constant of kind strings; nobody may change it
}

// Lookup returns an attribute's value, the zero Value when it is missing, [NullOf], [Later] and
// [Context]. An attribute of kind strings has the Value [Strings] and a list. A Value of another
// kind than the attribute's counts as missing. A comparison that is unknown has asked for both of
// its attributes.
type Lookup func(*Attribute) (Value, []string)

// Later is the answer of a [Lookup] for an attribute that has a value per object, such as a
// column: [Form.Holds] is asked about each.
func Later() Value { return Value{kind: kindLater} }

// Context is the answer of a [Lookup] for an attribute of the caller or the environment that is
// known where the Form is asked, such as in a setting of a database's session. It stays in
// the literals as [Later] does.
func Context() Value { return Value{kind: kindContext} }

// isOpen reports whether the value comes later.
func (v Value) isOpen() bool { return v.kind == kindLater || v.kind == kindContext }

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

// isText reports whether the term is a text.
func (t *Term) isText() bool {
	if t.Attr != nil {
		return t.Attr.Kind.isText()
	}
	return t.Value.kind.isText()
}

func (t *Term) same(u *Term) bool {
	if t.Attr != nil && u.Attr != nil {
		return t.Attr.same(u.Attr)
	}
	return t.Attr == u.Attr && t.Value == u.Value && slices.Equal(t.Texts, u.Texts)
}

func (a *Attribute) same(b *Attribute) bool {
	return a == b || a.Type == b.Type && a.Name == b.Name && a.Part() == b.Part() && (a.Via == nil) == (b.Via == nil) && (a.Via == nil || a.Via.same(b.Via))
}

func (l *Leaf) same(m *Leaf) bool {
	return l.Op == m.Op && l.most == m.most && l.net == m.net && l.A.same(&m.A) && l.B.same(&m.B) &&
		slices.Equal(l.List, m.List)
}
