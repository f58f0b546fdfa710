package policycsv

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/hint"
)

// MaxLine is the longest line in bytes. Casbin's scanner gives up at 64 KiB.
const MaxLine = 4096

// Fault is a reason why a line must not be believed.
type Fault struct {
	Kind FaultKind
	Col  int // from 1, in bytes
	Msg  string
}

// FaultKind is the subject of a fault.
type FaultKind uint8

// The kinds of faults. The zero FaultKind is none of them.
const (
	BadEncoding  FaultKind = iota + 1 // not UTF-8 text, a character that does not print
	BadLength                         // the line is too long
	BadSeparator                      // values are not separated by commas
	BadQuotes                         // quotes that do not enclose a value
	BadSpace                          // a space that would be part of a value
)

// CheckText returns the first thing in a line of any of a policy's files that must not be there.
// In a comment, joiners may stand between letters.
func CheckText(text string, comment bool) (bad Fault, is bool) {
	if len(text) > MaxLine {
		if i := strings.IndexByte(text[:MaxLine], '\r'); i >= 0 {
			return Fault{BadEncoding, i + 1, carriageReturn}, true
		}
		return Fault{BadLength, MaxLine + 1, "the line is too long: at most " + strconv.Itoa(MaxLine) + " bytes are allowed"}, true
	}
	if plain(text) {
		return Fault{}, false
	}
	for i, c := range text {
		if why := unfit(text, i, c, comment); why != "" {
			return Fault{BadEncoding, i + 1, why}, true
		}
	}
	return Fault{}, false
}

// plain reports whether a text is of ASCII that shows.
func plain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

const carriageReturn = "a carriage return inside the line: end lines with a line feed"

// unfit says why character c at byte i must not stand in a line, "" when it may.
func unfit(text string, i int, c rune, comment bool) string {
	switch {
	case c == utf8.RuneError && strings.HasPrefix(text[i:], "\uFFFD"):
		return "a replacement character: the text was damaged before"
	case c == utf8.RuneError:
		if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
			return "the text is UTF-16: save the file as UTF-8"
		}
		return "the text is not UTF-8: save the file as UTF-8"
	case c == 0 && strings.Count(text, "\x00") >= len(text)/2-1 && len(text) > 3:
		return "the text is UTF-16: save the file as UTF-8"
	case c == '\uFEFF' && i == 0:
		return "a byte order mark: save the file without it"
	case c == '\r':
		return carriageReturn
	case c == '\t', comment && (c == '\u200C' || c == '\u200D'), unicode.IsPrint(c):
		return ""
	}
	return unprinted(c)
}

// unprinted names a character that does not print.
func unprinted(c rune) string {
	switch c {
	case '\v', '\f', 0x85, 0x2028, 0x2029:
		return "a character that does not print, " + hint.Rune(string(c)) + ": delete it, and end lines with a line feed"
	}
	if name := hint.Invisible(c); name != "" && unicode.IsSpace(c) {
		return "a character that does not print, " + hint.Rune(string(c)) + ": write an ordinary space"
	} else if name != "" {
		return "a character that does not print, " + hint.Rune(string(c)) + ": delete it"
	}
	return "a character that does not print, U+" + strings.ToUpper(strconv.FormatInt(int64(c), 16)) + ": delete it"
}

// separated returns what is wrong with how the values of a row are separated, and at which
// byte, for a row that begins with a word as all rows do.
func separated(start string) (at int, why string) {
	rest := strings.TrimPrefix(start, `"`)
	if rest == "" || !isLetter(rest[0]) {
		return 0, ""
	}
	rest = strings.TrimLeftFunc(rest, func(c rune) bool { return c < utf8.RuneSelf && isWord(byte(c)) })
	rest = strings.TrimPrefix(rest, `"`)
	next := strings.TrimLeft(rest, " \t")
	if next == "" || next[0] == ',' {
		return 0, ""
	}
	at = len(start) - len(next)
	c, size := utf8.DecodeRuneInString(next)
	like, _ := hint.ASCII(c)
	switch {
	case c == ';':
		return at, "values are separated by commas, not semicolons: save the table as CSV with commas"
	case c == '|':
		return at, `values are separated by commas, not "|"`
	case like == ',' || c == '،' || c == '、' || c == '\uff64' || c == '﹐':
		return at, "values are separated by commas, not by " + hint.Rune(next[:size]) + ": write ,"
	case strings.Contains(rest[:len(rest)-len(next)], "\t"):
		return len(start) - len(rest), "values are separated by commas, not tabs: save the table as CSV with commas"
	case len(next) < len(rest) && !strings.Contains(start, ",") && len(strings.Fields(start)) > 2:
		return len(start) - len(rest), "values are separated by commas, not spaces"
	}
	return 0, ""
}

func isLetter(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }

func isWord(b byte) bool { return isLetter(b) || '0' <= b && b <= '9' || b == '_' || b == '-' }
