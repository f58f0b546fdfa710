package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Errors of this package. None of them ever comes with an allow.
var (
	// ErrInvalid means that a policy cannot be loaded. Every *[Error] wraps it.
	ErrInvalid = errors.New("policy: invalid policy")

	// ErrRequest means that a request is malformed, so that no policy can decide it.
	ErrRequest = errors.New("policy: invalid request")

	// ErrNotLoaded means that an Engine was not made by [Load] and has no policy.
	ErrNotLoaded = errors.New("policy: no policy is loaded")
)

// Error is one thing that is wrong with a policy, and where. [Load] and [Engine.Reload]
// report every one at once, joined and sorted by position.
type Error struct {
	File string // as named in the policy's file system
	Line int    // from 1; 0 when the file as a whole is meant
	Col  int    // from 1, in bytes; 0 when Line is
	Msg  string
}

// Error returns "file:line:col: message", the form editors jump to.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Msg
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg)
}

// Unwrap returns [ErrInvalid].
func (e *Error) Unwrap() error { return ErrInvalid }

// problems gathers what is wrong during one load.
type problems struct{ list []*Error }

func (p *problems) add(file string, line, col int, format string, args ...any) {
	p.list = append(p.list, &Error{File: file, Line: line, Col: col, Msg: fmt.Sprintf(format, args...)})
}

// err returns all problems in the order of the files, or nil.
func (p *problems) err() error {
	slices.SortStableFunc(p.list, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	all := make([]error, len(p.list))
	for i, e := range p.list {
		all[i] = e
	}
	return errors.Join(all...)
}
