// Package hint words errors for the people who have to mend what is wrong: it quotes input
// so that nothing in it is taken for something else, names characters that nobody sees, and
// finds the word that was probably meant.
//
// Everything here is for the way of errors. The work and the texts are bounded for any input.
package hint

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxQuoted = 80 // bytes of input that a message repeats

// Quote returns s in double quotes, as [Text] writes it. It does not escape quotes.
func Quote(s string) string { return `"` + Text(s) + `"` }

// Text returns s as a message may hold it: at most 80 bytes of it, then "…". A character
// that does not print, that nobody sees, or that joins the one before it, is written by its
// number (\u00a0), and so is a byte that is not UTF-8 (\xff).
func Text(s string) string {
	more := ""
	if len(s) > maxQuoted {
		end := maxQuoted
		for end > maxQuoted-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s, more = s[:end], "…"
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			b.WriteString(`\x` + hex(rune(s[i]), 2))
		case seen(c):
			b.WriteString(s[i : i+size])
		case c > 0xffff:
			b.WriteString(`\U` + hex(c, 8))
		default:
			b.WriteString(`\u` + hex(c, 4))
		}
		i += size
	}
	return b.String() + more
}

// seen reports whether a character is seen for what it is, wherever it stands.
func seen(c rune) bool {
	return unicode.IsPrint(c) && !unicode.Is(unicode.M, c) && Invisible(c) == ""
}

// Rune names the first character of s: "a space", `"#"`, "U+00A0 (no-break space)",
// "U+0435 (Cyrillic letter е)".
func Rune(s string) string {
	c, size := utf8.DecodeRuneInString(s)
	switch {
	case size == 0:
		return "nothing"
	case c == utf8.RuneError && size == 1:
		return "the byte 0x" + hex(rune(s[0]), 2) + " (not UTF-8)"
	case c == ' ':
		return "a space"
	case c == '\t':
		return "a tab"
	case ' ' < c && c <= '~':
		return `"` + s[:1] + `"`
	}
	name := Invisible(c)
	switch {
	case name != "":
	case !unicode.IsPrint(c):
		name = "a character that does not print"
	case unicode.Is(unicode.M, c):
		name = "a mark that joins the letter before it"
	default:
		name = script(c) + string(c)
	}
	return "U+" + strings.ToUpper(hex(c, 4)) + " (" + name + ")"
}

func hex(c rune, digits int) string {
	s := strconv.FormatInt(int64(c), 16)
	return strings.Repeat("0", max(digits-len(s), 0)) + s
}

// script says what kind of character c is, where its looks may not.
func script(c rune) string {
	for _, s := range []struct {
		table *unicode.RangeTable
		name  string
	}{{unicode.Cyrillic, "Cyrillic"}, {unicode.Greek, "Greek"}, {unicode.Armenian, "Armenian"}, {unicode.Hebrew, "Hebrew"}, {unicode.Arabic, "Arabic"}, {unicode.Cherokee, "Cherokee"}} {
		if unicode.Is(s.table, c) && unicode.IsLetter(c) {
			return s.name + " letter "
		}
	}
	switch {
	case '\uff01' <= c && c <= '\uff5e':
		return "full-width "
	case Quotation(c):
		return "a typographic quote "
	}
	return ""
}
