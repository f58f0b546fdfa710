package hint_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/internal/hint"
)

func TestAMessageHoldsNothingThatNobodySeesAndNoMoreThanALittle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("a\x00\x1b\u00a0\ufeff\u202e\u200b\u3164\u0301\ufe0f\u2800é")), 0, 200, -1),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "s")
		for _, got := range []string{hint.Quote(s), hint.Rune(s)} {
			if !utf8.ValidString(got) || len(got) > 10*80+8 {
				t.Fatalf("%q", got)
			}
			for _, c := range got {
				if c != ' ' && (!unicode.IsPrint(c) || unicode.Is(unicode.M, c) || hint.Invisible(c) != "") {
					t.Fatalf("%q holds %U", got, c)
				}
			}
		}
	})
}

func TestCharactersHaveNames(t *testing.T) {
	for s, want := range map[string]string{
		" ": "a space", "\t": "a tab", "#x": `"#"`, "\u00a0": "U+00A0 (no-break space)", "\ufeffp": "U+FEFF (byte order mark)", "\x00": "U+0000 (NUL)",
		"е": "U+0435 (Cyrillic letter е)", "ο": "U+03BF (Greek letter ο)", "“x": "U+201C (a typographic quote “)", "\u200b": "U+200B (zero-width space)",
		"\u3164": "U+3164 (Hangul filler)", "\u202e": "U+202E (a mark that turns the direction of text)", "é": "U+00E9 (é)", "，": "U+FF0C (full-width ，)",
		"\xff": "the byte 0xff (not UTF-8)", "\u0301": "U+0301 (a mark that joins the letter before it)", "\U000e0041": "U+E0041 (a tag that nobody sees)", "": "nothing",
	} {
		if got := hint.Rune(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func TestLettersThatLookLikeASCIIAreToldApart(t *testing.T) {
	for s, want := range map[rune]byte{'е': 'e', 'а': 'a', 'ο': 'o', 'Ζ': 'Z', 'ｐ': 'p', '，': ',', '–': '-', 'ս': 'u', 'ѕ': 's'} {
		if got, ok := hint.ASCII(s); !ok || got != want {
			t.Errorf("%c: %c %v", s, got, ok)
		}
	}
	for c := rune(0); c < 0x80; c++ {
		if _, ok := hint.ASCII(c); ok {
			t.Errorf("%q looks like another", c)
		}
	}
}

func TestTheNearestWordIsOneThatWasProbablyMeant(t *testing.T) {
	words := []string{"id", "owner", "public", "status", "tags", "createdAt", "amount", "a"}
	for word, want := range map[string]string{
		"Owner": "owner", "ownr": "owner", "onwer": "owner", "ownerr": "owner", "owned": "owner", "createdat": "createdAt", "creatdeAt": "createdAt", "statsu": "status",
		"tag": "tags", "ID": "id", "amuont": "amount", "pubilc": "public",
		"ie": "", "x": "", "colour": "", "own": "", "": "", "owner": "", strings.Repeat("owner", 100): "",
	} {
		if got := hint.Nearest(word, words); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

// slow is the distance by its definition.
func slow(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	n, m := len(a)-1, len(b)-1
	d := slow(a[:n], b[:m])
	if a[n] != b[m] {
		d = 1 + min(d, slow(a[:n], b), slow(a, b[:m]))
		if n > 0 && m > 0 && a[n] == b[m-1] && a[n-1] == b[m] {
			d = min(d, 1+slow(a[:n-1], b[:m-1]))
		}
	}
	return d
}

func TestTheNearestWordIsNearByDefinition(t *testing.T) {
	word := rapid.StringOfN(rapid.SampledFrom([]rune("abc")), 5, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if got, want := hint.Nearest(a, []string{b}) != "", a != b && slow(a, b) <= 2; got != want {
			t.Fatalf("%s %s: %v, and they are %d apart", a, b, got, slow(a, b))
		}
	})
}

func TestWordsAreNearThatDifferInOneLetter(t *testing.T) {
	for _, pair := range []struct {
		a, b string
		near bool
	}{
		{"delete", "delte", true}, {"delete", "deleet", true}, {"delete", "deletes", true}, {"delete", "delate", true}, {"Delete", "delete", true}, {"GET", "get", true},
		{"delete", "delete", false}, {"delete", "select", false}, {"hold", "fold", false}, {"team1", "team2", false}, {"team", "team1", false}, {"abc", "abd", false}, {"purge", "merge", false}, {"", "a", false}, {"abcd", strings.Repeat("a", 100), false},
	} {
		if hint.Near(pair.a, pair.b) != pair.near || hint.Near(pair.b, pair.a) != pair.near {
			t.Errorf("%q and %q are near: %t", pair.a, pair.b, !pair.near)
		}
	}
}
