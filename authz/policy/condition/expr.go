package condition

import (
	"iter"
	"strings"
)

// Expr is a condition, or a part of one. The zero Expr is the condition that always holds. An
// Expr does not change and is as cheap to copy as a string.
type Expr struct {
	c *compiled
	i uint16
}

// compiled is a condition: its nodes in one piece, and what they compare in another.
type compiled struct {
	source string
	nodes  []node
	leaves []Leaf
}

// node is a part of a condition.
type node struct {
	op       Op
	from, to uint16 // bytes of the source
	first    uint16 // of OpAnd, OpOr and OpNot the first operand; of others the leaf
	next     uint16 // the operand after this one, or none
}

const none = 1<<16 - 1

// Op returns what the part does, OpAlways for the zero Expr.
func (e Expr) Op() Op {
	if e.c == nil {
		return OpAlways
	}
	return e.c.nodes[e.i].op
}

// Args returns the operands of OpAnd and OpOr in the order of the source, two or more, and the
// one of OpNot. Others have none. An operand of OpAnd is no OpAnd, and one of OpOr no OpOr.
func (e Expr) Args() iter.Seq[Expr] {
	return func(yield func(Expr) bool) {
		if e.c == nil || e.Op().IsLeaf() {
			return
		}
		for i := e.c.nodes[e.i].first; i != none; i = e.c.nodes[i].next {
			if !yield(Expr{e.c, i}) {
				return
			}
		}
	}
}

// Leaf returns the comparison that the part is, and the zero Leaf when it is none.
func (e Expr) Leaf() Leaf {
	if !e.Op().IsLeaf() {
		return Leaf{}
	}
	return e.c.leaves[e.c.nodes[e.i].first]
}

// Span returns where the part stands in the source: from byte from up to byte to, without
// parentheses around it.
func (e Expr) Span() (from, to int) {
	if e.c == nil {
		return 0, len(e.Source())
	}
	n := &e.c.nodes[e.i]
	return int(n.from), int(n.to)
}

// Source returns the whole condition as it was compiled, "true" for the zero Expr.
func (e Expr) Source() string {
	if e.c == nil {
		return "true"
	}
	return e.c.source
}

// Attributes returns the attributes that the part compares, from left to right, each as often
// as it stands there.
func (e Expr) Attributes() iter.Seq[*Attribute] {
	return func(yield func(*Attribute) bool) { e.attributes(yield) }
}

func (e Expr) attributes(yield func(*Attribute) bool) bool {
	for arg := range e.Args() {
		if !arg.attributes(yield) {
			return false
		}
	}
	l := e.Leaf()
	return (l.A.Attr == nil || yield(l.A.Attr)) && (l.B.Attr == nil || yield(l.B.Attr))
}

// String returns the part as a policy writes it, in one form of spaces and parentheses.
func (e Expr) String() string {
	switch e.Op() {
	case OpAlways:
		return "true"
	case OpAnd, OpOr:
		var parts []string
		for arg := range e.Args() {
			text := arg.String()
			if e.Op() == OpAnd && arg.Op() == OpOr {
				text = "(" + text + ")"
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, " "+e.Op().String()+" ")
	case OpNot:
		for arg := range e.Args() {
			if arg.Op() == OpIs {
				return "!" + arg.String()
			}
			return "!(" + arg.String() + ")"
		}
	}
	return e.words()
}

// words returns a comparison with its words as they are in the source, and spaces of our own.
func (e Expr) words() string {
	n := &e.c.nodes[e.i]
	text := e.c.source[n.from:n.to]
	tokens, _ := lex(text, nil) // which compiled
	var b strings.Builder
	for i, t := range tokens {
		switch t.kind {
		case tokenCompare, tokenIn:
			b.WriteString(" " + t.of(text) + " ")
		case tokenComma:
			b.WriteString(", ")
		case tokenMinus:
			b.WriteString(text[t.at:tokens[i+1].at]) // with the spaces before its number
		default:
			b.WriteString(t.of(text))
		}
	}
	return b.String()
}
