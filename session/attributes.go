package session

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"unicode/utf8"
)

// Limits of a session's attributes.
const (
	MaxAttributes       = 64   // attributes of one session
	MaxAttributeLength  = 1024 // bytes of a string value
	MaxAttributeStrings = 64   // elements of a list of strings
)

// Attributes is an immutable set of facts about the user that policies may compare:
// department, clearance, regions. Values are string, bool, int64, float64 or []string.
// The zero Attributes is empty.
type Attributes struct{ values map[string]any }

// NewAttributes copies values. An int becomes an int64. A value of another type, text
// that is not UTF-8, NaN or an infinity, or anything over a limit is an error wrapping
// [ErrInvalid].
func NewAttributes(values map[string]any) (Attributes, error) {
	if len(values) > MaxAttributes {
		return Attributes{}, fmt.Errorf("%w: %d attributes, at most %d are allowed", ErrInvalid, len(values), MaxAttributes)
	}
	if len(values) == 0 {
		return Attributes{}, nil
	}
	set := make(map[string]any, len(values))
	for name, v := range values {
		if err := checkName("attribute", name); err != nil {
			return Attributes{}, err
		}
		clean, err := cleanValue(v)
		if err != nil {
			return Attributes{}, fmt.Errorf("%w: attribute %q: %s", ErrInvalid, name, err)
		}
		set[name] = clean
	}
	return Attributes{set}, nil
}

func cleanValue(v any) (any, error) {
	switch v := v.(type) {
	case bool, int64:
		return v, nil
	case int:
		return int64(v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("not a finite number")
		}
		return v, nil
	case string:
		return v, checkText(v)
	case []string:
		if len(v) > MaxAttributeStrings {
			return nil, fmt.Errorf("%d elements, at most %d are allowed", len(v), MaxAttributeStrings)
		}
		for _, s := range v {
			if err := checkText(s); err != nil {
				return nil, err
			}
		}
		return append([]string{}, v...), nil
	}
	return nil, fmt.Errorf("%T is not string, bool, int64, float64 or []string", v)
}

func checkText(s string) error {
	if len(s) > MaxAttributeLength {
		return fmt.Errorf("%d bytes, at most %d are allowed", len(s), MaxAttributeLength)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("not UTF-8")
	}
	return nil
}

// Get returns the value of name, and false when there is none. A []string is shared:
// it must not be written to.
func (a Attributes) Get(name string) (any, bool) {
	v, ok := a.values[name]
	return v, ok
}

// Len returns the number of attributes.
func (a Attributes) Len() int { return len(a.values) }

// All iterates over the attributes in no fixed order.
func (a Attributes) All() iter.Seq2[string, any] { return maps.All(a.values) }
