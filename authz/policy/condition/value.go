package condition

import (
	"cmp"
	"encoding/hex"
	"math"
	"strings"
	"time"
)

// Value is a value of one kind; of kind strings it says that the list beside it is the value.
// The zero Value has no kind and compares with nothing. It has four words, which Go keeps in
// registers: with the list within it, a lookup would cost more than a comparison.
type Value struct {
	kind Kind
	bits uint64 // an int, the bits of a float, 1 for true, microseconds since 1970
	text string
}

// String returns a Value of kind string.
func String(s string) Value { return Value{kind: KindString, text: s} }

// Int returns a Value of kind int, and the zero Value for a number beyond ±2⁵³.
func Int(n int64) Value {
	if n < -MaxInt || n > MaxInt {
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

// Time returns a Value of kind time, and the zero Value for a time beyond [MinTime] and [MaxTime].
// Parts finer than a microsecond are cut off.
func Time(t time.Time) Value {
	if year := t.Year(); year < 0 || year > 10000 {
		return Value{} // beyond what UnixMicro can say, perhaps
	}
	return micro(t.UnixMicro())
}

func micro(n int64) Value {
	if n < minMicro || n > maxMicro {
		return Value{}
	}
	return Value{kind: KindTime, bits: uint64(n)}
}

// UUID returns a Value of kind uuid, and the zero Value for a text that is none: 32 hexadecimal
// digits in lower case and four hyphens, as RFC 9562 writes them. There is one form, since
// Casbin compares texts.
func UUID(s string) Value {
	if !isUUID(s) {
		return Value{}
	}
	return Value{kind: KindUUID, text: s}
}

// NullOf returns the Value of an attribute that is NULL. It counts as missing unless the attribute
// is declared with [NullValue].
func NullOf() Value { return Value{kind: kindNull} }

// Unusable returns the Value of an attribute that is there and cannot be compared: it is of another
// type than the attribute's kind, or out of range. It counts as missing, but for [OpHas], which is
// unknown: the attribute is there, and has no value.
func Unusable() Value { return Value{kind: kindUnusable} }

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
	case KindTime:
		if t, ok := x.(time.Time); ok {
			return Time(t), nil
		}
	case KindUUID:
		switch x := x.(type) {
		case string:
			return UUID(x), nil
		case [16]byte:
			return UUID(uuidText(x)), nil
		}
	case KindParent:
		if _, ok := x.(Source); ok {
			return Parent(), nil
		}
	}
	return Value{}, nil
}

// Kind returns the kind, 0 of the zero Value.
func (v Value) Kind() Kind { return v.kind }

// Parent returns the Value of a parent that is there.
func Parent() Value { return Value{kind: KindParent} }

// IsNull reports whether the value is NULL.
func (v Value) IsNull() bool { return v.kind == kindNull }

// Text returns the text of a string and of a uuid, "" of another kind.
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

// Time returns the time, in UTC, and the zero time of another kind.
func (v Value) Time() time.Time {
	if v.kind != KindTime {
		return time.Time{}
	}
	return time.UnixMicro(int64(v.bits)).UTC()
}

// Bool returns whether the value is of kind bool and true.
func (v Value) Bool() bool { return v.kind == KindBool && v.bits != 0 }

// Compare returns a negative number when v is less than w, 0 when both are equal, and else a
// positive one. It is exact also between an int and a float, and between a time and an int, which
// counts seconds. Texts are compared byte by byte, false is less than true, and ok is false for
// values that do not compare: lists, NULL, and two of different kinds of which one is neither
// a number beside a number, nor a text beside a text, nor a time beside an int.
func (v Value) Compare(w Value) (order int, ok bool) {
	switch {
	case v.kind == KindInt && w.kind == KindInt:
		return cmp.Compare(int64(v.bits), int64(w.bits)), true
	case v.kind.isText() && w.kind.isText():
		return strings.Compare(v.text, w.text), true
	case v.kind == KindBool && w.kind == KindBool:
		return cmp.Compare(v.bits, w.bits), true
	case v.kind.IsNumber() && w.kind.IsNumber():
		return compareFloats(v.Float(), w.Float()), true // an int is within ±2⁵³
	case v.kind == KindTime && w.kind == KindTime:
		return cmp.Compare(int64(v.bits), int64(w.bits)), true
	case v.kind == KindTime && w.kind == KindInt:
		return compareSeconds(int64(v.bits), int64(w.bits)), true
	case v.kind == KindInt && w.kind == KindTime:
		return -compareSeconds(int64(w.bits), int64(v.bits)), true
	}
	return 0, false
}

// compareSeconds compares microseconds with seconds.
func compareSeconds(micros, seconds int64) int {
	whole, rest := floor(micros)
	if c := cmp.Compare(whole, seconds); c != 0 || rest == 0 {
		return c
	}
	return 1
}

// floor returns the whole seconds that have passed, and the microseconds after them.
func floor(micros int64) (seconds, rest int64) {
	seconds, rest = micros/perSecond, micros%perSecond
	if rest < 0 {
		return seconds - 1, rest + perSecond
	}
	return seconds, rest
}

// isUUID reports whether s is a UUID in the one form that counts.
func isUUID(s string) bool {
	if len(s) != len("00000000-0000-0000-0000-000000000000") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if hyphen := i == 8 || i == 13 || i == 18 || i == 23; hyphen != (c == '-') || !hyphen && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func uuidText(b [16]byte) string {
	x := hex.EncodeToString(b[:])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
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
		n = int64(min(uint64(x), MaxInt+1))
	case uint64:
		n = int64(min(x, MaxInt+1))
	case uint32:
		n = int64(x)
	case uint16:
		n = int64(x)
	case uint8:
		n = int64(x)
	default:
		return 0, false
	}
	return n, -MaxInt <= n && n <= MaxInt
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
