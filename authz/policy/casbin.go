package policy

import (
	"time"

	"github.com/casbin/casbin/v2/util"
	"github.com/casbin/govaluate"
)

// sameInCasbin refuses a condition that Casbin would read as other tokens than we did: a
// text that looks like a date becomes a number there, and " r." within a text becomes
// " r_". Parsing the same tokens the same way is what the differential tests show.
func sameInCasbin(text string, ours []token) *syntaxError {
	functions := map[string]govaluate.ExpressionFunction{FunctionIPMatch: util.IPMatchFunc}
	expression, err := govaluate.NewEvaluableExpressionWithFunctions(util.EscapeAssertion(text), functions)
	if err != nil {
		return &syntaxError{0, "Casbin cannot evaluate this condition: " + err.Error()}
	}
	theirs := expression.Tokens()
	for i, t := range ours[:len(ours)-1] {
		if i >= len(theirs) || !t.equals(theirs[i]) {
			return &syntaxError{t.at, "Casbin reads " + t.describe() + " as something else: a date as a number, or \" r.\" in a text as a name"}
		}
	}
	if len(theirs) != len(ours)-1 {
		return &syntaxError{0, "Casbin reads more into this condition"}
	}
	return nil
}

func (t token) equals(other govaluate.ExpressionToken) bool {
	switch v := other.Value.(type) {
	case string:
		switch other.Kind {
		case govaluate.STRING:
			return t.kind == tokenString && t.text == v
		case govaluate.COMPARATOR:
			return (t.kind == tokenSymbol || t.kind == tokenIn) && t.text == v
		case govaluate.LOGICALOP, govaluate.PREFIX, govaluate.SEPARATOR:
			return t.kind == tokenSymbol && t.text == v
		}
	case float64:
		return other.Kind == govaluate.NUMERIC && t.kind == tokenNumber && t.number == v
	case time.Time:
		return other.Kind == govaluate.TIME && t.kind == tokenTime && t.number == float64(v.Unix())
	case govaluate.ExpressionFunction:
		return other.Kind == govaluate.FUNCTION && t.kind == tokenFunction
	case bool:
		return other.Kind == govaluate.BOOLEAN && t.kind == tokenBool && (t.text == "true") == v
	case rune:
		return (other.Kind == govaluate.CLAUSE || other.Kind == govaluate.CLAUSE_CLOSE) &&
			t.kind == tokenSymbol && t.text == string(v)
	case []string:
		part, name, ok := splitAttribute(t.text)
		return other.Kind == govaluate.ACCESSOR && t.kind == tokenAttribute && ok &&
			len(v) == 2 && v[0] == "r_"+part && v[1] == name
	}
	return false
}
