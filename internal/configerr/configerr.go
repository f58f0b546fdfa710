// Package configerr gives the errors of all constructors one form:
//
//	session: invalid config: Key: required
//	Lifetime: 1s is not between 1m0s and 2160h0m0s
package configerr

import (
	"errors"
	"fmt"
)

// Problems collects everything that is wrong with a configuration. The zero Problems are none.
type Problems struct{ list []error }

// Add notes what is wrong with a field. The format is that of [fmt.Errorf].
func (p *Problems) Add(field, format string, args ...any) {
	p.list = append(p.list, fmt.Errorf("%s: %w", field, fmt.Errorf(format, args...)))
}

// Append notes problems that begin with their fields. Nil ones are none.
func (p *Problems) Append(problems ...error) {
	for _, err := range problems {
		if err != nil {
			p.list = append(p.list, err)
		}
	}
}

// Err returns one error for all problems of a configuration of pkg, and nil when there are
// none. It wraps each of them, and kind unless that is nil.
func (p *Problems) Err(pkg string, kind error) error {
	if len(p.list) == 0 {
		return nil
	}
	return &invalid{pkg, kind, errors.Join(p.list...)}
}

type invalid struct {
	pkg      string
	kind     error
	problems error
}

func (e *invalid) Error() string { return e.pkg + ": invalid config: " + e.problems.Error() }

func (e *invalid) Unwrap() []error {
	if e.kind == nil {
		return []error{e.problems}
	}
	return []error{e.kind, e.problems}
}
