package casbinindex

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/casbin/govaluate"
)

// govaluateExpr is a piece of a matcher that only govaluate understands, such as arithmetic.
type govaluateExpr struct {
	tokens    []govaluate.ExpressionToken // with accessors as variables, and eval as itself
	accessor  map[string][]string
	whole     *govaluate.EvaluableExpression // nil when the piece has an eval
	roleCalls []roleCall                     // its calls of g
	calls     bool                           // whether it calls a function of the service
}

// leave makes an expr that govaluate evaluates. Attributes are looked up by us also there,
// so that no method is called.
func (l *language) leave(tokens []govaluate.ExpressionToken) (*expr, error) {
	o := &govaluateExpr{tokens: slices.Clone(tokens), accessor: map[string][]string{}}
	text, eval := describe(tokens), false
	for i, t := range tokens {
		switch t.Kind {
		case govaluate.ACCESSOR:
			if i+1 < len(tokens) && tokens[i+1].Kind == govaluate.CLAUSE {
				return &expr{kind: exprFail, why: text + " calls a method", text: text}, nil
			}
			path, _ := t.Value.([]string)
			name := strings.Join(path, ".")
			o.accessor[name] = path
			o.tokens[i] = govaluate.ExpressionToken{Kind: govaluate.VARIABLE, Value: name}
		case govaluate.FUNCTION:
			name := functionName(t)
			role, isRole := l.roles[name]
			switch {
			case name == "eval" && l.eval:
				field, ok := l.evalField(tokens[i+1:])
				if !ok {
					return &expr{kind: exprFail, why: "eval of anything but a value of the rule", text: text}, nil
				}
				l.evals[field] = true
				eval = true
			case isRole:
				o.tokens[i].Value = l.ask(role)
				o.roleCalls = append(o.roleCalls, roleCall{role, l.second(tokens[i+1:])})
			default:
				o.tokens[i].Value = l.functions[name].call
				o.calls = o.calls || l.functions[name].custom
			}
		}
	}
	whole, err := govaluate.NewEvaluableExpressionFromTokens(o.tokens)
	if err != nil {
		return nil, err
	}
	if !eval {
		o.whole = whole
	}
	return &expr{kind: exprGovaluate, govaluate: o, text: text}, nil
}

// second returns the second value of a call, whose parentheses come first, nil when there is
// none.
func (l *language) second(tokens []govaluate.ExpressionToken) *expr {
	end := closing(tokens)
	if end < 1 {
		return nil
	}
	parts := split(tokens[1:end], govaluate.SEPARATOR, ",")
	if len(parts) < 2 {
		return nil
	}
	e, err := l.level(parts[1])
	if err != nil {
		return &expr{kind: exprFail, why: err.Error()}
	}
	return e
}

// evalField returns the field that (p.field) names.
func (l *language) evalField(tokens []govaluate.ExpressionToken) (int, bool) {
	if closing(tokens) != 2 || tokens[1].Kind != govaluate.VARIABLE {
		return 0, false
	}
	name, _ := tokens[1].Value.(string)
	field, ok := l.rule[name]
	return field, ok && strings.HasPrefix(name, "p")
}

// govaluateParameters answers govaluate's questions.
type govaluateParameters struct {
	v        *compiledModel
	rvals    []any
	rule     int
	accessor map[string][]string
	depth    int
}

// Get returns the value of a name.
func (p govaluateParameters) Get(name string) (any, error) {
	path := p.accessor[name]
	if path != nil {
		name = path[0]
	}
	if i, ok := p.v.language.request[name]; ok && strings.HasPrefix(name, "r") {
		if path == nil {
			return p.rvals[i], nil
		}
		c, err := access(p.rvals[i], path[1:])
		return c.goValue(), err
	}
	if i, ok := p.v.language.rule[name]; ok && strings.HasPrefix(name, "p") && path == nil {
		if p.rule < 0 {
			return "", nil
		}
		return p.v.rows.field(p.rule, i), nil
	}
	return nil, fmt.Errorf("%s is not defined", name)
}

func (o *govaluateExpr) evaluate(p govaluateParameters) (any, error) {
	if o.whole != nil {
		return o.whole.Eval(p)
	}
	tokens := append([]govaluate.ExpressionToken(nil), o.tokens...)
	for i, t := range tokens {
		if t.Kind == govaluate.FUNCTION && functionName(t) == "eval" {
			tokens[i].Value = govaluate.ExpressionFunction(p.eval)
		}
	}
	whole, err := govaluate.NewEvaluableExpressionFromTokens(tokens)
	if err != nil {
		return nil, err
	}
	return whole.Eval(p)
}

// eval evaluates a text that is a value of the rule.
func (p govaluateParameters) eval(args ...any) (any, error) {
	if len(args) != 1 || p.rule < 0 || p.depth == maxEvals {
		return nil, errors.New("eval takes one value of a rule")
	}
	text, ok := args[0].(string)
	for i := range p.v.rows.width {
		if !ok || p.v.rows.field(p.rule, i) != text {
			continue
		}
		e := p.v.conditions[p.v.rows.id(p.rule, i)]
		if e == nil {
			break
		}
		q := newQuery(p.v, p.rvals)
		q.depth = p.depth + 1
		defer q.end()
		c := q.value(e, p.rule)
		return c.goValue(), q.err
	}
	return nil, errors.New("eval of anything but a value of the rule")
}
