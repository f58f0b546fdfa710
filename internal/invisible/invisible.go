// Package invisible finds the characters that count as printable and show nothing, or a
// blank. Two names that differ by one of them look the same in a list, a log and a policy.
package invisible

import (
	"unicode"
	"unicode/utf8"
)

// blanks are the characters that show as a blank, or nothing, and that Unicode lists neither as
// ignorable nor as white space: the Braille pattern of no dots, the half fill space, the object
// replacement character, a selector of Duployan, a filler of Khitan, a notehead of no shape and
// two blanks of Egyptian hieroglyphs.
var blanks = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}, {Lo: 0x303f, Hi: 0x303f, Stride: 1}, {Lo: 0xfffc, Hi: 0xfffc, Stride: 1}},
	R32: []unicode.Range32{
		{Lo: 0x13441, Hi: 0x13442, Stride: 1}, {Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1},
		{Lo: 0x1bc9d, Hi: 0x1bc9d, Stride: 1}, {Lo: 0x1d159, Hi: 0x1d159, Stride: 1},
	},
}

// Is reports whether r shows nothing or a blank. Beside what [unicode.IsPrint] refuses these
// are the rest of Default_Ignorable_Code_Point (Hangul fillers, the combining grapheme joiner,
// variation selectors; UAX #44), and blanks that have no property of their own. The ASCII
// space is one.
func Is(r rune) bool {
	if r < utf8.RuneSelf {
		return r <= ' ' || r == 0x7f
	}
	return !unicode.IsPrint(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, blanks)
}

// In reports whether s, which is UTF-8, holds such a character, or begins with a mark, which
// shows only on the character before it: on whatever stands before the name.
func In(s string) bool {
	for i, r := range s {
		if Is(r) || i == 0 && unicode.IsMark(r) {
			return true
		}
	}
	return false
}

// All reports whether s shows nothing at all.
func All(s string) bool {
	for _, r := range s {
		if !Is(r) && !unicode.IsMark(r) {
			return false
		}
	}
	return true
}
