package token

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escape returns the character of the escape sequence that text begins with, and its length
// (RFC 8259 §7). The length is 0 for what is none: half of a surrogate pair too.
func escape(text string) (r rune, n int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch c := text[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return escapedUnit(text)
	}
	return 0, 0
}

// escapedUnit is escape for \uXXXX, or for two of them.
func escapedUnit(text string) (r rune, n int) {
	r, ok := unit(text)
	switch {
	case !ok:
		return 0, 0
	case !utf16.IsSurrogate(r):
		return r, 6
	}
	low, ok := unit(text[6:])
	r = utf16.DecodeRune(r, low)
	if !ok || r == unicode.ReplacementChar {
		return 0, 0
	}
	return r, 12
}

// unit reads \uXXXX at the beginning of text.
func unit(text string) (r rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for i := 2; i < 6; i++ {
		c := rune(text[i])
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c += 10 - 'a'
		case 'A' <= c && c <= 'F':
			c += 10 - 'A'
		default:
			return 0, false
		}
		r = r<<4 | c
	}
	return r, true
}

// unescaped returns what a string says that reader.raw has read.
func unescaped(raw string) string {
	b := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			b = append(b, raw[i])
			i++
			continue
		}
		r, n := escape(raw[i:])
		if n == 0 {
			return "" // which raw has not returned
		}
		b = utf8.AppendRune(b, r)
		i += n
	}
	return string(b)
}
