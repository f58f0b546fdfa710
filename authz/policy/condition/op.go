package condition

// Op is what a part of a condition does. The zero Op is that of the zero [Expr], which always
// holds.
type Op uint8

// The operators. Those of a [Form]'s literals are complete under complement; the ones named
// OpNot… below, and OpNoneOf, stand in literals only, since a condition writes ! for them.
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

	OpNotIs
	OpNoneOf
	OpNotIn
	OpNotIPMatch
)

// operatorsOf is the one table of the operators that compare: how each is written, which one
// is true where it is false, and which one says the same with A and B exchanged.
var operatorsOf = [...]struct {
	symbol              string
	complement, swapped Op
}{
	OpIs:           {"is", OpNotIs, OpAlways},
	OpEqual:        {"==", OpNotEqual, OpEqual},
	OpNotEqual:     {"!=", OpEqual, OpNotEqual},
	OpLess:         {"<", OpGreaterEqual, OpGreater},
	OpLessEqual:    {"<=", OpGreater, OpGreaterEqual},
	OpGreater:      {">", OpLessEqual, OpLess},
	OpGreaterEqual: {">=", OpLess, OpLessEqual},
	OpOneOf:        {"in", OpNoneOf, OpAlways},
	OpIn:           {"in", OpNotIn, OpAlways},
	OpIPMatch:      {FunctionIPMatch, OpNotIPMatch, OpAlways},
	OpNotIs:        {"is not", OpIs, OpAlways},
	OpNoneOf:       {"not in", OpOneOf, OpAlways},
	OpNotIn:        {"not in", OpIn, OpAlways},
	OpNotIPMatch:   {"not " + FunctionIPMatch, OpIPMatch, OpAlways},
}

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
func (o Op) IsLeaf() bool { return o >= OpIs && o <= OpNotIPMatch }

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
