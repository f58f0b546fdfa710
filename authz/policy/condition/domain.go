package condition

import "time"

// This file holds what [Eval], [Form.Holds] and every printer of a [Form] for a database have to
// agree on: which operator is the complement of which, which values an attribute of a kind can
// have, and what NULL is.

// operatorsOf is the one table of the operators that compare: how each is written, which one
// is true where it is false, and which one says the same with A and B exchanged, OpAlways for
// none.
var operatorsOf = [...]struct {
	symbol              string
	complement, swapped Op
}{
	OpIs:             {"is", OpNotIs, OpAlways},
	OpEqual:          {"==", OpNotEqual, OpEqual},
	OpNotEqual:       {"!=", OpEqual, OpNotEqual},
	OpLess:           {"<", OpGreaterEqual, OpGreater},
	OpLessEqual:      {"<=", OpGreater, OpGreaterEqual},
	OpGreater:        {">", OpLessEqual, OpLess},
	OpGreaterEqual:   {">=", OpLess, OpLessEqual},
	OpOneOf:          {"in", OpNoneOf, OpAlways},
	OpIn:             {"in", OpNotIn, OpAlways},
	OpIPMatch:        {FunctionIPMatch, OpNotIPMatch, OpAlways},
	OpStartsWith:     {FunctionStartsWith, OpNotStartsWith, OpAlways},
	OpEndsWith:       {FunctionEndsWith, OpNotEndsWith, OpAlways},
	OpContains:       {FunctionContains, OpNotContains, OpAlways},
	OpContainsAny:    {FunctionContainsAny, OpNotContainsAny, OpContainsAny},
	OpContainsAll:    {FunctionContainsAll, OpNotContainsAll, OpAlways},
	OpSizeAbove:      {FunctionSize + " >", OpSizeNotAbove, OpAlways},
	OpSizeIs:         {FunctionSize + " ==", OpSizeIsNot, OpAlways},
	OpHas:            {FunctionHas, OpHasNot, OpAlways},
	OpIsNull:         {FunctionIsNull, OpIsNotNull, OpAlways},
	OpNotIs:          {"is not", OpIs, OpAlways},
	OpNoneOf:         {"not in", OpOneOf, OpAlways},
	OpNotIn:          {"not in", OpIn, OpAlways},
	OpNotIPMatch:     {"not " + FunctionIPMatch, OpIPMatch, OpAlways},
	OpNotStartsWith:  {"not " + FunctionStartsWith, OpStartsWith, OpAlways},
	OpNotEndsWith:    {"not " + FunctionEndsWith, OpEndsWith, OpAlways},
	OpNotContains:    {"not " + FunctionContains, OpContains, OpAlways},
	OpNotContainsAny: {"not " + FunctionContainsAny, OpContainsAny, OpNotContainsAny},
	OpNotContainsAll: {"not " + FunctionContainsAll, OpContainsAll, OpAlways},
	OpSizeNotAbove:   {FunctionSize + " <=", OpSizeAbove, OpAlways},
	OpSizeIsNot:      {FunctionSize + " !=", OpSizeIs, OpAlways},
	OpHasNot:         {"not " + FunctionHas, OpHas, OpAlways},
	OpIsNotNull:      {"not " + FunctionIsNull, OpIsNull, OpAlways},
}

// Null is the meaning of NULL in a column.
type Null uint8

// The meanings of NULL. The zero Null is NullNever.
const (
	NullNever   Null = iota // the column has none; one that it has all the same is missing
	NullMissing             // the attribute is not there: comparisons with it are unknown
	NullValue               // a value like others: equal to NULL, and to nothing else
)

// String returns the word that attributes.csv has for it.
func (n Null) String() string {
	switch n {
	case NullMissing:
		return "yes"
	case NullValue:
		return "value"
	}
	return "no"
}

// ParseNull returns what attributes.csv writes as s.
func ParseNull(s string) (Null, bool) {
	for n := NullNever; n <= NullValue; n++ {
		if n.String() == s {
			return n, true
		}
	}
	return 0, false
}

// The domains of the kinds. A value beyond them counts as missing, in a request and in a row of
// a table alike.
const (
	// MaxInt is the largest int, and -MaxInt the smallest: 2⁵³. Casbin computes in float64, where
	// whole numbers beyond are equal to their neighbours.
	MaxInt = 1 << 53

	// MaxFloat and -MaxFloat are the bounds of a float: NaN and the infinities are beyond.
	MaxFloat = 0x1p1023 * (1 + (1 - 0x1p-52))
)

// MinTime and MaxTime are the first and the last time of kind time, which has microseconds: the
// years 1 to 9999, which are the same in every database.
func MinTime() time.Time { return time.UnixMicro(minMicro).UTC() }

// MaxTime is the last time; see [MinTime].
func MaxTime() time.Time { return time.UnixMicro(maxMicro).UTC() }

const (
	minMicro = -62135596800 * perSecond
	maxMicro = 253402300800*perSecond - 1

	perSecond = 1_000_000
)

// Limits of the values that one condition compares, beyond which a comparison is unknown. They
// bound the work of evaluating it, whatever a service or its users put into the values. A
// constant is bounded already, so that a value of any size is compared with one.
const (
	maxText    = 4 << 10 // bytes of two attributes: of the shorter, which decides the work
	maxStrings = 4096    // texts of all lists that a condition looks into, in equal shares
)

// TextUnit is how many bytes of a text that is looked for in a list count once: a longer one counts
// once more for each further unit that it begins.
const TextUnit = 64

// Guard says which values of a literal's columns have to be kept out, where a database holds
// values beyond the domain of their kind: by comparing with the domain's ends, since a database
// would call the comparison true. Ends that the comparison keeps out already are not among them.
type Guard struct {
	Low, High bool // of A, for kinds int, float and time: beyond the smallest, or the largest, value
	Both      bool // the same of both ends of B, which is an attribute too
	Length    int  // bytes that A and B, both texts, may not have both more of; 0 for no limit
	Elements  int  // texts that a column of kind strings may have; 0 for no limit
	PerUnit   bool // the text A counts once for each TextUnit that it begins, and Elements is divided by that
}

// Guard returns what has to be kept out beside the comparison. It is the zero Guard where the
// comparison alone is exact, such as an int that equals a constant.
func (l Leaf) Guard() Guard {
	var g Guard
	if l.A.Attr != nil && l.A.Attr.Kind.hasRange() {
		switch {
		case l.B.Attr != nil || l.Op == OpNotEqual || l.Op == OpNoneOf || l.Op == OpHas || l.Op == OpHasNot:
			g.Low, g.High = true, true
		case l.Op == OpLess || l.Op == OpLessEqual:
			g.Low = true
		case l.Op == OpGreater || l.Op == OpGreaterEqual:
			g.High = true
		}
	}
	if l.B.Attr != nil && l.B.Attr.Kind.hasRange() {
		g.Both = true
	}
	switch l.Op {
	case OpIn, OpNotIn:
		if l.B.Attr != nil {
			g.Elements, g.PerUnit = l.most/l.weight(), l.A.Attr != nil && l.A.Attr.Kind == KindString
		}
	case OpContainsAny, OpNotContainsAny, OpContainsAll, OpNotContainsAll:
		g.Elements = l.most / l.weight()
	default:
		if l.A.isText() && l.B.isText() && (l.A.Attr != nil || len(l.A.Value.text) > maxText) && (l.B.Attr != nil || len(l.B.Value.text) > maxText) {
			g.Length = maxText
		}
	}
	return g
}

// hasRange reports whether a database may hold values beyond the domain of the kind.
func (k Kind) hasRange() bool { return k == KindInt || k == KindFloat || k == KindTime }
