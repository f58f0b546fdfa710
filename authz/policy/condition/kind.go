package condition

import "time"

// Kind is the type of an attribute and of a [Value].
type Kind uint8

// The kinds, as attributes.csv writes them in lower case. The zero Kind is none of them.
const (
	KindString  Kind = iota + 1 // compared byte by byte
	KindInt                     // a whole number within ±2⁵³, where Casbin's arithmetic is exact
	KindFloat                   // a finite number
	KindBool                    // true or false
	KindStrings                 // a list that "in" looks into
	KindTime                    // a moment of the years 1 to 9999, in microseconds
	KindUUID                    // a UUID, written as RFC 9562 does, in lower case
	KindParent                  // an object of another type, which has attributes of its own
)

// Results of a [Lookup] in place of a value.
const (
	kindUnusable Kind = 252 + iota
	kindNull
	kindContext
	kindLater
)

var kindNames = [...]string{"none", "string", "int", "float", "bool", "strings", "time", "uuid", "parent"}

// String returns the kind as attributes.csv writes it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[0]
}

// ParseKind returns the kind that attributes.csv writes as s.
func ParseKind(s string) (Kind, bool) {
	for k := KindString; k <= KindParent; k++ {
		if k.String() == s {
			return k, true
		}
	}
	return 0, false
}

// IsNumber reports whether values of the kind are numbers: they compare with each other.
func (k Kind) IsNumber() bool { return k == KindInt || k == KindFloat }

// isText reports whether values of the kind are texts: they compare with each other for equality.
func (k Kind) isText() bool { return k == KindString || k == KindUUID }

// compares reports whether values of two kinds compare with each other. An int beside a time
// counts the seconds since 1970 (UTC).
func (k Kind) compares(with Kind) bool {
	switch {
	case k == KindStrings || k == KindParent:
		return false
	case k.IsNumber() && with.IsNumber() || k.isText() && with.isText():
		return true
	case k == KindTime && with == KindInt || k == KindInt && with == KindTime:
		return true
	}
	return k == with
}

// Takes reports whether a value of Go is of a type that the kind takes, in range or not:
// string, bool, []string, any integer type for int, and these or a floating-point type for
// float; a time.Time for time; a string or a [16]byte for uuid; and for parent what answers Get,
// as a source of attributes does.
func (k Kind) Takes(x any) bool {
	switch x.(type) {
	case string:
		return k == KindString || k == KindUUID
	case bool:
		return k == KindBool
	case []string:
		return k == KindStrings
	case int, int64, int32, int16, int8, uint, uint64, uint32, uint16, uint8:
		return k.IsNumber()
	case float64, float32:
		return k == KindFloat
	case time.Time:
		return k == KindTime
	case [16]byte:
		return k == KindUUID
	case Source:
		return k == KindParent
	}
	return false
}

// Source answers for the attributes of a parent.
type Source interface {
	Get(name string) (any, bool)
}

// isKind reports whether the kind is that of a value.
func (k Kind) isKind() bool { return k >= KindString && k <= KindParent }
