package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/reevehq/reeve/tenant"
)

// Errors of this package. None of them ever comes with an allow.
var (
	// ErrInvalid means that a policy cannot be loaded. Every *[Error] wraps it.
	ErrInvalid = errors.New("policy: invalid policy")

	// ErrRequest means that a request is malformed, so that no policy can decide it.
	ErrRequest = errors.New("policy: invalid request")

	// ErrMisused means that the service asks in a way that a mistake in its code is the only
	// reason for: about an object that has an id and no tenant, of a type that no file
	// names, or with an attribute of another type than attributes.csv declares. The text
	// says what to write instead. It wraps [ErrRequest].
	ErrMisused error = misuse{}

	// ErrTenantHeld means that a policy took effect, but for the tenants whose own files do
	// not load: these stay at their last good rules, or are closed. See [Engine.Reload].
	ErrTenantHeld = errors.New("policy: not in effect for every tenant")

	// ErrTenantClosed means that nothing is decided for a tenant, since its own file does
	// not load and it has no good one from before. It is an outage of that tenant.
	ErrTenantClosed = errors.New("policy: the tenant is closed until its own file loads")

	// ErrNotListed means that no filter is made for objects of a type: attributes.csv has no row
	// of kind tenant for it, which says in which column of their table their tenant stands. It
	// wraps [ErrMisused].
	ErrNotListed = fmt.Errorf("%w: the type is not listed", ErrMisused)

	// ErrFilterTooLarge means that a caller's rules are more than one filter may compare: 256
	// comparisons. It is no denial: the rules are for the policy's editor to join.
	ErrFilterTooLarge = errors.New("policy: the filter is too large")

	// ErrNotLoaded means that an Engine was not made by [Load] and has no policy.
	ErrNotLoaded = errors.New("policy: no policy is loaded")
)

// misuse is the type of [ErrMisused].
type misuse struct{}

func (misuse) Error() string { return "policy: misused" }

func (misuse) Unwrap() error { return ErrRequest }

// Error is one thing that is wrong with a policy, and where. [Load] and [Engine.Reload]
// report every one at once, joined and sorted by position.
type Error struct {
	File string // as named in the policy's file system
	Line int    // from 1; 0 when the file as a whole is meant
	Col  int    // from 1, in bytes; 0 when Line is
	Msg  string

	Code     Code     // the kind of mistake
	Severity Severity // [SeverityError] in what Load reports
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
type problems struct {
	list  []problem
	about tenant.ID // whose own file the problems that follow come from; zero for none's

	tooLarge bool // all that is wrong is that there is too much
}

// problem is an error, and the tenant whose own file it comes from, if it comes from one.
type problem struct {
	*Error
	about tenant.ID
}

func (p *problems) add(code Code, file string, line, col int, format string, args ...any) {
	p.list = append(p.list, problem{&Error{File: file, Line: line, Col: col, Msg: fmt.Sprintf(format, args...), Code: code}, p.about})
}

// clone returns problems that may be sorted while others read p.
func (p *problems) clone() problems {
	c := *p
	c.list = slices.Clone(p.list)
	return c
}

// err returns all problems in the order of the files, or nil.
func (p *problems) err() error {
	return joined(p.list)
}

func joined(list []problem) error {
	slices.SortStableFunc(list, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	all := make([]error, len(list))
	for i, problem := range list {
		all[i] = problem.Error
	}
	return errors.Join(all...)
}
