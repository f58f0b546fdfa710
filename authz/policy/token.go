package policy

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenAttribute
	tokenString
	tokenTime // a string that is a time
	tokenNumber
	tokenBool
	tokenIn
	tokenFunction
	tokenSymbol // an operator, ( ) or ,
)

// token is one word of a condition.
type token struct {
	kind   tokenKind
	text   string // an attribute as written, a string without its quotes, a symbol
	number float64
	at     int
}

func (t token) describe() string {
	switch t.kind {
	case tokenEnd:
		return "end"
	case tokenString, tokenTime:
		return "'" + t.text + "'"
	}
	return t.text
}

// lex splits a condition into tokens, ending with a tokenEnd. Symbols are as long as they
// can be, as in Casbin's own lexer: "&&!" is one symbol to both, and refused by both.
func lex(text string) ([]token, *syntaxError) {
	var tokens []token
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		if c == ' ' || c == '\t' {
			i += size
			continue
		}
		t, err := lexOne(text, i, c)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		i = t.end(text)
	}
	return append(tokens, token{kind: tokenEnd, at: len(text)}), nil
}

// end returns where the token's text ends in the condition.
func (t token) end(text string) int {
	if t.kind == tokenString || t.kind == tokenTime {
		return t.at + len(t.text) + len(`''`)
	}
	return t.at + len(t.text)
}

func lexOne(text string, at int, c rune) (token, *syntaxError) {
	switch {
	case c == '\'' || c == '"':
		return lexString(text, at)
	case '0' <= c && c <= '9':
		return lexNumber(text, at)
	case c < utf8.RuneSelf && isIdent(byte(c)) && c != '_':
		return lexWord(text, at)
	case c == '(' || c == ')' || c == ',':
		return token{kind: tokenSymbol, text: text[at : at+1], at: at}, nil
	}
	return lexSymbol(text, at)
}

func lexString(text string, at int) (token, *syntaxError) {
	body := text[at+1:]
	n := strings.IndexAny(body, `'"`)
	if n < 0 {
		return token{}, &syntaxError{at, "the text does not end"}
	}
	if body[n] != text[at] {
		return token{}, &syntaxError{at + 1 + n, "Casbin ends a text at either quote: it cannot hold the other"}
	}
	body = body[:n]
	if strings.Contains(body, `\`) {
		return token{}, &syntaxError{at + 1 + strings.Index(body, `\`), `a text cannot hold \`}
	}
	if !printable(body) {
		return token{}, &syntaxError{at, "the text holds a character that does not print"}
	}
	if unix, ok := parseTime(body); ok {
		return token{kind: tokenTime, text: body, number: float64(unix), at: at}, nil
	}
	return token{kind: tokenString, text: body, at: at}, nil
}

func lexNumber(text string, at int) (token, *syntaxError) {
	word := takeWhile(text[at:], func(b byte) bool { return isIdent(b) || b == '.' })
	whole, part, point := strings.Cut(word, ".")
	if !all(whole, isDigit) || !all(part, isDigit) || point && part == "" {
		return token{}, &syntaxError{at, quote(word) + " is not a number: write digits, and digits after a point"}
	}
	number, err := strconv.ParseFloat(word, 64)
	if err != nil || number >= maxExact {
		return token{}, &syntaxError{at, "the number is too large: it has to be below 2⁵³"}
	}
	return token{kind: tokenNumber, text: word, number: number, at: at}, nil
}

func lexWord(text string, at int) (token, *syntaxError) {
	word := takeWhile(text[at:], func(b byte) bool { return isIdent(b) || b == '.' })
	switch word {
	case "true", "false":
		return token{kind: tokenBool, text: word, at: at}, nil
	case "in":
		return token{kind: tokenIn, text: word, at: at}, nil
	}
	if strings.HasPrefix(strings.TrimLeft(text[at+len(word):], " \t"), "(") {
		if word == FunctionIPMatch {
			return token{kind: tokenFunction, text: word, at: at}, nil
		}
		return token{}, &syntaxError{at, quote(word) + ": functions and methods cannot be called, but for ipMatch(attribute, 'network')"}
	}
	part, name, ok := splitAttribute(word)
	if !ok || !validAttribute(name) || part != ofSubject && part != ofObject && part != ofEnv {
		return token{}, &syntaxError{at, quote(word) + " means nothing: attributes are r.sub.…, r.obj.… and r.env.…, texts are quoted"}
	}
	return token{kind: tokenAttribute, text: word, at: at}, nil
}

// splitAttribute splits r.<part>.<name>.
func splitAttribute(word string) (part, name string, ok bool) {
	rest, found := strings.CutPrefix(word, "r.")
	if !found {
		return "", "", false
	}
	return strings.Cut(rest, ".")
}

func lexSymbol(text string, at int) (token, *syntaxError) {
	symbol := text[at:]
	if n := strings.IndexFunc(symbol, endsSymbol); n >= 0 {
		symbol = symbol[:n]
	}
	switch symbol {
	case "==", "!=", "<", "<=", ">", ">=", "&&", "||", "!", "-":
		return token{kind: tokenSymbol, text: symbol, at: at}, nil
	case "=":
		return token{}, &syntaxError{at, "= compares nothing: write =="}
	case "":
		return token{}, &syntaxError{at, "a character that means nothing here"}
	}
	return token{}, &syntaxError{at, quote(symbol) + " is not an operator: these are == != < <= > >= && || ! in, with a space between two of them"}
}

func endsSymbol(c rune) bool {
	return unicode.IsSpace(c) || unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune(`()[]'"`, c)
}

func takeWhile(s string, ok func(byte) bool) string {
	for i := range len(s) {
		if !ok(s[i]) {
			return s[:i]
		}
	}
	return s
}
