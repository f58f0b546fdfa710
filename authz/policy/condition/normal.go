package condition

import "math"

// normal returns the literal that says what l does of its attributes as simply as can be: an
// attribute of the object stands on the left, and a constant is of the attribute's kind. A
// comparison that no value of the kind can fulfil is Never, and one that every value fulfils asks
// only whether there is one.
func (l *Leaf) normal() Form {
	if swapped := operatorsOf[l.Op].swapped; swapped != OpAlways && l.rightIsFirst() {
		l.A, l.B, l.Op = l.B, l.A, swapped
	}
	switch l.Op {
	case OpOneOf, OpNoneOf:
		return l.normalList()
	case OpIn, OpNotIn, OpContainsAny, OpNotContainsAny, OpContainsAll, OpNotContainsAll:
		return l.normalTexts()
	}
	if l.A.Value.IsNull() || l.B.Value.IsNull() {
		return l.normalNull()
	}
	if l.Op.isOrder() && l.A.Attr != nil && l.B.Attr == nil {
		return l.normalConstant()
	}
	return l.form()
}

// rightIsFirst reports whether a database has to look for B.
func (l *Leaf) rightIsFirst() bool {
	if l.A.Attr == nil || l.B.Attr == nil {
		return l.A.Attr == nil
	}
	return l.A.Attr.Part() != PartObject && l.B.Attr.Part() == PartObject
}

func (l *Leaf) form() Form { return Form{kind: FormLiteral, size: 1, leaf: l} }

// hasA is the literal that A is there, and not NULL.
func (l *Leaf) hasA() Form { return (&Leaf{Op: OpHas, A: l.A}).form() }

// knowsA is where A is known: there, or NULL where that is a value.
func (l *Leaf) knowsA() Form {
	if l.A.Attr.Null != NullValue {
		return l.hasA()
	}
	return Any(l.hasA(), (&Leaf{Op: OpIsNull, A: l.A}).form())
}

// isNegative reports whether the literal is true of every value but some.
func (l *Leaf) isNegative() bool {
	switch l.Op {
	case OpNotEqual, OpNoneOf, OpNotIn, OpNotContainsAny, OpNotContainsAll:
		return true
	}
	return false
}

// never returns what l says when no value of A fulfils the positive of it.
func (l *Leaf) never() Form {
	if l.isNegative() {
		return l.knowsA()
	}
	return Form{}
}

// normalNull is normal where one side is NULL, and that a value of it: the other side equals it
// where it is NULL as well, and NULL is neither less nor more than anything.
func (l *Leaf) normalNull() Form {
	if l.A.Attr == nil {
		l.A, l.B = l.B, l.A
	}
	switch {
	case l.Op != OpEqual && l.Op != OpNotEqual || l.A.Attr == nil:
		return Form{}
	case l.A.Attr.Null != NullValue:
		return l.never()
	case l.Op == OpEqual:
		return (&Leaf{Op: OpIsNull, A: l.A}).form()
	}
	return (&Leaf{Op: OpIsNotNull, A: l.A}).form()
}

// normalConstant is normal for an attribute beside a constant.
func (l *Leaf) normalConstant() Form {
	kind, c := l.A.Attr.Kind, l.B.Value
	switch {
	case kind == c.kind:
	case kind == KindFloat && c.kind == KindInt:
		l.B = Term{Value: Float(c.Float())}
	case kind == KindInt && c.kind == KindFloat:
		whole := math.Floor(c.Float())
		switch {
		case whole > MaxInt:
			return l.beyond(true)
		case whole < -MaxInt:
			return l.beyond(false)
		}
		return l.between(Int(int64(whole)), whole != c.Float())
	case kind == KindInt && c.kind == KindTime:
		whole, rest := floor(int64(c.bits))
		return l.between(Int(whole), rest != 0)
	case kind == KindTime && c.kind == KindInt:
		switch n := c.Int(); {
		case n > maxMicro/perSecond:
			return l.beyond(true)
		case n < minMicro/perSecond:
			return l.beyond(false)
		default:
			l.B = Term{Value: micro(n * perSecond)}
		}
	case kind == KindUUID && c.kind == KindString:
		if !isUUID(c.text) {
			return l.never() // there is no order of uuids
		}
		l.B = Term{Value: UUID(c.text)}
	case kind == KindString && c.kind == KindUUID:
		l.B = Term{Value: String(c.text)}
	}
	return l.form()
}

// beyond returns what l says beside a constant that is more, or less, than every value of A.
func (l *Leaf) beyond(more bool) Form {
	switch l.Op {
	case OpEqual, OpNotEqual:
		return l.never()
	case OpLess, OpLessEqual:
		more = !more
	}
	if more {
		return Form{}
	}
	return l.hasA()
}

// between returns what l says beside a constant that is whole, or lies between it and the next
// whole one.
func (l *Leaf) between(whole Value, after bool) Form {
	if after {
		switch l.Op {
		case OpEqual, OpNotEqual:
			return l.never()
		case OpLess:
			l.Op = OpLessEqual
		case OpGreaterEqual:
			l.Op = OpGreater
		}
	}
	l.B = Term{Value: whole}
	return l.form()
}
