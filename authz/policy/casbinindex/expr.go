package casbinindex

// exprKind says what an expr computes. The names follow Casbin's expression language.
type exprKind uint8

const (
	exprLiteral exprKind = iota // lit
	exprSource                  // at: what the request says, a value or an attribute of it
	exprField                   // at: a value of the rule
	exprAnd
	exprOr
	exprNot
	exprEqual
	exprNotEqual
	exprLess
	exprLessEqual
	exprGreater
	exprGreaterEqual
	exprInList    // args[0] is one of the literals args[1:]
	exprIn        // args[0] is an element of args[1]
	exprCall      // fn
	exprRole      // at: a g section; args as in g(…)
	exprEval      // at: the field of the rule that holds an expression
	exprGovaluate // evaluated by govaluate
	exprFail      // always an error: why
)

// expr is a matcher, or part of one. Nothing in it changes once it is parsed.
type expr struct {
	kind      exprKind
	at        int
	lit       value
	args      []*expr
	fn        *function
	govaluate *govaluateExpr
	why       string
	text      string // for people
}

func isLogic(k exprKind) bool { return k == exprAnd || k == exprOr || k == exprNot }

func literalBool(b bool) *expr {
	text := "false"
	if b {
		text = "true"
	}
	return &expr{kind: exprLiteral, lit: boolValue(b), text: text}
}

// isBool reports whether e is the literal b.
func (e *expr) isBool(b bool) bool {
	return e.kind == exprLiteral && e.lit.kind == valueBool && e.lit.isTrue() == b
}

// alwaysBool reports whether e, when it is no error, is a bool.
func (e *expr) alwaysBool() bool {
	switch e.kind {
	case exprLiteral:
		return e.lit.kind == valueBool
	case exprSource, exprField, exprEval, exprGovaluate:
		return false
	case exprCall:
		return e.fn.match != nil
	}
	return true
}

// walk calls f for e and everything in it.
func (e *expr) walk(f func(*expr)) {
	f(e)
	for _, a := range e.args {
		a.walk(f)
	}
}

// asksRequest reports whether the value of e depends on anything but the rule.
func (e *expr) asksRequest() bool {
	found := false
	e.walk(func(x *expr) {
		switch x.kind {
		case exprSource, exprCall, exprRole, exprEval, exprGovaluate, exprFail:
			found = true
		}
	})
	return found
}

// asksRule reports whether the value of e depends on the rule.
func (e *expr) asksRule() bool {
	found := false
	e.walk(func(x *expr) {
		if x.kind == exprField || x.kind == exprEval || x.kind == exprGovaluate {
			found = true
		}
	})
	return found
}
