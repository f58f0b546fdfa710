package pgxscope

import "strings"

// kind is that of a word of a text.
type kind uint8

const (
	end       kind = iota // of the text
	ident                 // a key word or an identifier
	quoted                // an identifier in double quotes
	escaped               // one that begins with U&
	semicolon             //
	other                 // one character of anything else, or a constant
)

type word struct {
	kind kind
	text string
}

// next returns the first word of a text and what follows it. Comments and spaces are none, and a
// constant is one of no text. Backslashes are escapes in constants that begin with E, and with
// escapes, which is standard_conforming_strings off, in all of them.
func next(s string, escapes bool) (word, string) {
	for {
		switch {
		case s == "":
			return word{}, ""
		case strings.IndexByte(" \t\n\r\f\v", s[0]) >= 0:
			s = s[1:]
		case strings.HasPrefix(s, "--"):
			i := strings.IndexAny(s, "\r\n")
			if i < 0 {
				return word{}, ""
			}
			s = s[i:]
		case strings.HasPrefix(s, "/*"):
			s = afterComment(s)
		default:
			return read(s, escapes)
		}
	}
}

// read is next for a text that begins with a word.
func read(s string, escapes bool) (word, string) {
	switch c := s[0]; {
	case c == ';':
		return word{semicolon, ";"}, s[1:]
	case c == '\'':
		return word{kind: other}, afterConstant(s[1:], escapes)
	case c == '"':
		return identifier(quoted, s[1:])
	case (c == 'e' || c == 'E') && strings.HasPrefix(s[1:], "'"):
		return word{kind: other}, afterConstant(s[2:], true)
	case (c == 'u' || c == 'U') && strings.HasPrefix(s[1:], `&"`):
		return identifier(escaped, s[3:])
	case c == '$':
		if rest, ok := afterDollar(s); ok {
			return word{kind: other}, rest
		}
		return word{other, "$"}, s[1:]
	case starts(c):
		i := 1
		for i < len(s) && (starts(s[i]) || s[i] == '$' || '0' <= s[i] && s[i] <= '9') {
			i++
		}
		return word{ident, s[:i]}, s[i:]
	}
	return word{other, s[:1]}, s[1:]
}

func starts(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

func identifier(k kind, s string) (word, string) {
	rest := afterQuote(s, '"', false)
	text := strings.TrimSuffix(s[:len(s)-len(rest)], `"`)
	return word{k, strings.ReplaceAll(text, `""`, `"`)}, rest
}

// afterConstant returns what follows a constant, which goes on in the next line where that begins with
// a quote: by the rules of its first part, whatever it looks like. Comments that end with their line
// may stand between.
func afterConstant(s string, escapes bool) string {
	for {
		rest := afterQuote(s, '\'', escapes)
		part := rest
		for part != "" && part[0] != '\'' {
			switch trimmed := strings.TrimLeft(part, " \t\n\r\f\v"); {
			case len(trimmed) < len(part):
				part = trimmed
			case strings.HasPrefix(part, "--"):
				part = part[max(strings.IndexAny(part, "\r\n"), 0):]
				if strings.HasPrefix(part, "--") {
					return rest // the comment is the end
				}
			default:
				return rest
			}
		}
		if part == "" {
			return rest
		}
		s = part[1:]
	}
}

// afterQuote returns what follows the quote that ends a constant. Two of them end nothing, and
// with escapes neither does one after a backslash.
func afterQuote(s string, quote byte, escapes bool) string {
	for i := 0; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] != quote:
		case i+1 < len(s) && s[i+1] == quote:
			i++
		default:
			return s[i+1:]
		}
	}
	return ""
}

// afterComment returns what follows a comment, which may hold others.
func afterComment(s string) string {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			i++
			if depth--; depth == 0 {
				return s[i+1:]
			}
		}
	}
	return ""
}

// afterDollar returns what follows a constant in dollar quotes, and false when s begins with
// none: with a parameter, such as $1.
func afterDollar(s string) (string, bool) {
	i := 1
	for i < len(s) && (starts(s[i]) || i > 1 && '0' <= s[i] && s[i] <= '9') {
		i++
	}
	if i == len(s) || s[i] != '$' {
		return "", false
	}
	_, rest, _ := strings.Cut(s[i+1:], s[:i+1])
	return rest, true
}

// names reports whether s has the name of a setting in it, but for a call of a function of
// that name.
func names(s, setting string) bool {
	for i := 0; i+len(setting) <= len(s); i++ {
		if s[i]|0x20 != setting[0]|0x20 || !strings.EqualFold(s[i:i+len(setting)], setting) {
			continue
		}
		if after, _ := next(s[i+len(setting):], false); after.text != "(" {
			return true
		}
	}
	return false
}
