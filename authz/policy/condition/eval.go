package condition

import "strings"

// Eval returns the value of a condition. An attribute that comes [Later] or by [Context] is not
// known.
//
// The logic is Kleene's, as in SQL, which [Truth.And], [Truth.Or] and [Truth.Not] say: a
// comparison with an attribute that is missing is unknown, && is false where one operand is, and
// || true where one is, whatever the others are. So the order of operands means nothing, and a
// value that is known stays the same whatever the missing attributes turn out to be. Eval
// allocates nothing.
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
		all := True
		for i := n.first; i != none; i = c.nodes[i].next {
			switch c.eval(i, at) {
			case False:
				return False
			case Unknown:
				all = Unknown
			}
		}
		return all
	case OpOr:
		some := False
		for i := n.first; i != none; i = c.nodes[i].next {
			switch c.eval(i, at) {
			case True:
				return True
			case Unknown:
				some = Unknown
			}
		}
		return some
	case OpNot:
		return c.eval(n.first, at).Not()
	}
	return c.leaves[n.first].eval(at)
}

func (l *Leaf) eval(at Lookup) Truth {
	a, ok := l.A.get(at)
	if !ok {
		return l.without(a, at)
	}
	if l.Op.isOrder() { // the most common
		b, ok := l.B.get(at)
		if !ok {
			return l.besideNull(b)
		}
		if min(len(a.text), len(b.text)) > maxText {
			return Unknown
		}
		return l.Op.holds(a, b)
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
	case OpIn:
		return l.in(a, at)
	case OpNotIn:
		return l.in(a, at).Not()
	}
	return l.call(a, at)
}

// in reports whether a is in the list B.
func (l *Leaf) in(a Value, at Lookup) Truth {
	list, ok := l.B.getList(at)
	if !ok {
		return Unknown
	}
	return l.inStrings(list, a.text)
}

// call evaluates what a condition writes as a function, where A has a value.
func (l *Leaf) call(a Value, at Lookup) Truth {
	switch l.Op {
	case OpHas, OpIsNotNull:
		return True
	case OpHasNot, OpIsNull:
		return False
	}
	if l.Op.isText() {
		b, ok := l.B.get(at)
		if !ok || min(len(a.text), len(b.text)) > maxText {
			return Unknown
		}
		return l.Op.stands(a.text, b.text)
	}
	list, _ := l.A.getList(at)
	if l.Op.isSize() {
		return l.Op.counts(int64(len(list)), l.B.Value.Int())
	}
	other, ok := l.B.getList(at)
	if !ok {
		return Unknown
	}
	switch l.Op {
	case OpContainsAny:
		return l.containsAny(list, other)
	case OpNotContainsAny:
		return l.containsAny(list, other).Not()
	case OpContainsAll:
		return l.containsAll(list, other)
	case OpNotContainsAll:
		return l.containsAll(list, other).Not()
	}
	return Unknown
}

// counts compares how many texts a list has with a number.
func (o Op) counts(size, n int64) Truth {
	switch o {
	case OpSizeAbove:
		return truthOf(size > n)
	case OpSizeNotAbove:
		return truthOf(size <= n)
	case OpSizeIs:
		return truthOf(size == n)
	}
	return truthOf(size != n)
}

// stands looks into a text for another.
func (o Op) stands(text, part string) Truth {
	switch o {
	case OpStartsWith, OpNotStartsWith:
		return truthOf(strings.HasPrefix(text, part) == (o == OpStartsWith))
	case OpEndsWith, OpNotEndsWith:
		return truthOf(strings.HasSuffix(text, part) == (o == OpEndsWith))
	}
	return truthOf(strings.Contains(text, part) == (o == OpContains))
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
	if a.kind.isText() {
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
