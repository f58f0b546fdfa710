package casbinindex

import (
	"errors"
	"fmt"
	"reflect"
	"unicode"
	"unicode/utf8"
)

type valueKind uint8

const (
	valueOther valueKind = iota // in x, nil too
	valueString
	valueNumber
	valueBool
)

// value is a value of a matcher as Casbin's evaluator sees it: Go's own strings, float64 and
// bools; the sized integers and float32 become float64; a uint or a named type stays what
// it is and equals no literal.
type value struct {
	kind valueKind
	s    string
	n    float64 // 1 for true
	x    any
}

func stringValue(s string) value { return value{kind: valueString, s: s} }

func boolValue(b bool) value {
	if b {
		return value{kind: valueBool, n: 1}
	}
	return value{kind: valueBool}
}

func numberValue(n float64) value { return value{kind: valueNumber, n: n} }

func valueOf(x any) value {
	switch v := x.(type) {
	case string:
		return stringValue(v)
	case bool:
		return boolValue(v)
	case float64:
		return numberValue(v)
	case float32:
		return numberValue(float64(v))
	case int:
		return numberValue(float64(v))
	case int64:
		return numberValue(float64(v))
	case int32:
		return numberValue(float64(v))
	case int16:
		return numberValue(float64(v))
	case int8:
		return numberValue(float64(v))
	case uint64:
		return numberValue(float64(v))
	case uint32:
		return numberValue(float64(v))
	case uint16:
		return numberValue(float64(v))
	case uint8:
		return numberValue(float64(v))
	}
	return value{x: x}
}

func (c *value) isTrue() bool { return c.n != 0 }

// goValue returns the value as functions and reflect see it.
func (c *value) goValue() any {
	switch c.kind {
	case valueString:
		return c.s
	case valueNumber:
		return c.n
	case valueBool:
		return c.isTrue()
	}
	return c.x
}

func (c *value) equals(d *value) bool {
	switch {
	case c.kind != d.kind:
		return false
	case c.kind == valueString:
		return c.s == d.s
	case c.kind == valueOther:
		return reflect.DeepEqual(c.x, d.x)
	}
	return c.n == d.n
}

var (
	errNoAttribute = errors.New("an attribute is not there")
	errMethod      = errors.New("an attribute is a function: methods are not called")
)

// access follows a path of attributes through maps, structs and pointers to them. Where
// Casbin would call a method that the path names, or a function that it finds, access
// fails: a rule's text must not run the service's code.
func access(x any, path []string) (value, error) {
	for _, name := range path {
		if m, ok := x.(map[string]any); ok {
			if x, ok = m[name]; !ok {
				return value{}, errNoAttribute
			}
			continue
		}
		var err error
		if x, err = accessByReflection(x, name); err != nil {
			return value{}, err
		}
	}
	c := valueOf(x)
	if c.kind == valueOther && x != nil && reflect.TypeOf(x).Kind() == reflect.Func {
		return value{}, errMethod
	}
	return c, nil
}

func accessByReflection(x any, name string) (out any, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("attribute %s: %v", name, r)
		}
	}()
	v := reflect.ValueOf(x)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	var field reflect.Value
	switch v.Kind() {
	case reflect.Struct:
		if first, _ := utf8.DecodeRuneInString(name); unicode.ToUpper(first) != first {
			return nil, fmt.Errorf("the attribute %s of a struct is not exported", name)
		}
		field = v.FieldByName(name)
	case reflect.Map:
		field = v.MapIndex(reflect.ValueOf(name))
	default:
		return nil, fmt.Errorf("%T has no attributes", x)
	}
	if !field.IsValid() {
		return nil, errNoAttribute
	}
	return field.Interface(), nil
}
