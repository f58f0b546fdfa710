package lint

import (
	"slices"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// The ways in which two values can be ordered, as a set.
const (
	isLess = 1 << iota
	isEqual
	isMore
)

var orderings = map[condition.Op]int{
	condition.OpEqual: isEqual, condition.OpNotEqual: isLess | isMore, condition.OpLess: isLess, condition.OpLessEqual: isLess | isEqual,
	condition.OpGreater: isMore, condition.OpGreaterEqual: isEqual | isMore,
}

// contradicted reports whether a comparison cannot be true where some others are: one is its
// opposite, or two attributes would be ordered in two ways.
func contradicted(others []condition.Leaf, f condition.Leaf) bool {
	if f.A.Attr == nil || f.B.Attr == nil || !orders(f.Op) {
		opposite := f.Op.Complement()
		return slices.ContainsFunc(others, func(g condition.Leaf) bool {
			return g.Op == opposite && sameTerm(g.A, f.A) && sameTerm(g.B, f.B) && slices.Equal(g.List, f.List)
		})
	}
	left := orderings[f.Op]
	if sameAttribute(f.A.Attr, f.B.Attr) {
		left &= isEqual
	}
	for _, g := range others {
		switch {
		case !orders(g.Op) || g.A.Attr == nil || g.B.Attr == nil:
		case sameTerm(g.A, f.A) && sameTerm(g.B, f.B):
			left &= orderings[g.Op]
		case sameTerm(g.A, f.B) && sameTerm(g.B, f.A):
			left &= orderings[swapped(g.Op)]
		}
	}
	return left == 0
}

func sameTerm(a, b condition.Term) bool {
	if a.Attr == nil || b.Attr == nil {
		return a.Attr == b.Attr && a.Value == b.Value && slices.Equal(a.Texts, b.Texts)
	}
	return sameAttribute(a.Attr, b.Attr)
}

// sameAttribute reports whether two attributes are one: of one parent, if of any.
func sameAttribute(a, b *condition.Attribute) bool {
	if a == b {
		return true
	}
	return a != nil && b != nil && a.Name == b.Name && a.Type == b.Type && sameAttribute(a.Via, b.Via)
}

// sizes returns what an operator that counts a list asks of the number.
func sizes(op condition.Op) (of condition.Op, size bool) {
	switch op {
	case condition.OpSizeAbove:
		return condition.OpGreater, true
	case condition.OpSizeNotAbove:
		return condition.OpLessEqual, true
	case condition.OpSizeIs:
		return condition.OpEqual, true
	case condition.OpSizeIsNot:
		return condition.OpNotEqual, true
	}
	return op, false
}
