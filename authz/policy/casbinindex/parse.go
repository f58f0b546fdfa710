package casbinindex

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/casbin/casbin/v2/util"
	"github.com/casbin/govaluate"
)

// source is something that a matcher asks of a request.
type source struct {
	param int
	path  []string // attributes of the value; empty for the value itself
	text  string
}

// language has the meanings of the names in a matcher.
type language struct {
	request, rule map[string]int // r_… and p_… to their positions
	functions     map[string]*function
	roles         map[string]int // the g sections to their positions
	ask           func(role int) govaluate.ExpressionFunction
	eval          bool // whether eval is a function
	sources       []source
	evals         map[int]bool // the fields of rules that hold expressions
}

// The size of an expression. An expression that is evaluated at each decision is read by recursion,
// and costs as much as it is long.
const (
	maxExpression  = 64<<10 - 1 // bytes, as Casbin's CSV reader allows for a line
	maxParentheses = 200        // parentheses within each other
)

func checkSize(text string) error {
	if len(text) > maxExpression {
		return fmt.Errorf("the expression is %d bytes long, at most %d are allowed", len(text), maxExpression)
	}
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '(', '[':
			if depth++; depth > maxParentheses {
				return fmt.Errorf("the expression has more than %d parentheses within each other", maxParentheses)
			}
		case ')', ']':
			depth--
		}
	}
	return nil
}

// parse turns a matcher, or the text of an eval, into an expr. Casbin's own lexer reads the text,
// and its parser checks it, so that every text which Casbin refuses is refused.
func (l *language) parse(text string) (e *expr, err error) {
	defer func() {
		if r := recover(); r != nil { // govaluate's, on an empty text for one
			e, err = nil, fmt.Errorf("not an expression: %v", r)
		}
	}()
	names := map[string]govaluate.ExpressionFunction{}
	mark := func(name string) {
		names[name] = func(...any) (any, error) { return name, nil }
	}
	for name := range l.functions {
		mark(name)
	}
	for name := range l.roles {
		mark(name)
	}
	if l.eval {
		mark("eval")
	}
	parsed, err := govaluate.NewEvaluableExpressionWithFunctions(text, names)
	if err != nil {
		return nil, err
	}
	tokens := parsed.Tokens()
	if len(tokens) == 0 {
		return &expr{kind: exprFail, why: "an empty expression"}, nil
	}
	return l.level(tokens)
}

// level parses what stands between two parentheses, or a whole text. It takes apart || and
// && and leaves to govaluate what it does not know.
func (l *language) level(tokens []govaluate.ExpressionToken) (*expr, error) {
	if slices.ContainsFunc(outer(tokens), func(i int) bool {
		return tokens[i].Kind == govaluate.TERNARY || tokens[i].Kind == govaluate.SEPARATOR
	}) {
		return l.leave(tokens)
	}
	return l.chain(tokens, "||", exprOr, func(part []govaluate.ExpressionToken) (*expr, error) {
		return l.chain(part, "&&", exprAnd, l.comparison)
	})
}

// outer returns the positions of the tokens that stand in no parentheses.
func outer(tokens []govaluate.ExpressionToken) []int {
	var out []int
	depth := 0
	for i, t := range tokens {
		switch t.Kind {
		case govaluate.CLAUSE:
			depth++
		case govaluate.CLAUSE_CLOSE:
			depth--
		default:
			if depth == 0 {
				out = append(out, i)
			}
		}
	}
	return out
}

func split(tokens []govaluate.ExpressionToken, kind govaluate.TokenKind, text string) [][]govaluate.ExpressionToken {
	var parts [][]govaluate.ExpressionToken
	from := 0
	for _, i := range outer(tokens) {
		if tokens[i].Kind == kind && tokens[i].Value == text {
			parts = append(parts, tokens[from:i])
			from = i + 1
		}
	}
	return append(parts, tokens[from:])
}

func (l *language) chain(tokens []govaluate.ExpressionToken, symbol string, kind exprKind, next func([]govaluate.ExpressionToken) (*expr, error)) (*expr, error) {
	parts := split(tokens, govaluate.LOGICALOP, symbol)
	if len(parts) == 1 {
		return next(tokens)
	}
	e := &expr{kind: kind, text: describe(tokens)}
	for _, part := range parts {
		x, err := next(part)
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, x)
	}
	return e, nil
}

var comparisons = map[any]exprKind{
	"==": exprEqual, "!=": exprNotEqual, "<": exprLess, "<=": exprLessEqual, ">": exprGreater, ">=": exprGreaterEqual,
}

func (l *language) comparison(tokens []govaluate.ExpressionToken) (*expr, error) {
	var at []int
	for _, i := range outer(tokens) {
		switch tokens[i].Kind {
		case govaluate.COMPARATOR:
			at = append(at, i)
		case govaluate.MODIFIER:
			return l.leave(tokens)
		}
	}
	if len(at) == 0 {
		return l.operand(tokens)
	}
	if len(at) > 1 {
		return l.leave(tokens)
	}
	left, right := tokens[:at[0]], tokens[at[0]+1:]
	if tokens[at[0]].Value == "in" {
		return l.in(tokens, left, right)
	}
	kind, known := comparisons[tokens[at[0]].Value]
	if !known {
		return l.leave(tokens)
	}
	x, err := l.operand(left)
	if err != nil {
		return nil, err
	}
	y, err := l.operand(right)
	return &expr{kind: kind, args: []*expr{x, y}, text: describe(tokens)}, err
}

func (l *language) in(tokens, left, right []govaluate.ExpressionToken) (*expr, error) {
	x, err := l.operand(left)
	if err != nil {
		return nil, err
	}
	e := &expr{args: []*expr{x}, text: describe(tokens)}
	if len(right) == 1 {
		list, err := l.operand(right)
		e.kind, e.args = exprIn, append(e.args, list)
		return e, err
	}
	if right[0].Kind != govaluate.CLAUSE || closing(right) != len(right)-1 {
		return l.leave(tokens)
	}
	e.kind = exprInList
	for _, part := range split(right[1:len(right)-1], govaluate.SEPARATOR, ",") {
		if len(part) != 1 {
			return l.leave(tokens)
		}
		v, ok := literal(part[0])
		if !ok {
			return l.leave(tokens)
		}
		e.args = append(e.args, v)
	}
	return e, nil
}

// closing returns where the parenthesis closes that tokens[0] opens.
func closing(tokens []govaluate.ExpressionToken) int {
	depth := 0
	for i, t := range tokens {
		switch t.Kind {
		case govaluate.CLAUSE:
			depth++
		case govaluate.CLAUSE_CLOSE:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func literal(t govaluate.ExpressionToken) (*expr, bool) {
	text := describe([]govaluate.ExpressionToken{t})
	switch v := t.Value.(type) {
	case string:
		return &expr{lit: stringValue(v), text: text}, t.Kind == govaluate.STRING
	case float64:
		return &expr{lit: numberValue(v), text: text}, true
	case bool:
		return &expr{lit: boolValue(v), text: text}, true
	case time.Time:
		return &expr{lit: numberValue(float64(v.Unix())), text: text}, true
	}
	return nil, false
}

func (l *language) operand(tokens []govaluate.ExpressionToken) (*expr, error) {
	if len(tokens) == 0 {
		return nil, fmt.Errorf("an operand is missing")
	}
	first := tokens[0]
	if first.Kind == govaluate.PREFIX {
		return l.prefixed(tokens)
	}
	if len(tokens) == 1 {
		return l.single(first), nil
	}
	open := tokens[1:]
	if first.Kind == govaluate.CLAUSE {
		open = tokens
	}
	end := closing(open)
	if open[0].Kind != govaluate.CLAUSE || end != len(open)-1 || first.Kind == govaluate.ACCESSOR {
		return l.leave(tokens)
	}
	inner := open[1:end]
	if first.Kind == govaluate.CLAUSE {
		if len(inner) == 0 {
			return l.leave(tokens)
		}
		return l.level(inner)
	}
	if first.Kind != govaluate.FUNCTION {
		return l.leave(tokens)
	}
	return l.call(tokens, inner)
}

func (l *language) prefixed(tokens []govaluate.ExpressionToken) (*expr, error) {
	rest := tokens[1:]
	if tokens[0].Value == "-" && len(rest) == 1 && rest[0].Kind == govaluate.NUMERIC {
		if n, ok := rest[0].Value.(float64); ok {
			return &expr{lit: numberValue(-n), text: describe(tokens)}, nil
		}
	}
	if tokens[0].Value != "!" || len(rest) == 0 || rest[0].Kind == govaluate.PREFIX {
		return l.leave(tokens)
	}
	x, err := l.operand(rest)
	return &expr{kind: exprNot, args: []*expr{x}, text: describe(tokens)}, err
}

// single parses a name or a literal.
func (l *language) single(t govaluate.ExpressionToken) *expr {
	if v, ok := literal(t); ok {
		return v
	}
	text := describe([]govaluate.ExpressionToken{t})
	name, _ := t.Value.(string)
	path, accessor := t.Value.([]string)
	if accessor {
		name, path = path[0], path[1:]
	}
	param, inRequest := l.request[name]
	field, inRule := l.rule[name]
	switch {
	case inRequest && strings.HasPrefix(name, "r"):
		return &expr{kind: exprSource, at: l.source(source{param, path, text}), text: text}
	case inRule && strings.HasPrefix(name, "p") && !accessor:
		return &expr{kind: exprField, at: field, text: text}
	}
	return &expr{kind: exprFail, why: text + " is not defined", text: text}
}

func (l *language) source(s source) int {
	i := slices.IndexFunc(l.sources, func(t source) bool { return t.param == s.param && slices.Equal(t.path, s.path) })
	if i < 0 {
		i = len(l.sources)
		l.sources = append(l.sources, s)
	}
	return i
}

func (l *language) call(tokens, inner []govaluate.ExpressionToken) (*expr, error) {
	name := functionName(tokens[0])
	e := &expr{text: describe(tokens)}
	if len(inner) > 0 {
		for _, part := range split(inner, govaluate.SEPARATOR, ",") {
			if len(part) == 0 {
				return l.leave(tokens)
			}
			a, err := l.level(part)
			if err != nil {
				return nil, err
			}
			e.args = append(e.args, a)
		}
	}
	if name == "eval" && l.eval {
		if len(e.args) != 1 || e.args[0].kind != exprField {
			return &expr{kind: exprFail, why: "eval of anything but a value of the rule", text: e.text}, nil
		}
		e.kind, e.at = exprEval, e.args[0].at
		l.evals[e.at] = true
		return e, nil
	}
	if role, ok := l.roles[name]; ok {
		e.kind, e.at = exprRole, role
		return e, nil
	}
	e.kind, e.fn = exprCall, l.functions[name]
	return e, nil
}

// hasEval is Casbin's own test for whether a matcher may call eval, and escape how it turns
// r.sub into a name.
func hasEval(text string) bool  { return util.HasEval(text) }
func escape(text string) string { return util.EscapeAssertion(text) }
