package casbinindex

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// regexpPrefix returns what every text that matches a regular expression begins with: "" for
// one that may match anywhere, or whose beginning varies. It reads the parsed expression, so
// that alternatives, flags, repetitions and escapes mean what they mean to the matcher.
func regexpPrefix(expression string) string {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil || !startsAtBegin(re) {
		return ""
	}
	text, _ := leadingText(re)
	return text
}

// startsAtBegin reports whether every match begins where the text does.
func startsAtBegin(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginText:
		return true
	case syntax.OpCapture, syntax.OpPlus:
		return startsAtBegin(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min > 0 && startsAtBegin(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if startsAtBegin(sub) {
				return true
			}
			if !takesNothing(sub) {
				return false
			}
		}
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !startsAtBegin(sub) {
				return false
			}
		}
		return len(re.Sub) > 0
	}
	return false
}

// takesNothing reports whether every match of a piece is empty.
func takesNothing(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	return false
}

// leadingText returns what every match of a piece begins with, and whether that is all it is.
func leadingText(re *syntax.Regexp) (text string, whole bool) {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return "", false
		}
		// A byte that is no UTF-8 reads as U+FFFD to the matcher, so that this rune stands for
		// several texts. It ends a beginning here, before beginnings are compared by bytes.
		text, _, several := strings.Cut(string(re.Rune), string(utf8.RuneError))
		return text, !several
	case syntax.OpCapture:
		return leadingText(re.Sub[0])
	case syntax.OpPlus:
		text, _ = leadingText(re.Sub[0])
		return text, false
	case syntax.OpRepeat:
		if re.Min > 0 {
			text, _ = leadingText(re.Sub[0])
		}
		return text, false
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			more, all := leadingText(sub)
			if text += more; !all {
				return text, false
			}
		}
		return text, true
	case syntax.OpAlternate:
		for i, sub := range re.Sub {
			other, _ := leadingText(sub)
			if i == 0 {
				text = other
			}
			text = text[:commonLength(text, other)]
		}
		return text, false
	}
	return "", takesNothing(re)
}

func commonLength(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// globPrefix returns what every text that matches a glob begins with, and whether the glob
// matches that text alone.
func globPrefix(pattern string) (text string, whole bool) {
	n := strings.IndexAny(pattern, `*?[]{}\`)
	whole = n < 0
	if whole {
		n = len(pattern)
	}
	text, _, cut := strings.Cut(pattern[:n], string(utf8.RuneError))
	for i, r := range text {
		if r == utf8.RuneError { // bytes that are no UTF-8 match each other
			text, cut = text[:i], true
			break
		}
	}
	if whole && !cut {
		return text, true
	}
	if !whole && strings.HasPrefix(pattern[n:], "**") {
		text = strings.TrimSuffix(text, "/") // a/** also matches a
	}
	return text, false
}
