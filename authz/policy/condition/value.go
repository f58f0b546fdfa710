package condition

import (
	"cmp"
	"math"
	"strings"
)

// maxExact is 2⁵³. Casbin computes in float64, where whole numbers beyond it are equal to
// their neighbours; such a value counts as not there.
const maxExact = 1 << 53

// Value is a value of one kind; of kind strings it says that the list beside it is the value.
// The zero Value has no kind and compares with nothing. It has four words, which Go keeps in
// registers: with the list within it, a lookup would cost more than a comparison.
type Value struct {
	kind Kind
	bits uint64 // an int, the bits of a float, 1 for true
	text string
}

// String returns a Value of kind string.
func String(s string) Value { return Value{kind: KindString, text: s} }

// Int returns a Value of kind int, and the zero Value for a number beyond ±2⁵³.
func Int(n int64) Value {
	if n < -maxExact || n > maxExact {
		return Value{}
	}
	return Value{kind: KindInt, bits: uint64(n)}
}

// Float returns a Value of kind float, and the zero Value for a number that is not finite.
func Float(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}
	}
	return Value{kind: KindFloat, bits: math.Float64bits(f)}
}

// Bool returns a Value of kind bool.
func Bool(b bool) Value {
	v := Value{kind: KindBool}
	if b {
		v.bits = 1
	}
	return v
}

// Strings returns the Value that a list of texts has beside it.
func Strings() Value { return Value{kind: KindStrings} }

// ValueOf returns what a value of Go is as one of a kind, as a [Lookup] returns it, and the
// zero Value when it is of another type (see [Kind.Takes]) or out of range.
func ValueOf(k Kind, x any) (Value, []string) {
	switch k {
	case KindString:
		if s, ok := x.(string); ok {
			return String(s), nil
		}
	case KindBool:
		if b, ok := x.(bool); ok {
			return Bool(b), nil
		}
	case KindStrings:
		if list, ok := x.([]string); ok {
			return Strings(), list
		}
	case KindInt:
		if n, ok := whole(x); ok {
			return Int(n), nil
		}
	case KindFloat:
		if f, ok := float(x); ok {
			return Float(f), nil
		}
	}
	return Value{}, nil
}

// Kind returns the kind, 0 of the zero Value.
func (v Value) Kind() Kind { return v.kind }

// Text returns the text of a string, "" of another kind.
func (v Value) Text() string { return v.text }

// Int returns the number of an int, 0 of another kind.
func (v Value) Int() int64 {
	if v.kind != KindInt {
		return 0
	}
	return int64(v.bits)
}

// Float returns the number of an int or a float, 0 of another kind. It is exact.
func (v Value) Float() float64 {
	switch v.kind {
	case KindInt:
		return float64(int64(v.bits))
	case KindFloat:
		return math.Float64frombits(v.bits)
	}
	return 0
}

// Bool returns whether the value is of kind bool and true.
func (v Value) Bool() bool { return v.kind == KindBool && v.bits != 0 }

// Compare returns a negative number when v is less than w, 0 when both are equal, and else a
// positive one. It is exact also between an int and a float. Texts are compared byte by byte,
// false is less than true, and ok is false for values that do not compare: lists, and two of
// different kinds that are not both numbers.
func (v Value) Compare(w Value) (order int, ok bool) {
	switch {
	case v.kind == KindInt && w.kind == KindInt:
		return cmp.Compare(int64(v.bits), int64(w.bits)), true
	case v.kind == KindString && w.kind == KindString:
		return strings.Compare(v.text, w.text), true
	case v.kind == KindBool && w.kind == KindBool:
		return cmp.Compare(v.bits, w.bits), true
	case v.kind.IsNumber() && w.kind.IsNumber():
		return compareFloats(v.Float(), w.Float()), true // an int is within ±2⁵³
	}
	return 0, false
}

func compareFloats(f, g float64) int {
	switch {
	case f < g:
		return -1
	case f > g:
		return 1
	}
	return 0
}

func whole(x any) (int64, bool) {
	var n int64
	switch x := x.(type) {
	case int:
		n = int64(x)
	case int64:
		n = x
	case int32:
		n = int64(x)
	case int16:
		n = int64(x)
	case int8:
		n = int64(x)
	case uint:
		n = int64(min(uint64(x), maxExact+1))
	case uint64:
		n = int64(min(x, maxExact+1))
	case uint32:
		n = int64(x)
	case uint16:
		n = int64(x)
	case uint8:
		n = int64(x)
	default:
		return 0, false
	}
	return n, -maxExact <= n && n <= maxExact
}

func float(x any) (float64, bool) {
	var f float64
	switch x := x.(type) {
	case float64:
		f = x
	case float32:
		f = float64(x)
	default:
		n, ok := whole(x)
		return float64(n), ok
	}
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}
