package condition

// Reduce returns where a condition is want, in the sense of [Eval], as far as the attributes
// are known: comparisons whose attributes are all known are decided, those with one that is
// missing are unknown and therefore gone, and those with one that comes [Later], or by
// [Context], are the literals of the Form. So Reduce(e, true, at) is where an allow rule matches,
// and Reduce(e, false, at) where a deny rule does not.
//
// Holds of the Form is true exactly where Eval is want. The Form has at most as many literals as
// the condition has comparisons, and twice as many at most where NULL is a value: then "it is
// known" is two of them.
func Reduce(e Expr, want bool, at Lookup) Form {
	if e.c == nil {
		if want {
			return Always()
		}
		return Form{}
	}
	return e.c.reduce(e.i, want, at)
}

// reduce returns where a part is want. Negation goes down to the comparisons, and turns && and
// || round on the way.
func (c *compiled) reduce(i uint16, want bool, at Lookup) Form {
	n := &c.nodes[i]
	switch n.op {
	case OpNot:
		return c.reduce(n.first, !want, at)
	case OpAnd, OpOr:
		var room [8]Form
		parts := room[:0]
		for i := n.first; i != none; i = c.nodes[i].next {
			parts = append(parts, c.reduce(i, want, at))
		}
		if (n.op == OpAnd) == want {
			return All(parts...)
		}
		return Any(parts...)
	}
	return c.leaves[n.first].reduce(want, at)
}

// reduce returns where a comparison is want.
func (l *Leaf) reduce(want bool, at Lookup) Form {
	a, b := l.A.look(at), look{}
	if !l.Op.isUnary() {
		b = l.B.look(at)
	}
	if !a.open() && !b.open() {
		truth := l.eval(at)
		return fixed(want && truth == True || !want && truth == False)
	}
	rest := *l
	if !want {
		rest.Op = rest.Op.Complement()
	}
	for _, side := range [...]struct {
		term *Term
		is   look
	}{{&rest.A, a}, {&rest.B, b}} {
		switch {
		case side.is.open() || side.term.Attr == nil:
		case side.is.value.kind == side.term.Attr.Kind:
			*side.term = Term{Value: side.is.value, Texts: side.is.list}
		case side.is.value.kind == kindNull && side.term.Attr.Null == NullValue:
			*side.term = Term{Value: side.is.value}
		default:
			return Form{} // missing: the comparison is unknown
		}
	}
	return rest.normal()
}

// look is the answer of a Lookup for a term.
type look struct {
	value Value
	list  []string
}

func (t *Term) look(at Lookup) look {
	if t.Attr == nil {
		return look{}
	}
	v, list := at(t.Attr)
	return look{v, list}
}

// open reports whether the value comes later.
func (l look) open() bool { return l.value.isOpen() }

// fixed returns Always or Never.
func fixed(holds bool) Form {
	if holds {
		return Always()
	}
	return Form{}
}
