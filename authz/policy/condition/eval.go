package condition

// Limits of the values that one condition compares, beyond which a comparison is unknown. They
// bound the work of evaluating it, whatever a service or its users put into the values. A
// constant is bounded already, so that a value of any size is compared with one.
const (
	maxText    = 4 << 10 // bytes of two attributes: of the shorter, which decides the work
	maxStrings = 4096    // texts of all lists that a condition looks into, in equal shares
	maxString  = 64      // bytes of each on average, of those as long as the text looked for
)

// Eval returns the value of a condition. An attribute that comes [Later] counts as missing.
//
// && and || look at an operand only when those before it are known and do not decide, as
// Casbin does: an operand that is unknown makes the whole unknown, whatever follows it. So
// what Eval knows is what [Truth.And] and [Truth.Or] say, and in an order of operands that
// begins with a missing attribute it knows less. It allocates nothing.
func Eval(e Expr, at Lookup) Truth {
	if e.c == nil {
		return True
	}
	if n := &e.c.nodes[e.i]; n.op.IsLeaf() { // most conditions
		return e.c.leaves[n.first].eval(at)
	}
	return e.c.eval(e.i, at)
}

func (c *compiled) eval(i uint16, at Lookup) Truth {
	n := &c.nodes[i]
	switch n.op {
	case OpAnd:
		for i := n.first; i != none; i = c.nodes[i].next {
			if t := c.eval(i, at); t != True {
				return t
			}
		}
		return True
	case OpOr:
		for i := n.first; i != none; i = c.nodes[i].next {
			if t := c.eval(i, at); t != False {
				return t
			}
		}
		return False
	case OpNot:
		return c.eval(n.first, at).Not()
	}
	return c.leaves[n.first].eval(at)
}

func (l *Leaf) eval(at Lookup) Truth {
	a, ok := l.A.get(at)
	if !ok {
		return Unknown
	}
	switch l.Op {
	case OpIs:
		return truthOf(a.bits != 0)
	case OpNotIs:
		return truthOf(a.bits == 0)
	case OpIPMatch:
		return inNetwork(l.net, a.text)
	case OpNotIPMatch:
		return inNetwork(l.net, a.text).Not()
	case OpOneOf:
		return truthOf(l.lists(a))
	case OpNoneOf:
		return truthOf(!l.lists(a))
	}
	if l.Op == OpIn || l.Op == OpNotIn {
		list, ok := l.B.getList(at)
		if !ok {
			return Unknown
		}
		in := inStrings(list, a.text, l.most)
		if l.Op == OpNotIn {
			return in.Not()
		}
		return in
	}
	b, ok := l.B.get(at)
	if !ok {
		return Unknown
	}
	if min(len(a.text), len(b.text)) > maxText {
		return Unknown
	}
	return l.Op.holds(a, b)
}

// holds compares two values of one kind, or two numbers.
func (o Op) holds(a, b Value) Truth {
	if a.kind == KindString && b.kind == KindString { // the most common, and faster than their order
		switch o {
		case OpEqual:
			return truthOf(a.text == b.text)
		case OpNotEqual:
			return truthOf(a.text != b.text)
		}
	}
	c, ok := a.Compare(b)
	if !ok {
		return Unknown
	}
	switch o {
	case OpEqual:
		return truthOf(c == 0)
	case OpNotEqual:
		return truthOf(c != 0)
	case OpLess:
		return truthOf(c < 0)
	case OpLessEqual:
		return truthOf(c <= 0)
	case OpGreater:
		return truthOf(c > 0)
	case OpGreaterEqual:
		return truthOf(c >= 0)
	}
	return Unknown
}

// lists reports whether a value is one of the list.
func (l *Leaf) lists(a Value) bool {
	if a.kind == KindString {
		for i := range l.List {
			if l.List[i].text == a.text {
				return true
			}
		}
		return false
	}
	for i := range l.List {
		if c, ok := a.Compare(l.List[i]); ok && c == 0 {
			return true
		}
	}
	return false
}

// inStrings reports whether a text is in a list of at most so many.
func inStrings(list []string, text string, most int) Truth {
	if len(list) > most {
		return Unknown
	}
	compared := 0
	for _, s := range list {
		if len(s) != len(text) {
			continue
		}
		if compared += len(s); compared > most*maxString {
			return Unknown
		}
		if s == text {
			return True
		}
	}
	return False
}
