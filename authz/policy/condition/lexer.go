package condition

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/hint"
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
	tokenPart // r.sub, r.obj or r.env
	tokenOpen
	tokenClose
	tokenComma
	tokenMinus
	tokenNot
	tokenAnd
	tokenOr
	tokenCompare // ==, !=, <, <=, > or >=
)

// token is one word of a condition. It says where the word stands in the text, since a
// condition may have hundreds.
type token struct {
	kind    tokenKind
	at, end uint16
	number  float64 // of a number and of a time
}

// of returns the word as it is written in the condition.
func (t token) of(text string) string { return text[t.at:t.end] }

// quoted returns what stands between the quotes of a string, as it is written.
func (t token) quoted(text string) string { return text[t.at+1 : t.end-1] }

// value returns the text that a string stands for.
func (t token) value(text string) string { return unescape(t.quoted(text)) }

// unescape takes away the backslashes that escape what follows them.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

func (t token) describe(text string) string {
	if t.kind == tokenEnd {
		return "end"
	}
	return t.of(text)
}

// newToken returns the token that word is, at a byte of the condition.
func newToken(kind tokenKind, word string, at int) token {
	return token{kind: kind, at: uint16(at), end: uint16(at + len(word))}
}

// lex appends the tokens of a condition, ending with a tokenEnd. Symbols are as long as they
// can be, as in Casbin's own lexer: "&&!" is one symbol to both, and refused by both.
func lex(text string, tokens []token) ([]token, *Error) {
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		if c == ' ' || c == '\t' {
			i += size
			continue
		}
		t, err := lexOne(text, i, c)
		if err != nil && asksPart(text, tokens) {
			if part := partAt(text[i:]); part != "" {
				t, err = newToken(tokenPart, part, i), nil
			}
		}
		if err != nil {
			return tokens, err
		}
		tokens = append(tokens, t)
		i = int(t.end)
	}
	return append(tokens, newToken(tokenEnd, "", len(text))), nil
}

// asksPart reports whether what follows the tokens may be a part of the request.
func asksPart(text string, tokens []token) bool {
	n := len(tokens)
	return n > 1 && tokens[n-1].kind == tokenOpen && tokens[n-2].kind == tokenFunction && takesPart(tokens[n-2].of(text))
}

// partAt returns the part of the request that s begins with, "" for none.
func partAt(s string) string {
	word := ascii.TakeWhile(s, func(b byte) bool { return ascii.IsIdent(b) || b == '.' })
	switch word {
	case "r." + ofSubject, "r." + ofObject, "r." + ofEnv:
		return word
	}
	return ""
}

func lexOne(text string, at int, c rune) (token, *Error) {
	switch {
	case c == '\'' || c == '"':
		return lexString(text, at)
	case '0' <= c && c <= '9':
		return lexNumber(text, at)
	case c < utf8.RuneSelf && ascii.IsIdent(byte(c)) && c != '_':
		return lexWord(text, at)
	case c == '(':
		return newToken(tokenOpen, text[at:at+1], at), nil
	case c == ')':
		return newToken(tokenClose, text[at:at+1], at), nil
	case c == ',':
		return newToken(tokenComma, text[at:at+1], at), nil
	}
	return lexSymbol(text, at)
}

func lexString(text string, at int) (token, *Error) {
	body := text[at+1:]
	n := endOfString(body)
	if n < 0 {
		return token{}, &Error{at, "the text does not end: a " + text[at:at+1] + " is missing"}
	}
	if body[n] != text[at] {
		return token{}, &Error{at + 1 + n, "Casbin ends a text at either quote: write \\" + body[n:n+1]}
	}
	t := newToken(tokenString, text[at:at+n+2], at)
	body = body[:n]
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		if i++; strings.IndexByte(`'"\`, body[i]) < 0 {
			return token{}, &Error{at + i, `\ stands before an apostrophe, a quote or another \, and before nothing else: write \\ for one`}
		}
	}
	if !printable(body) {
		i := strings.IndexFunc(body, func(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) })
		return token{}, &Error{at + 1 + i, "the text holds " + hint.Rune(body[i:])}
	}
	if unix, ok := parseTime(body); ok {
		t.kind, t.number = tokenTime, float64(unix)
	}
	return t, nil
}

// endOfString returns where the quote stands that ends a text, of either kind, -1 for nowhere. A
// backslash escapes the byte after it.
func endOfString(body string) int {
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '\'', '"':
			return i
		}
	}
	return -1
}

func lexNumber(text string, at int) (token, *Error) {
	word := ascii.TakeWhile(text[at:], func(b byte) bool { return ascii.IsIdent(b) || b == '.' })
	whole := len(ascii.TakeWhile(word, ascii.IsDigit))
	if part := word[whole:]; part != "" && (part[0] != '.' || len(part) == 1 || !ascii.All(part[1:], ascii.IsDigit)) {
		why := hint.Quote(word) + " is not a number: write digits, and digits after a point"
		if strings.Contains(word, "..") {
			why = hint.Quote(word) + " is not a number, and there are no ranges: write r.obj.x >= 1 && r.obj.x <= 9"
		} else if digits := spelledOut(text[at:]); digits != "" {
			why += ": write " + digits
		}
		return token{}, &Error{at, why}
	}
	number, err := strconv.ParseFloat(word, 64)
	if err != nil || number >= MaxInt {
		return token{}, &Error{at, "the number is too large: it has to be below 2⁵³"}
	}
	t := newToken(tokenNumber, word, at)
	t.number = number
	return t, nil
}

func lexWord(text string, at int) (token, *Error) {
	word := ascii.TakeWhile(text[at:], func(b byte) bool { return ascii.IsIdent(b) || b == '.' })
	switch word {
	case "true", "false":
		return newToken(tokenBool, word, at), nil
	case "in":
		return newToken(tokenIn, word, at), nil
	}
	called := strings.HasPrefix(strings.TrimLeft(text[at+len(word):], " \t"), "(")
	if called && isFunction(word) {
		return newToken(tokenFunction, word, at), nil
	}
	if habit(word) == "" && called {
		return token{}, &Error{at, hint.Quote(word) + ": functions and methods cannot be called, but for ipMatch, startsWith, endsWith, contains, containsAny, containsAll, size, has and isNull" + callHint(word)}
	}
	part, name, ok := splitAttribute(word)
	if !ok || !isPath(part, name) || part != ofSubject && part != ofObject && part != ofEnv {
		return token{}, &Error{at, ""} // the parser knows more about it, see wordAt
	}
	return newToken(tokenAttribute, word, at), nil
}

// isPath reports whether name can be that of an attribute of a part, or of an object's parent.
func isPath(part, name string) bool {
	parent, below, deeper := strings.Cut(name, ".")
	return IsName(parent) && (!deeper || part == ofObject && IsName(below))
}

// splitAttribute splits r.<part>.<name>.
func splitAttribute(word string) (part, name string, ok bool) {
	rest, found := strings.CutPrefix(word, "r.")
	if !found {
		return "", "", false
	}
	return strings.Cut(rest, ".")
}

func lexSymbol(text string, at int) (token, *Error) {
	symbol := text[at:]
	if n := strings.IndexFunc(symbol, endsSymbol); n >= 0 {
		symbol = symbol[:n]
	}
	switch symbol {
	case "==", "!=", "<", "<=", ">", ">=":
		return newToken(tokenCompare, symbol, at), nil
	case "&&":
		return newToken(tokenAnd, symbol, at), nil
	case "||":
		return newToken(tokenOr, symbol, at), nil
	case "!":
		return newToken(tokenNot, symbol, at), nil
	case "-":
		return newToken(tokenMinus, symbol, at), nil
	case "":
		return token{}, &Error{at, characterHint(text[at:])}
	}
	if entity, means := entityOf(text[at:]); entity != "" {
		return token{}, &Error{at, hint.Quote(entity) + " is HTML: write " + means}
	}
	return token{}, &Error{at, symbolHint(symbol)}
}

func endsSymbol(c rune) bool {
	return unicode.IsSpace(c) || unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune(`()[]'"`, c)
}

// timeLayout is how a condition writes a time, in UTC or, with +02:00 in the place of Z, in a zone
// that has that offset from it. Casbin reads it as a number of seconds, the same on every machine;
// dates in other forms depend on the machine's zone and are refused.
const timeLayout = "2006-01-02T15:04:05Z"

func parseTime(s string) (unix int64, ok bool) {
	if len(s) != len(timeLayout) && len(s) != len("2006-01-02T15:04:05+02:00") {
		return 0, false
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0, false
	}
	if s[len(s)-1] == 'Z' {
		return t.Unix(), t.Format(timeLayout) == s
	}
	const zone = "2006-01-02T15:04:05-07:00"
	return t.Unix(), t.Format(zone) == s
}
