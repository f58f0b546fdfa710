package condition

// Reduce returns where a condition is want, in the sense of [Eval], as far as the attributes
// are known: comparisons whose attributes are all known are decided, those with one that is
// missing are unknown and therefore gone, and those with one that comes [Later] are the literals
// of the Form. So Reduce(e, true, at) is where an allow rule matches, and Reduce(e, false, at)
// where a deny rule does not.
//
// For attributes that come [Later], Holds of the Form is true exactly where Eval is want. A Form
// of more than 256 literals is Never instead: it then holds for less, and not for more. Few
// conditions come near: && below || below && and so on, many levels deep, doubles the literals
// with each level, since Eval does not look past an operand that is unknown, and the Form has
// to say so.
func Reduce(e Expr, want bool, at Lookup) Form { return reduce(e, want, at, true) }

// reduce is Reduce, by Eval's order of operands or, when inOrder is false, by Kleene's logic,
// in which the order is nothing and a Form has at most as many literals as the condition has
// comparisons.
func reduce(e Expr, want bool, at Lookup, inOrder bool) Form {
	if e.c == nil {
		if want {
			return Always()
		}
		return Form{}
	}
	yes, no := e.c.reduce(e.i, at, inOrder)
	if want {
		return yes
	}
	return no
}

// reduce returns where a part is true and where it is false.
func (c *compiled) reduce(i uint16, at Lookup, inOrder bool) (yes, no Form) {
	n := &c.nodes[i]
	switch n.op {
	case OpAnd:
		return c.reduceAnd(n.first, at, inOrder)
	case OpOr:
		// By De Morgan: it is false where all operands are.
		no, yes = c.reduceOr(n.first, at, inOrder)
		return yes, no
	case OpNot:
		no, yes = c.reduce(n.first, at, inOrder)
		return yes, no
	}
	return c.leaves[n.first].reduce(at)
}

// reduceAnd reduces an operand of && and those after it.
func (c *compiled) reduceAnd(i uint16, at Lookup, inOrder bool) (yes, no Form) {
	var all, some []Form
	for ; i != none; i = c.nodes[i].next {
		y, n := c.reduce(i, at, inOrder)
		all, some = append(all, y), append(some, n)
	}
	return All(all...), anyOf(some, all, inOrder)
}

// reduceOr reduces an operand of || and those after it, and returns first where all are false.
func (c *compiled) reduceOr(i uint16, at Lookup, inOrder bool) (no, yes Form) {
	var all, some []Form
	for ; i != none; i = c.nodes[i].next {
		y, n := c.reduce(i, at, inOrder)
		all, some = append(all, n), append(some, y)
	}
	return All(all...), anyOf(some, all, inOrder)
}

// anyOf returns where one of some operands decides: in order only those before which all are
// known not to.
func anyOf(decide, pass []Form, inOrder bool) Form {
	if !inOrder {
		return Any(decide...)
	}
	out := Form{}
	for i := len(decide) - 1; i >= 0; i-- {
		out = Any(decide[i], All(pass[i], out))
	}
	return out
}

// reduce returns where a comparison is true and where it is false.
func (l *Leaf) reduce(at Lookup) (yes, no Form) {
	rest := *l
	if rest.A.resolve(at) || rest.hasB() && rest.B.resolve(at) {
		return Form{}, Form{}
	}
	if rest.isConstant() {
		switch rest.eval(at) {
		case True:
			return Always(), Form{}
		case False:
			return Form{}, Always()
		}
		return Form{}, Form{}
	}
	if rest.A.Attr == nil && rest.Op.isOrder() {
		rest.A, rest.B, rest.Op = rest.B, rest.A, operatorsOf[rest.Op].swapped
	}
	other := rest
	other.Op = rest.Op.Complement()
	return Form{kind: FormLiteral, size: 1, leaf: &rest}, Form{kind: FormLiteral, size: 1, leaf: &other}
}
