package casbinindex

import "slices"

// risk is how a piece of a matcher can be an error.
type risk struct {
	unsure        bool           // whatever the request is
	preconditions []precondition // unless these are met
}

func (r *risk) add(kind preconditionKind, a, b int) {
	r.preconditions = append(r.preconditions, precondition{kind, a, b})
}

// judge finds the risks of e for rules with the given marks.
type judge struct {
	v     *compiledModel
	marks string
	risk
}

func (j *judge) truth(e *expr) {
	switch e.kind {
	case exprAnd, exprOr, exprNot:
		for _, a := range e.args {
			j.truth(a)
		}
	case exprEqual, exprNotEqual, exprLess, exprLessEqual, exprGreater, exprGreaterEqual, exprInList, exprIn:
		j.comparison(e)
	case exprLiteral:
		j.unsure = j.unsure || e.lit.kind != valueBool
	case exprSource:
		j.add(needsBool, e.at, 0)
	case exprRole:
		j.role(e)
	case exprCall:
		j.call(e)
	case exprEval:
		j.unsure = j.unsure || j.mark(e) == markError || j.mark(e) == markUnsure
	default:
		j.unsure = true
	}
}

// role judges a call of g.
func (j *judge) role(e *expr) {
	s := j.v.sections[e.at]
	j.unsure = j.unsure || len(e.args) < 2 || s.manager != nil
	for _, a := range e.args {
		j.text(a)
	}
	if j.unsure || !s.calls {
		return
	}
	if e.args[0].kind != exprSource || len(e.args) > 2 && e.args[2].kind == exprField {
		j.unsure = true
		return
	}
	i := slices.Index(j.v.calls, e)
	if i < 0 {
		i = len(j.v.calls)
		j.v.calls = append(j.v.calls, e)
	}
	j.add(needsRoles, i, 0)
}

func (j *judge) mark(e *expr) byte {
	if i, ok := j.v.atoms[e]; ok {
		return j.marks[i]
	}
	return markUnsure
}

// text judges what has to be a string.
func (j *judge) text(e *expr) {
	switch e.kind {
	case exprField:
	case exprLiteral:
		j.unsure = j.unsure || e.lit.kind != valueString
	case exprSource:
		j.add(needsString, e.at, 0)
	default:
		j.unsure = true
	}
}

// any judges what may be of any type.
func (j *judge) any(e *expr) {
	switch e.kind {
	case exprField, exprLiteral:
	case exprSource:
		j.add(needsPresent, e.at, 0)
	default:
		j.truth(e)
	}
}

func (j *judge) comparison(e *expr) {
	x, y := e.args[0], e.args[1]
	switch e.kind {
	case exprEqual, exprNotEqual:
		j.any(x)
		j.any(y)
		return
	case exprInList:
		j.any(x)
		return
	case exprIn:
		j.text(x)
		if y.kind != exprSource {
			j.unsure = true
			return
		}
		j.add(needsList, y.at, 0)
		return
	}
	if x.kind == exprSource && y.kind == exprSource {
		j.add(needsAlike, x.at, y.at)
		return
	}
	if x.kind != exprSource {
		x, y = y, x
	}
	switch {
	case x.kind != exprSource:
		j.unsure = true
	case y.kind == exprField || y.kind == exprLiteral && y.lit.kind == valueString:
		j.add(needsString, x.at, 0)
	case y.kind == exprLiteral && y.lit.kind == valueNumber:
		j.add(needsNumber, x.at, 0)
	default:
		j.unsure = true
	}
}

func (j *judge) call(e *expr) {
	if !e.fn.sure || len(e.args) != 2 {
		j.unsure = true
		return
	}
	j.text(e.args[0])
	j.text(e.args[1])
	// A pattern that is no pattern makes Casbin panic.
	if e.fn.prepare == nil || j.v.literals[e] != nil {
		return
	}
	j.unsure = j.unsure || j.mark(e) != markSafe
}
