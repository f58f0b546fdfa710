package invisible_test

import (
	"testing"
	"unicode"

	"github.com/reevehq/reeve/internal/invisible"
)

// ignorable is Default_Ignorable_Code_Point as DerivedCoreProperties.txt of Unicode 15 lists it.
var ignorable = [][2]rune{
	{0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f},
	{0x202a, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfff8},
	{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
}

// Over all of Unicode: a character is visible when it is a letter, a number, punctuation, a
// symbol or a mark and the standard does not list it as ignorable, but for a few blanks.
func TestWhatShowsNothingIsFoundInAllOfUnicode(t *testing.T) {
	known := map[rune]bool{0x2800: true, 0x303f: true, 0xfffc: true, 0x13441: true, 0x13442: true, 0x16fe4: true, 0x1bc9d: true, 0x1d159: true}
	for _, span := range ignorable {
		for r := span[0]; r <= span[1]; r++ {
			known[r] = true
		}
	}
	shown := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		want := known[r] || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S)
		if got := invisible.Is(r); got != want {
			t.Errorf("%U: %v, want %v", r, got, want)
		}
		if !want {
			shown++
		}
	}
	if shown < 140_000 {
		t.Errorf("only %d characters are shown", shown)
	}
}

func TestANameOfMarksShowsOnWhatStandsBeforeIt(t *testing.T) {
	for s, want := range map[string]bool{"": false, "e\u0301": false, "\u0301e": true, "\u20dd": true, "a b": true, "\u3164": true, "a\u3164b": true, "用户🦉": false} {
		if got := invisible.In(s); got != want {
			t.Errorf("In(%+q) = %v", s, got)
		}
	}
	for s, want := range map[string]bool{"": true, "  ": true, "\u3164\u2800": true, " \u0301": true, "a": false, " x\u3164": false} {
		if got := invisible.All(s); got != want {
			t.Errorf("All(%+q) = %v", s, got)
		}
	}
}
