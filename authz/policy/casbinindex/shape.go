package casbinindex

// ruleShape is the matcher that is left for rules that are alike: once the parts of it that ask
// the rule alone have their values, the rest is the same for all of them.
type ruleShape struct {
	marks         string // by atom
	matcher       *expr
	rules         []uint32       // sorted
	preconditions []precondition // of the expressions in the rules
}

// The marks of an atom for a rule.
const (
	markFalse  = 'f'
	markTrue   = 't'
	markError  = 'e' // always an error, or a pattern or an expression that can be one
	markSafe   = 's' // a pattern that compiles; an expression that is a bool once its preconditions are met
	markUnsure = 'u' // an expression of which nothing is known
)

// precondition is a demand on a request without which a piece of a matcher is an error. While all preconditions
// are met, && and || can be reordered; otherwise they are evaluated as Casbin does.
type precondition struct {
	kind preconditionKind
	a, b int // sources
}

type preconditionKind uint8

const (
	needsPresent preconditionKind = iota
	needsString
	needsNumber
	needsBool
	needsAlike // a and b are both strings or both numbers
	needsList
	needsRoles // no matching function of the service panics on the roles of call a of calls
)

func (q *query) meets(needs []precondition) bool {
	for _, n := range needs {
		if n.kind == needsRoles {
			if !q.hasRoles(q.v.calls[n.a]) {
				return false
			}
			continue
		}
		f := q.input(n.a)
		ok := f.state == inputPresent
		switch n.kind {
		case needsString:
			ok = ok && f.kind == valueString
		case needsNumber:
			ok = ok && f.kind == valueNumber
		case needsBool:
			ok = ok && f.kind == valueBool
		case needsList:
			_, isList := f.x.([]any)
			ok = ok && isList
		case needsAlike:
			g := q.input(n.b)
			ok = ok && g.state == inputPresent && f.kind == g.kind && (f.kind == valueString || f.kind == valueNumber)
		}
		if !ok {
			return false
		}
	}
	return true
}

// hasRoles reports whether the roles that a call of g asks for can be found.
func (q *query) hasRoles(e *expr) bool {
	name, domain := q.value(e.args[0], -1), value{}
	if len(e.args) > 2 {
		domain = q.value(e.args[2], -1)
	}
	if q.err != nil || name.kind != valueString {
		q.err = nil
		return false
	}
	if !q.v.sections[e.at].domains {
		domain.s = ""
	}
	w, kept := q.walk(e.at, name.s, domain.s)
	ok := w.err == nil
	if !kept {
		w.free()
	}
	return ok
}

// atomize lists the pieces of the matcher whose value, or whose safety, the rule decides.
func (v *compiledModel) atomize(e *expr) {
	if _, done := v.atoms[e]; done {
		return
	}
	prepared := e.kind == exprCall && e.fn.prepare != nil && len(e.args) == 2 && e.args[1].kind == exprField
	if prepared || e.kind == exprEval || e.kind != exprLiteral && e.kind != exprField && !e.asksRequest() {
		v.atoms[e] = len(v.atomList)
		v.atomList = append(v.atomList, e)
		return
	}
	for _, a := range e.args {
		v.atomize(a)
	}
}

// simplify returns e for rules with the given marks. The parts that it leaves out are no errors and
// have no consequence.
func (v *compiledModel) simplify(e *expr, marks string) *expr {
	if i, ok := v.atoms[e]; ok {
		switch marks[i] {
		case markTrue:
			return literalBool(true)
		case markFalse:
			return literalBool(false)
		case markError:
			if e.kind != exprCall && e.kind != exprEval {
				return &expr{kind: exprFail, why: e.text + ": values that cannot be compared", text: e.text}
			}
		}
		return e
	}
	if !isLogic(e.kind) {
		return e
	}
	out := &expr{kind: e.kind, text: e.text}
	for _, a := range e.args {
		out.args = append(out.args, v.simplify(a, marks))
	}
	switch e.kind {
	case exprNot:
		if x := out.args[0]; x.isBool(true) || x.isBool(false) {
			return literalBool(x.isBool(false))
		}
		return out
	case exprAnd:
		return out.fold(false)
	}
	return out.fold(true)
}

// fold shortens && (which stops at false) and || (which stops at true).
func (e *expr) fold(stop bool) *expr {
	var args []*expr
	for _, a := range e.args {
		if a.isBool(!stop) {
			continue
		}
		args = append(args, a)
		if a.isBool(stop) {
			break
		}
	}
	if len(args) == 0 {
		return literalBool(!stop)
	}
	if len(args) == 1 && (args[0].alwaysBool() || isLogic(args[0].kind)) {
		return args[0]
	}
	return &expr{kind: e.kind, args: args, text: e.text}
}
