package casbinindex

import (
	"fmt"
	"strings"
	"time"

	"github.com/casbin/govaluate"

	"github.com/reevehq/reeve/internal/hint"
)

// describe writes tokens as a matcher does, for people.
func describe(tokens []govaluate.ExpressionToken) string {
	var b strings.Builder
	for i, t := range tokens {
		text := fmt.Sprint(t.Value)
		switch v := t.Value.(type) {
		case rune:
			text = string(v)
		case []string:
			text = strings.Join(v, ".")
		case string:
			if t.Kind == govaluate.STRING {
				text = hint.Quote(v)
			}
		case time.Time:
			text = hint.Quote(v.Format(time.RFC3339))
		}
		if t.Kind == govaluate.FUNCTION {
			text = functionName(t)
		}
		tight := i == 0 || t.Kind == govaluate.CLAUSE_CLOSE || t.Kind == govaluate.SEPARATOR ||
			tokens[i-1].Kind == govaluate.CLAUSE || tokens[i-1].Kind == govaluate.PREFIX ||
			t.Kind == govaluate.CLAUSE && tokens[i-1].Kind == govaluate.FUNCTION
		if !tight {
			b.WriteByte(' ')
		}
		if t.Kind == govaluate.VARIABLE || t.Kind == govaluate.ACCESSOR {
			text = strings.Replace(text, "_", ".", 1)
		}
		b.WriteString(text)
	}
	return b.String()
}

func functionName(t govaluate.ExpressionToken) string {
	marked, ok := t.Value.(govaluate.ExpressionFunction)
	if !ok {
		return ""
	}
	name, err := marked()
	if s, ok := name.(string); ok && err == nil {
		return s
	}
	return ""
}
