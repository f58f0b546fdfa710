package condition

// Kind is the type of an attribute and of a [Value].
type Kind uint8

// The kinds, as attributes.csv writes them in lower case. The zero Kind is none of them.
const (
	KindString  Kind = iota + 1 // compared byte by byte
	KindInt                     // a whole number within ±2⁵³, where Casbin's arithmetic is exact
	KindFloat                   // a finite number
	KindBool                    // true or false
	KindStrings                 // a list that "in" looks into
)

// String returns the kind as attributes.csv writes it.
func (k Kind) String() string {
	switch k {
	case KindString:
		return "string"
	case KindInt:
		return "int"
	case KindFloat:
		return "float"
	case KindBool:
		return "bool"
	case KindStrings:
		return "strings"
	}
	return "none"
}

// ParseKind returns the kind that attributes.csv writes as s.
func ParseKind(s string) (Kind, bool) {
	for k := KindString; k <= KindStrings; k++ {
		if k.String() == s {
			return k, true
		}
	}
	return 0, false
}

// IsNumber reports whether values of the kind are numbers: they compare with each other.
func (k Kind) IsNumber() bool { return k == KindInt || k == KindFloat }

// Takes reports whether a value of Go is of a type that the kind takes, in range or not:
// string, bool, []string, any integer type for int, and these or a floating-point type for
// float.
func (k Kind) Takes(x any) bool {
	switch x.(type) {
	case string:
		return k == KindString
	case bool:
		return k == KindBool
	case []string:
		return k == KindStrings
	case int, int64, int32, int16, int8, uint, uint64, uint32, uint16, uint8:
		return k.IsNumber()
	case float64, float32:
		return k == KindFloat
	}
	return false
}
