package condition

import (
	"strings"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/hint"
)

// ownLine is the answer to a # in a condition.
const ownLine = "a comment stands on a line of its own and begins with #"

const operators = " is not an operator: "

// entityOf returns the character of HTML that a text begins with, as text copied from a page has it, and what it
// means; "" for none.
func entityOf(text string) (entity, means string) {
	for _, e := range [][2]string{{"&amp;&amp;", "&&"}, {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&#39;", "'"}, {"&apos;", "'"}, {"&quot;", "'"}, {"&nbsp;", "a space"}} {
		if strings.HasPrefix(text, e[0]) {
			return e[0], e[1]
		}
	}
	return "", ""
}

// symbolHint says what is wrong with a symbol that is no operator.
func symbolHint(symbol string) string {
	why := hint.Quote(symbol) + operators
	switch symbol {
	case "=":
		return "= compares nothing: write =="
	case "===", ":=":
		return why + "write =="
	case "!==", "<>", "><", "/=", "^=", "¬=", "≠", "=!":
		return why + "write !="
	case "=<", "≤", "⩽":
		return why + "write <="
	case "=>", "≥", "⩾", "->":
		return why + "write >="
	case "&", "&&&", "∧":
		return why + "write &&"
	case "|", "|||", "∨":
		return why + "write ||"
	case "¬", "~":
		return why + "write !(…)"
	case "=~", "!~", "~=", "~*", "=*":
		return why + "there are no patterns of texts: compare with == or in"
	case "?", ":", "??", "?:", "?.":
		return why + "a condition is one expression: write && and ||, or a row for each case"
	case "+", "*", "/", "%", "**", "^", "++", "--", "<<", ">>":
		return why + "there is no arithmetic: hand the result over as an attribute"
	case "∈":
		return why + "write in"
	case "∉":
		return why + "write !(… in …)"
	}
	switch {
	case strings.HasPrefix(symbol, "#") || strings.HasPrefix(symbol, "//") || strings.HasPrefix(symbol, "/*"):
		return hint.Quote(symbol) + " means nothing here: " + ownLine
	case strings.HasPrefix(symbol, "{"), strings.HasPrefix(symbol, "}"):
		return hint.Quote(symbol[:1]) + " means nothing here: a list stands in parentheses: ('x', 'y')"
	case strings.HasPrefix(symbol, "$"), strings.HasPrefix(symbol, "@"), strings.HasPrefix(symbol, `\`), strings.HasPrefix(symbol, "_"):
		return hint.Quote(symbol[:1]) + " means nothing here: attributes are r.sub.…, r.obj.… and r.env.…, texts are quoted"
	case strings.HasPrefix(symbol, ";"):
		return hint.Quote(symbol[:1]) + " means nothing here: values of a list are separated by commas, and && or || stands between two conditions"
	case strings.HasPrefix(symbol, "."):
		return hint.Quote(symbol[:1]) + " means nothing here: a number begins with a digit, as in 0.5, and an attribute with r."
	}
	c, _ := utf8.DecodeRuneInString(symbol)
	if hint.Quotation(c) {
		return hint.Rune(symbol) + " quotes nothing: write '"
	}
	if c >= utf8.RuneSelf {
		return characterHint(symbol)
	}
	return why + "these are == != < <= > >= && || ! in, with a space between two of them"
}

// characterHint says what is wrong with a character that begins no word and no symbol.
func characterHint(rest string) string {
	c, _ := utf8.DecodeRuneInString(rest)
	switch {
	case c == '[' || c == ']':
		return hint.Quote(string(c)) + " means nothing here: a list stands in parentheses: ('x', 'y')"
	case c == '_':
		return `"_" means nothing here: attributes are r.sub.…, r.obj.… and r.env.…, texts are quoted`
	}
	if more := hint.Alike(rest); more != "" {
		return hint.Rune(rest) + more
	}
	return hint.Rune(rest) + " means nothing here: attributes have letters a-z, texts stand in single quotes"
}
