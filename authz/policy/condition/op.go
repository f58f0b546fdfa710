package condition

// Op is the operator of a part of a condition. The zero Op is that of the zero [Expr], which
// always holds.
type Op uint8

// The operators. Those of a [Form]'s literals are complete under complement; the ones from OpNotIs
// on stand in literals only, since a condition
// writes ! for them.
const (
	OpAlways Op = iota
	OpAnd       // all of Args
	OpOr        // one of Args
	OpNot       // not the one of Args

	OpIs           // A, of kind bool, is true
	OpEqual        // A == B
	OpNotEqual     // A != B
	OpLess         // A < B
	OpLessEqual    // A <= B
	OpGreater      // A > B
	OpGreaterEqual // A >= B
	OpOneOf        // A is one of List
	OpIn           // A is one of the texts of B, of kind strings
	OpIPMatch      // A is an address in the network B
	OpStartsWith   // the text A begins with the text B
	OpEndsWith     // the text A ends with the text B
	OpContains     // the text B stands in the text A
	OpContainsAny  // the lists A and B have a text in common
	OpContainsAll  // every text of the list B is one of the list A
	OpSizeAbove    // the list A has more texts than B, a whole number from 0
	OpSizeIs       // the list A has as many texts as B, a whole number from 0
	OpHas          // A is there, and not NULL; unknown only of what is there and cannot be compared
	OpIsNull       // A is NULL, of an attribute to which NULL is a value

	OpNotIs
	OpNoneOf
	OpNotIn
	OpNotIPMatch
	OpNotStartsWith
	OpNotEndsWith
	OpNotContains
	OpNotContainsAny
	OpNotContainsAll
	OpSizeNotAbove
	OpSizeIsNot
	OpHasNot
	OpIsNotNull
)

const lastOp = OpIsNotNull

// String returns the operator as a condition writes it, in words where it writes none.
func (o Op) String() string {
	switch o {
	case OpAlways:
		return "true"
	case OpAnd:
		return "&&"
	case OpOr:
		return "||"
	case OpNot:
		return "!"
	}
	if o.IsLeaf() {
		return operatorsOf[o].symbol
	}
	return "none"
}

// IsLeaf reports whether the operator compares, instead of joining parts.
func (o Op) IsLeaf() bool { return o >= OpIs && o <= lastOp }

// Complement returns the operator that is true where o is false, of one that compares. Both
// are unknown together.
func (o Op) Complement() Op {
	if !o.IsLeaf() {
		return OpAlways
	}
	return operatorsOf[o].complement
}

// isOrder reports whether the operator compares two values of one kind.
func (o Op) isOrder() bool { return o >= OpEqual && o <= OpGreaterEqual }

// isText reports whether the operator looks into a text for another.
func (o Op) isText() bool {
	switch o {
	case OpStartsWith, OpEndsWith, OpContains, OpNotStartsWith, OpNotEndsWith, OpNotContains:
		return true
	}
	return false
}

// isSize reports whether the operator counts a list.
func (o Op) isSize() bool {
	switch o {
	case OpSizeAbove, OpSizeNotAbove, OpSizeIs, OpSizeIsNot:
		return true
	}
	return false
}

// isUnary reports whether the operator has no B.
func (o Op) isUnary() bool {
	switch o {
	case OpIs, OpNotIs, OpOneOf, OpNoneOf, OpHas, OpHasNot, OpIsNull, OpIsNotNull:
		return true
	}
	return false
}
