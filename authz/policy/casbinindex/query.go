package casbinindex

import (
	"errors"
	"fmt"

	"github.com/casbin/govaluate"

	"github.com/reevehq/reeve/internal/lookup"
)

const maxEvals = 8 // evals within evals; Casbin has no limit and overflows the stack

// query is one request on its way to a decision. It lives on the stack of Enforce, and so
// does everything in it: anything handed to others is a copy, and no pointer into it is kept.
type query struct {
	v          *compiledModel
	rvals      []any
	inputs     [inlineInputs]input // by source
	moreInputs []input             // of the sources beyond
	roles      [maxRoleKeys]callerRoles
	walks      [maxRoleKeys]*roleWalk // given back in the end
	paths      [maxPaths]terminals
	depth      int
	err        error
}

func newQuery(v *compiledModel, rvals []any) query {
	q := query{v: v, rvals: rvals}
	if n := len(v.sources); n > inlineInputs {
		q.moreInputs = make([]input, n-inlineInputs)
	}
	return q
}

func (q *query) fail(why string) value {
	if q.err == nil {
		q.err = errors.New(why)
	}
	return value{}
}

// term returns the term of a source's text, the zero term when the policy does not mention it.
func (q *query) term(i int) lookup.Term {
	f := q.input(i)
	if !f.resolved {
		f.resolved = true
		if f.kind == valueString && f.state == inputPresent {
			q.v.texts.Resolve(&f.term, f.s)
		}
	}
	return f.term
}

func (q *query) value(e *expr, rule int) value {
	switch e.kind {
	case exprLiteral:
		return e.lit
	case exprField:
		if rule < 0 {
			return stringValue("") // without rules, Casbin evaluates once with empty values
		}
		return stringValue(q.v.rows.field(rule, e.at))
	case exprSource:
		f := q.input(e.at)
		if f.state == inputMissing {
			return q.fail(q.v.sources[e.at].text + ": it is not there, or is a function")
		}
		return f.value
	case exprCall:
		return q.call(e, rule)
	case exprEval:
		return q.eval(e, rule)
	case exprGovaluate:
		x, err := e.govaluate.evaluate(govaluateParameters{q.v, q.rvals, rule, e.govaluate.accessor, q.depth})
		if err != nil {
			return q.fail(e.text + ": it cannot be evaluated") // govaluate's error tells values
		}
		return valueOf(x)
	case exprFail:
		return q.fail(e.why)
	}
	return boolValue(q.truth(e, rule))
}

// truth is the value of something that has to be a bool.
func (q *query) truth(e *expr, rule int) bool {
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
	if c.kind != valueBool && q.err == nil {
		q.fail(e.text + ": neither true nor false")
	}
	return c.isTrue() && q.err == nil
}

func (q *query) compare(e *expr, rule int) bool {
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
	if x.kind != y.kind || x.kind != valueString && x.kind != valueNumber {
		q.fail(e.text + ": values that cannot be compared")
		return false
	}
	var less, more bool
	if x.kind == valueString {
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

func (q *query) element(x, list *value, e *expr) bool {
	elements, ok := list.x.([]any)
	if !ok {
		q.fail(e.text + ": not a list of any values")
		return false
	}
	want := x.goValue()
	for _, v := range elements {
		c := valueOf(v)
		if want == c.goValue() { // panics as Casbin does for what == cannot compare
			return true
		}
	}
	return false
}

func (q *query) role(e *expr, rule int) bool {
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
		if c.kind != valueString && q.err == nil {
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

func (q *query) call(e *expr, rule int) value {
	if e.fn.match == nil || len(e.args) != 2 {
		return q.callAny(e, rule)
	}
	key := q.value(e.args[0], rule)
	pattern := q.value(e.args[1], rule)
	if q.err != nil {
		return value{}
	}
	if key.kind != valueString || pattern.kind != valueString {
		return q.callAny(e, rule)
	}
	if e.fn.prepare == nil {
		return boolValue(e.fn.match(key.s, pattern.s))
	}
	if p := q.v.pattern(e, rule); p != nil {
		return boolValue(p(key.s))
	}
	return boolValue(e.fn.match(key.s, pattern.s)) // panics for what is no pattern
}

func (q *query) callAny(e *expr, rule int) value {
	x, err := q.spread(e, rule, e.fn.call)
	switch {
	case err == nil:
		return valueOf(x)
	case e.fn.custom && q.err == nil:
		q.err = fmt.Errorf("%s: %w", e.text, err)
		return value{}
	}
	return q.fail(e.text + ": values that it does not take")
}

// spread calls f as govaluate does, which hands a list that comes first over as so many
// arguments.
func (q *query) spread(e *expr, rule int, f govaluate.ExpressionFunction) (any, error) {
	var args []any
	for i, a := range e.args {
		c := q.value(a, rule)
		if q.err != nil {
			return nil, q.err
		}
		x := c.goValue()
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
func (q *query) eval(e *expr, rule int) value {
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
func (q *query) matches(rule int) bool {
	if q.v.boolean {
		return q.truth(q.v.matcher, rule)
	}
	c := q.value(q.v.matcher, rule)
	if c.kind == valueOther || c.kind == valueString || rule < 0 && c.kind != valueBool {
		q.fail("the matcher is neither true, nor false, nor a number")
	}
	return q.err == nil && c.isTrue()
}
