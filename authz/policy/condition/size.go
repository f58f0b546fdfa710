package condition

import "math"

// sizeFirst parses size(list) < number.
func (p *parser) sizeFirst() (uint16, *Error) {
	from := p.peek().at
	list, err := p.size()
	if err != nil {
		return none, err
	}
	op, ok := p.comparator(p.peek())
	if !ok {
		return none, p.wrong("size(…) is a number: compare it with one by ==, !=, <, <=, > or >=")
	}
	p.next()
	if n := p.peek(); n.kind == tokenFunction && n.of(p.text) == FunctionSize {
		return none, p.wrong("size(…) is compared with a constant number")
	}
	n, err := p.operand()
	if err != nil {
		return none, err
	}
	return p.sized(list, op, &n, from)
}

// sizeLast parses size(list) after number <.
func (p *parser) sizeLast(n *operand, op Op) (uint16, *Error) {
	list, err := p.size()
	if err != nil {
		return none, err
	}
	return p.sized(list, operatorsOf[op].swapped, n, n.at)
}

// size parses size(list).
func (p *parser) size() (Term, *Error) {
	p.next()
	if !p.accept(tokenOpen) {
		return Term{}, p.wrong("a ( is missing before " + p.ahead())
	}
	a, err := p.operand()
	if err != nil {
		return Term{}, err
	}
	if a.Attr == nil || a.kind() != KindStrings {
		return Term{}, a.wrong("size counts an attribute of kind strings, and not " + a.what())
	}
	if !p.accept(tokenClose) {
		return Term{}, p.wrong("a ) is missing before " + p.ahead())
	}
	return a.Term, nil
}

// sized returns the node of a size beside a number. All that can be asked is whether a list has
// more texts than so many, and whether it has as many.
func (p *parser) sized(list Term, op Op, n *operand, from uint16) (uint16, *Error) {
	if n.Attr != nil || n.kind() != KindFloat {
		return none, n.wrong("size(…) is compared with a constant number, and not with " + n.what())
	}
	f := n.Value.Float()
	whole := math.Floor(f)
	l, negated := Leaf{Op: OpSizeAbove, A: list}, false
	switch op {
	case OpEqual, OpNotEqual:
		l.Op, negated = OpSizeIs, op == OpNotEqual
		if f != whole {
			return none, n.wrong("no list has " + n.text + " texts: write a whole number")
		}
	case OpLess, OpGreaterEqual: // of a whole number the one before
		negated = op == OpLess
		whole = math.Ceil(f) - 1
	default:
		negated = op == OpLessEqual
	}
	if whole < 0 {
		return none, n.wrong("every list has 0 texts or more: this is the same for each")
	}
	l.B = Term{Value: Int(int64(whole))}
	if negated {
		l.Op = l.Op.Complement()
	}
	return p.compare(l, from), nil
}
