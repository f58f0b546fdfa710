package condition

// without returns what the comparison is where A has no value that compares: a, which is NULL,
// or comes later, or is not there.
func (l *Leaf) without(a Value, at Lookup) Truth {
	isNull := a.kind == kindNull && l.A.Attr.Null == NullValue
	switch {
	case isNull && l.Op != OpHas && l.Op != OpHasNot:
		return l.ofNull(at)
	case l.Op != OpHas && l.Op != OpHasNot || a.isOpen() || a.kind == kindUnusable || a.kind.isKind():
		return l.unknown(at) // a value of another kind than the attribute's is there
	}
	return truthOf(l.Op == OpHasNot)
}

// ofNull returns what the comparison is where A is NULL and that is a value.
func (l *Leaf) ofNull(at Lookup) Truth {
	switch l.Op {
	case OpIsNull:
		return True
	case OpIsNotNull:
		return False
	case OpOneOf:
		return False
	case OpNoneOf:
		return True
	case OpIn, OpNotIn:
		if list, ok := l.B.getList(at); !ok || l.inStrings(list, "") == Unknown {
			return Unknown
		}
		return truthOf(l.Op == OpNotIn)
	case OpEqual, OpNotEqual:
		b, ok := l.B.get(at)
		null := !ok && b.kind == kindNull && l.B.Attr.Null == NullValue
		if !ok && !null {
			return Unknown
		}
		return truthOf(null == (l.Op == OpEqual))
	}
	return l.unknown(at) // NULL is not less than anything, and begins with nothing
}

// unknown returns Unknown where B does not matter. It asks for B nevertheless: whoever answers is to
// see that a value is of another type, on whichever side of the comparison it stands.
func (l *Leaf) unknown(at Lookup) Truth {
	if l.B.Attr != nil {
		at(l.B.Attr)
	}
	return Unknown
}

// besideNull returns what the comparison is where A has a value and B, which is b, has none that
// compares.
func (l *Leaf) besideNull(b Value) Truth {
	if b.kind != kindNull || l.B.Attr.Null != NullValue {
		return Unknown
	}
	switch l.Op {
	case OpEqual:
		return False
	case OpNotEqual:
		return True
	}
	return Unknown
}
