package policy

import (
	"errors"
	"fmt"
	"reflect"
	"unicode"
	"unicode/utf8"
)

type cellKind uint8

const (
	cellOther cellKind = iota // in x, nil too
	cellString
	cellNumber
	cellBool
)

// cell is a value of a matcher as Casbin's evaluator sees it: Go's own strings, float64 and
// bools; the sized integers and float32 become float64; a uint or a named type stays what
// it is and equals no literal.
type cell struct {
	kind cellKind
	s    string
	n    float64 // 1 for true
	x    any
}

func stringCell(s string) cell { return cell{kind: cellString, s: s} }

func boolCell(b bool) cell {
	if b {
		return cell{kind: cellBool, n: 1}
	}
	return cell{kind: cellBool}
}

func numberCell(n float64) cell { return cell{kind: cellNumber, n: n} }

func cellOf(x any) cell {
	switch v := x.(type) {
	case string:
		return stringCell(v)
	case bool:
		return boolCell(v)
	case float64:
		return numberCell(v)
	case float32:
		return numberCell(float64(v))
	case int:
		return numberCell(float64(v))
	case int64:
		return numberCell(float64(v))
	case int32:
		return numberCell(float64(v))
	case int16:
		return numberCell(float64(v))
	case int8:
		return numberCell(float64(v))
	case uint64:
		return numberCell(float64(v))
	case uint32:
		return numberCell(float64(v))
	case uint16:
		return numberCell(float64(v))
	case uint8:
		return numberCell(float64(v))
	}
	return cell{x: x}
}

func (c *cell) isTrue() bool { return c.n != 0 }

// value returns the cell as functions and reflect see it.
func (c *cell) value() any {
	switch c.kind {
	case cellString:
		return c.s
	case cellNumber:
		return c.n
	case cellBool:
		return c.isTrue()
	}
	return c.x
}

func (c *cell) equals(d *cell) bool {
	switch {
	case c.kind != d.kind:
		return false
	case c.kind == cellString:
		return c.s == d.s
	case c.kind == cellOther:
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
func access(x any, path []string) (cell, error) {
	for _, name := range path {
		if m, ok := x.(map[string]any); ok {
			if x, ok = m[name]; !ok {
				return cell{}, errNoAttribute
			}
			continue
		}
		var err error
		if x, err = accessByReflection(x, name); err != nil {
			return cell{}, err
		}
	}
	c := cellOf(x)
	if c.kind == cellOther && x != nil && reflect.TypeOf(x).Kind() == reflect.Func {
		return cell{}, errMethod
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
