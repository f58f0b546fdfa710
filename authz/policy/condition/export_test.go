package condition

import (
	"strings"
	"time"

	"github.com/casbin/casbin/v2/util"
	"github.com/casbin/govaluate"
)

// CasbinReads returns how Casbin reads a condition other than we do, token by token, and ""
// when it reads the same. The condition is one that compiles.
func CasbinReads(text string) string {
	ours, bad := lex(text, nil)
	if bad != nil {
		return "we cannot read it: " + bad.Msg
	}
	functions := map[string]govaluate.ExpressionFunction{FunctionIPMatch: util.IPMatchFunc}
	for name, f := range Functions() {
		functions[name] = f
	}
	expression, err := govaluate.NewEvaluableExpressionWithFunctions(util.EscapeAssertion(text), functions)
	if err != nil {
		return "Casbin cannot read it: " + err.Error()
	}
	theirs := expression.Tokens()
	ours = ours[:len(ours)-1]
	for i, t := range ours {
		if i >= len(theirs) || !t.isCasbins(text, theirs[i]) {
			return "Casbin reads " + t.of(text) + " as something else"
		}
	}
	if len(theirs) != len(ours) {
		return "Casbin reads more into it"
	}
	return ""
}

func (t token) isCasbins(text string, other govaluate.ExpressionToken) bool {
	word := t.of(text)
	symbol := t.kind >= tokenOpen
	switch v := other.Value.(type) {
	case string:
		switch other.Kind {
		case govaluate.STRING:
			return t.kind == tokenString && t.value(text) == v
		case govaluate.COMPARATOR:
			return (symbol || t.kind == tokenIn) && word == v
		case govaluate.VARIABLE:
			return t.kind == tokenPart && v == "r_"+strings.TrimPrefix(word, "r.")
		case govaluate.LOGICALOP, govaluate.PREFIX, govaluate.SEPARATOR:
			return symbol && word == v
		}
	case float64:
		return other.Kind == govaluate.NUMERIC && t.kind == tokenNumber && t.number == v
	case time.Time:
		return other.Kind == govaluate.TIME && t.kind == tokenTime && t.number == float64(v.Unix())
	case govaluate.ExpressionFunction:
		return other.Kind == govaluate.FUNCTION && t.kind == tokenFunction
	case bool:
		return other.Kind == govaluate.BOOLEAN && t.kind == tokenBool && (word == "true") == v
	case rune:
		return (other.Kind == govaluate.CLAUSE || other.Kind == govaluate.CLAUSE_CLOSE) && symbol && word == string(v)
	case []string:
		part, name, ok := splitAttribute(word)
		return other.Kind == govaluate.ACCESSOR && t.kind == tokenAttribute && ok &&
			v[0] == "r_"+part && strings.Join(v[1:], ".") == name
	}
	return false
}

// LooksLikeTime and LooksLikeName are what keeps a text from being read otherwise.
func LooksLikeTime(s string) bool { return looksLikeTime(s) }

func LooksLikeName(s string) bool { return looksLikeName(s) }

// IsTime reports whether a text is a time to us.
func IsTime(s string) bool {
	_, ok := parseTime(s)
	return ok
}

// Compiled returns how many results are kept.
func (c *Compiler) Compiled() int { return len(c.done) }

// Size returns what the text compiled last was made of.
func (c *Compiler) Size() (tokens, nodes, leaves int) {
	p := &c.parser
	return len(p.tokens), len(p.nodes), len(p.leaves)
}
