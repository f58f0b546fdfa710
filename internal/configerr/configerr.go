// Package configerr gives the errors of all constructors one form:
//
//	session: invalid config: Key: required
//	Lifetime: 1s is not between 1m0s and 2160h0m0s
package configerr

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Problems collects everything that is wrong with a configuration. The zero Problems are none.
type Problems struct{ list []error }

// Add notes a problem of a field. The format is that of [fmt.Errorf].
func (p *Problems) Add(field, format string, args ...any) {
	p.list = append(p.list, fmt.Errorf("%s: %w", field, fmt.Errorf(format, args...)))
}

// Require notes a field that has no value, see [IsNil]. The hint says what to write: "for example
// policy.Load(…)"; "" says only that the field is required.
func (p *Problems) Require(field string, value any, hint string) {
	if !IsNil(value) {
		return
	}
	if hint != "" {
		hint = ", " + hint
	}
	p.Add(field, "required%s", hint)
}

// Append notes problems that begin with their fields. Nil ones are none.
func (p *Problems) Append(problems ...error) {
	for _, err := range problems {
		if err != nil {
			p.list = append(p.list, err)
		}
	}
}

// Within notes the problems of a configuration that is part of this one, without the name of the
// package that found them. The field is that of the part, "" where its fields are this one's own.
func (p *Problems) Within(field string, err error) {
	var part *invalid
	switch {
	case err == nil:
	case errors.As(err, &part) && field == "":
		p.list = append(p.list, part.problems...)
	case errors.As(err, &part):
		for _, problem := range part.problems {
			p.list = append(p.list, fmt.Errorf("%s.%w", field, problem))
		}
	default:
		p.Add(field, "%w", err)
	}
}

// Err returns one error for all problems of a configuration of pkg, and nil when there are
// none. It wraps each of them, and kind unless that is nil.
func (p *Problems) Err(pkg string, kind error) error {
	if len(p.list) == 0 {
		return nil
	}
	return &invalid{pkg, kind, slices.Clone(p.list)}
}

type invalid struct {
	pkg      string
	kind     error
	problems []error
}

func (e *invalid) Error() string {
	return e.pkg + ": invalid config: " + errors.Join(e.problems...).Error()
}

func (e *invalid) Unwrap() []error {
	if e.kind == nil {
		return e.problems
	}
	return append([]error{e.kind}, e.problems...)
}

// IsNil reports whether v is nil, or holds a pointer or a function that is: an interface with one
// in it is not nil itself, and panics when it is called.
func IsNil(v any) bool {
	if v == nil {
		return true
	}
	rv := reflect.ValueOf(v)
	return (rv.Kind() == reflect.Pointer || rv.Kind() == reflect.Func) && rv.IsNil()
}
