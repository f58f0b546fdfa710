// Package conditiontest has the conditions and the clock that tests of conditions share.
package conditiontest

import (
	"math/rand/v2"
	"strings"
)

// ShortAttributes have short names, so that a condition holds more of them.
const ShortAttributes = `
sub, d, string,  no,
sub, l, strings, no,
sub, n, int,     no,
sub, f, float,   no,
sub, b, bool,    no,
doc, d, string,  no,
doc, l, strings, no,
`

const MaxBytes = 1024 // of a condition

// filled repeats a text with join between, as often as a condition has room for it.
func filled(one, join string) string {
	text := one
	for len(text)+len(join)+len(one) <= MaxBytes {
		text += join + one
	}
	return text
}

// lists are in-lists of as many constants as a condition has room for.
func lists(attribute, constant string) string {
	list := func(n int) string {
		return attribute + " in(" + strings.TrimSuffix(strings.Repeat(constant+",", n), ",") + ")"
	}
	text := list(1)
	for n := 64; n > 0; n-- {
		for len(text)+len("||")+len(list(n)) <= MaxBytes {
			text += "||" + list(n)
		}
	}
	return text
}

// Longest are texts at the limits of a condition, good ones and bad ones. A search for the
// texts that take longest ended at the lists of numbers.
func Longest() map[string]string {
	deep := strings.Repeat("(", 31) + "r.sub.b" + strings.Repeat(")", 31)
	return map[string]string{
		"ands":                      filled("r.sub.b", "&&"),
		"ors":                       filled("r.sub.n<1", "||"),
		"constants first":           filled("''<r.sub.d", "||"),
		"comparisons":               filled("r.obj.d==r.sub.d", "&&"),
		"less":                      filled("r.obj.d<r.sub.d", "||"),
		"lists of numbers":          lists("r.sub.n", "1"),
		"lists of empty texts":      lists("r.sub.d", "''"),
		"lists of texts":            lists("r.sub.d", "'a'"),
		"lists of what is no date":  lists("r.sub.d", "'2024-01-0'"),
		"lists of dates":            lists("r.sub.d", "'2024-01-01'"),
		"attribute lists":           filled("'x' in r.sub.l", "||"),
		"attributes in lists":       filled("r.obj.d in r.sub.l", "||"),
		"networks":                  filled("ipMatch(r.env.ip,'::1')", "||"),
		"networks of an attribute":  filled("ipMatch(r.sub.d,'::1')", "||"),
		"times":                     filled("r.env.time<'1970-01-01T00:00:02Z'", "||"),
		"weekdays":                  filled("r.env.weekday<1", "||"),
		"parentheses":               filled("(r.sub.b)", "||"),
		"deep":                      filled(deep, "||"),
		"nots":                      filled("!r.sub.b", " && "),
		"nested nots":               strings.Repeat("!(", 15) + "r.sub.b" + strings.Repeat(")", 15),
		"one text":                  "r.sub.d=='" + strings.Repeat("x", MaxBytes-10) + "'",
		"one text of many bytes":    "r.sub.d=='" + strings.Repeat("é", 506) + "'",
		"one text of what is no r.": "r.sub.d=='" + strings.Repeat(" r1", 337) + "'",
		"spaces":                    strings.Repeat(" ", 1000) + "r.sub.b",
		"an error at the end":       filled("r.sub.b", "||")[:1000] + " 1",
		"an unknown one at the end": filled("r.sub.b", "||")[:1000] + "||r.sub.unknown",
		"an error after lists":      lists("r.sub.n", "1")[:1000] + ",''",
		"closed":                    "r.sub.b" + strings.Repeat(")", 1000),
		"open":                      strings.Repeat("(", MaxBytes),
		"bangs":                     strings.Repeat("!", MaxBytes),
		"bangs apart":               strings.Repeat("! ", MaxBytes/2),
		"joins":                     "r.sub.b" + strings.Repeat(" &&", 339),
		"commas":                    strings.Repeat(",", MaxBytes),
		"texts":                     strings.Repeat("''", MaxBytes/2),
		"no end":                    "'" + strings.Repeat("x", MaxBytes-1),
		"a long number":             strings.Repeat("1", MaxBytes),
		"numbers":                   strings.Repeat("1 ", MaxBytes/2),
		"points":                    strings.Repeat("0.", MaxBytes/2),
		"a long word":               strings.Repeat("r", MaxBytes),
		"a long attribute":          "r.sub." + strings.Repeat("a", 1000),
		"dots":                      "r." + strings.Repeat("x.", 500),
		"calls":                     strings.Repeat("f(", MaxBytes/2),
		"symbols":                   strings.Repeat("&|", MaxBytes/2),
		"bytes":                     strings.Repeat("\xff", MaxBytes),
		"letters":                   strings.Repeat("д", MaxBytes/2),
		"spaces that do not look":   strings.Repeat("\u00a0", MaxBytes/2),
		"too long":                  strings.Repeat("r.sub.b && ", 100_000),
		"nothing but spaces":        strings.Repeat(" ", 1<<20),
	}
}

// AnyText returns a text of up to the length of a condition: conditions, what remains of them
// when some bytes are others, or words in any order.
func AnyText(g *rand.Rand) string {
	words := []string{
		"r.sub.b", "r.sub.d", "r.sub.n", "r.sub.f", "r.sub.l", "r.obj.d", "r.obj.l", "r.env.ip", "r.env.hour", "r.sub.x", "r.", "ipMatch(", "f(", "'::1'", "''", `"a"`, "'2024-01-01'",
		"'1970-01-01T00:00:02Z'", "'Mon Jan  2 15:04:0'", "'9:0PM'", "' r1.'", "'é'", "1", "0.5", "-", "(", ")", ",", "||", "&&", "!", "==", "<", ">=", "!=", " in ", " in(1,1,1,1", "true", " ", "\t", "д", "\xff",
	}
	good := []string{"r.sub.b", "!r.sub.b", "(r.sub.b)", "r.sub.n<1", "-1<r.sub.f", "r.obj.d==r.sub.d", "'a'in r.obj.l", "ipMatch(r.env.ip,'::/0')", "r.env.time>'1970-01-01T00:00:02Z'", "r.sub.n in(1,2,3,4,5,6,7)", "r.obj.d in('a','b','','c')"}
	most, text := 1+g.IntN(MaxBytes), ""
	if g.IntN(3) == 0 {
		for word := pick(g, words...) + pick(g, words...); len(text) < most; {
			text += pick(g, word, word, word, pick(g, words...))
		}
		return text[:most]
	}
	text = pick(g, good...)
	for often := pick(g, good...); len(text) < most; {
		text += pick(g, "|| ", "&& ", " || ") + pick(g, often, often, pick(g, good...))
	}
	for range g.IntN(4) {
		text = Spoil(g, text)
	}
	return text[:min(len(text), MaxBytes)]
}

// Spoil changes a text in a way that time.Parse may forgive.
func Spoil(g *rand.Rand, text string) string {
	i := g.IntN(len(text) + 1)
	j := min(i+1, len(text))
	switch g.IntN(7) {
	case 0:
		return text[:i] + pick(g, " ", "0", "Z", ".5", ",25", ":", "-", "+", "T", "PM") + text[i:]
	case 1:
		return text[:i] + text[j:]
	case 2:
		return text[:i] + pick(g, "0", "9", "1", " ", "t", "z", "_", "é") + text[j:]
	case 3:
		return strings.ToLower(text)
	case 4:
		return strings.ToUpper(text)
	case 5:
		return strings.Replace(text, " ", "  ", 1)
	}
	return text[:i]
}

func pick(g *rand.Rand, of ...string) string { return of[g.IntN(len(of))] }
