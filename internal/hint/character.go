package hint

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/invisible"
)

// Invisible names a character that nobody sees, or that moves what stands beside it, and returns ""
// for any other. The ASCII space is seen. Which those are is for package invisible to say; here
// they have names. A character that does not print and has no name is "" too.
func Invisible(c rune) string {
	switch c {
	case 0:
		return "NUL"
	case '\t':
		return "tab"
	case '\n':
		return "line feed"
	case '\r':
		return "carriage return"
	case 0x1b:
		return "escape"
	case 0x7f:
		return "delete"
	case 0x85:
		return "next line"
	case 0xa0:
		return "no-break space"
	case 0xad:
		return "soft hyphen"
	case 0x34f:
		return "combining grapheme joiner"
	case 0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069:
		return "a mark that turns the direction of text"
	case 0x115f, 0x1160, 0x3164, 0xffa0:
		return "Hangul filler"
	case 0x1680, 0x205f:
		return "a space that is not the ordinary one"
	case 0x17b4, 0x17b5:
		return "a Khmer vowel that nobody sees"
	case 0x180e:
		return "Mongolian vowel separator"
	case 0x200b:
		return "zero-width space"
	case 0x200c:
		return "zero-width non-joiner"
	case 0x200d:
		return "zero-width joiner"
	case 0x2028:
		return "line separator"
	case 0x2029:
		return "paragraph separator"
	case 0x202f:
		return "narrow no-break space"
	case 0x2060:
		return "word joiner"
	case 0x2800:
		return "blank Braille pattern"
	case 0x3000:
		return "ideographic space"
	case 0xfeff:
		return "byte order mark"
	}
	switch {
	case c < ' ' || 0x80 <= c && c < 0xa0:
		return "control character"
	case 0x2000 <= c && c <= 0x200a:
		return "a space that is not the ordinary one"
	case 0x2061 <= c && c <= 0x206f:
		return "a character that nobody sees"
	case 0xfe00 <= c && c <= 0xfe0f, 0xe0100 <= c && c <= 0xe01ef, 0x180b <= c && c <= 0x180f:
		return "variation selector"
	case 0xe0000 <= c && c <= 0xe007f:
		return "a tag that nobody sees"
	case c != ' ' && unicode.IsPrint(c) && invisible.Is(c):
		return "a character that shows nothing"
	}
	return ""
}

// Quotation reports whether c is a quotation mark of typography, or an accent that stands in
// for one.
func Quotation(c rune) bool {
	return c > 0 && strings.ContainsRune("‘’‚‛“”„‟«»‹›′″`´＇＂「」", c)
}

// The letters of each list look like the ASCII characters below them.
const (
	alike = "∗⁎∕⁄аеорсухіјѕһԁԛԝɡıοναρικυχАВЕКМНОРСТХІЈЅҮΑΒΕΖΗΙΚΜΝΟΡΤΥΧօս−–—‐‑"
	ascii = "**//aeopcyxijshdqwgiovapikuxABEKMHOPCTXIJSYABEZHIKMNOPTYXou-----"
)

// ASCII returns the ASCII character that c looks like, and false when it looks like none. An ASCII
// character looks like no other.
func ASCII(c rune) (byte, bool) {
	if '\uff01' <= c && c <= '\uff5e' {
		return byte(c - '\uff01' + '!'), true
	}
	if c > unicode.MaxASCII && unicode.IsDigit(c) { // blocks begin with a zero
		for _, r := range unicode.Nd.R16 {
			if rune(r.Lo) <= c && c <= rune(r.Hi) {
				return byte('0' + (c-rune(r.Lo))%10), true
			}
		}
	}
	i := 0
	for _, like := range alike {
		if like == c {
			return ascii[i], true
		}
		i++
	}
	return 0, false
}

// Alike says which ASCII character the first of s looks like, as the rest of a message that
// names the character; "" when it looks like none.
func Alike(s string) string {
	c, _ := utf8.DecodeRuneInString(s)
	if Quotation(c) && c >= utf8.RuneSelf {
		return ": a typographic quote quotes nothing: delete it"
	}
	if like, ok := ASCII(c); ok {
		return " looks like " + string(rune(like)) + ": write " + string(rune(like))
	}
	return ""
}
