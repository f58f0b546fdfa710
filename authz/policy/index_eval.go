package policy

import (
	"errors"
	"fmt"

	"github.com/casbin/govaluate"
)

const maxEvals = 8 // evals within evals; Casbin has no limit and overflows the stack

// inquiry is one request on its way to a decision. It lives on the stack of Enforce, and so
// does everything in it: what is handed to others is a copy, and no pointer into it is kept.
type inquiry struct {
	v         *view
	rvals     []any
	facts     [inlineFacts]fact // by source
	moreFacts []fact            // of the sources beyond
	roles     [maxRoleKeys]holder
	walks     [maxRoleKeys]*roleWalk // given back in the end
	paths     [maxPaths]terminals
	depth     int
	err       error
}

const inlineFacts = 6 // sources of a request that are read without allocating

func newInquiry(v *view, rvals []any) inquiry {
	q := inquiry{v: v, rvals: rvals}
	if n := len(v.sources); n > inlineFacts {
		q.moreFacts = make([]fact, n-inlineFacts)
	}
	return q
}

// fact is what a request says to a source, found out when it is first asked.
type fact struct {
	cell
	state factState
	known bool // whether term is settled
	term  term
}

type factState uint8

const (
	factUnread factState = iota
	factThere
	factMissing
)

// holder is who asks, with all roles.
type holder struct {
	done bool
	self uint32
	has  []uint32
}

func (q *inquiry) fail(why string) cell {
	if q.err == nil {
		q.err = errors.New(why)
	}
	return cell{}
}

// fact reads a source once. An attribute that is missing is an error where it is asked.
func (q *inquiry) fact(i int) *fact {
	f := q.slot(i)
	if f.state != factUnread {
		return f
	}
	s := &q.v.sources[i]
	f.state = factThere
	if len(s.path) == 0 {
		f.cell = cellOf(q.rvals[s.param])
		return f
	}
	c, err := access(q.rvals[s.param], s.path)
	if err != nil {
		f.state = factMissing
		return f
	}
	f.cell = c
	return f
}

func (q *inquiry) slot(i int) *fact {
	if i < inlineFacts {
		return &q.facts[i]
	}
	return &q.moreFacts[i-inlineFacts]
}

// term returns the term of a source's text, the zero term when the policy does not mention it.
func (q *inquiry) term(i int) term {
	f := q.fact(i)
	if !f.known {
		f.known = true
		if f.kind == cellString && f.state == factThere {
			q.v.texts.settle(&f.term, f.s)
		}
	}
	return f.term
}

func (q *inquiry) value(e *expr, rule int) cell {
	switch e.kind {
	case exprLiteral:
		return e.lit
	case exprField:
		if rule < 0 {
			return stringCell("") // without rules, Casbin evaluates once with empty values
		}
		return stringCell(q.v.rows.field(rule, e.at))
	case exprSource:
		f := q.fact(e.at)
		if f.state == factMissing {
			return q.fail(q.v.sources[e.at].text + ": it is not there, or is a function")
		}
		return f.cell
	case exprCall:
		return q.call(e, rule)
	case exprEval:
		return q.eval(e, rule)
	case exprOpaque:
		x, err := e.opaque.evaluate(opaqueParameters{q.v, q.rvals, rule, e.opaque.accessor, q.depth})
		if err != nil {
			return q.fail(e.text + ": it cannot be evaluated") // govaluate's error tells values
		}
		return cellOf(x)
	case exprFail:
		return q.fail(e.why)
	}
	return boolCell(q.truth(e, rule))
}

// truth is the value of something that has to be a bool.
func (q *inquiry) truth(e *expr, rule int) bool {
	switch e.kind {
	case exprAnd:
		for _, a := range e.args {
			if !q.truth(a, rule) || q.err != nil {
				return false
			}
		}
		return true
	case exprOr:
		for _, a := range e.args {
			if q.truth(a, rule) || q.err != nil {
				return q.err == nil
			}
		}
		return false
	case exprNot:
		return !q.truth(e.args[0], rule) && q.err == nil
	case exprEqual, exprNotEqual, exprLess, exprLessEqual, exprGreater, exprGreaterEqual, exprIn:
		return q.compare(e, rule)
	case exprInList:
		x := q.value(e.args[0], rule)
		for _, a := range e.args[1:] {
			if x.equals(&a.lit) {
				return q.err == nil
			}
		}
		return false
	case exprRole:
		return q.role(e, rule)
	}
	c := q.value(e, rule)
	if c.kind != cellBool && q.err == nil {
		q.fail(e.text + ": neither true nor false")
	}
	return c.isTrue() && q.err == nil
}

func (q *inquiry) compare(e *expr, rule int) bool {
	x := q.value(e.args[0], rule)
	if q.err != nil {
		return false
	}
	y := q.value(e.args[1], rule)
	if q.err != nil {
		return false
	}
	switch e.kind {
	case exprEqual:
		return x.equals(&y)
	case exprNotEqual:
		return !x.equals(&y)
	case exprIn:
		return q.element(&x, &y, e)
	}
	if x.kind != y.kind || x.kind != cellString && x.kind != cellNumber {
		q.fail(e.text + ": values that cannot be compared")
		return false
	}
	var less, more bool
	if x.kind == cellString {
		less, more = x.s < y.s, x.s > y.s
	} else {
		less, more = x.n < y.n, x.n > y.n
	}
	switch e.kind {
	case exprLess:
		return less
	case exprLessEqual:
		return less || x.equals(&y)
	case exprGreater:
		return more
	}
	return more || x.equals(&y)
}

func (q *inquiry) element(x, list *cell, e *expr) bool {
	elements, ok := list.x.([]any)
	if !ok {
		q.fail(e.text + ": not a list of any values")
		return false
	}
	want := x.value()
	for _, v := range elements {
		c := cellOf(v)
		if want == c.value() { // panics as Casbin does for what == cannot compare
			return true
		}
	}
	return false
}

func (q *inquiry) role(e *expr, rule int) bool {
	var names [3]string
	if len(e.args) > len(names) || len(e.args) < 2 {
		x, err := q.spread(e, rule, q.v.ask(e.at))
		if err != nil && q.err == nil {
			q.err = err
		}
		return q.err == nil && x == true
	}
	for i, a := range e.args {
		c := q.value(a, rule)
		if c.kind != cellString && q.err == nil {
			x, err := q.spread(e, rule, q.v.ask(e.at))
			if err != nil && q.err == nil {
				q.err = err
			}
			return q.err == nil && x == true
		}
		names[i] = c.s
	}
	if q.err != nil {
		return false
	}
	has, err := q.v.has(q, e.at, names[:len(e.args)])
	if err != nil {
		q.fail(err.Error())
		return false
	}
	return has
}

func (q *inquiry) call(e *expr, rule int) cell {
	if e.fn.match == nil || len(e.args) != 2 {
		return q.callAny(e, rule)
	}
	key := q.value(e.args[0], rule)
	pattern := q.value(e.args[1], rule)
	if q.err != nil {
		return cell{}
	}
	if key.kind != cellString || pattern.kind != cellString {
		return q.callAny(e, rule)
	}
	if e.fn.prepare == nil {
		return boolCell(e.fn.match(key.s, pattern.s))
	}
	if p := q.v.pattern(e, rule); p != nil {
		return boolCell(p(key.s))
	}
	return boolCell(e.fn.match(key.s, pattern.s)) // panics for what is no pattern
}

func (q *inquiry) callAny(e *expr, rule int) cell {
	x, err := q.spread(e, rule, e.fn.call)
	switch {
	case err == nil:
		return cellOf(x)
	case e.fn.custom && q.err == nil:
		q.err = fmt.Errorf("%s: %w", e.text, err)
		return cell{}
	}
	return q.fail(e.text + ": values that it does not take")
}

// spread calls f as govaluate does, which hands a list that comes first over as so many
// arguments.
func (q *inquiry) spread(e *expr, rule int, f govaluate.ExpressionFunction) (any, error) {
	var args []any
	for i, a := range e.args {
		c := q.value(a, rule)
		if q.err != nil {
			return nil, q.err
		}
		x := c.value()
		list, isList := x.([]any)
		switch {
		case i == 0 && isList:
			args = append(args, list...)
		case i == 0 && x == nil && len(e.args) == 1:
		default:
			args = append(args, x)
		}
	}
	return f(args...)
}

// eval evaluates the text that stands in the rule.
func (q *inquiry) eval(e *expr, rule int) cell {
	if rule < 0 {
		return q.fail("eval without a rule")
	}
	if q.depth == maxEvals {
		return q.fail("eval within eval within eval")
	}
	q.depth++
	c := q.value(q.v.conditions[q.v.rows.id(rule, e.at)], rule)
	q.depth--
	return c
}

// matches is the value of the whole matcher for a rule, or for none (-1).
func (q *inquiry) matches(rule int) bool {
	if q.v.boolean {
		return q.truth(q.v.matcher, rule)
	}
	c := q.value(q.v.matcher, rule)
	if c.kind == cellOther || c.kind == cellString || rule < 0 && c.kind != cellBool {
		q.fail("the matcher is neither true, nor false, nor a number")
	}
	return q.err == nil && c.isTrue()
}
