package policy_test

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

// shortAttributes have short names, so that a condition holds more of them.
const shortAttributes = `
sub, d, string,  no,
sub, l, strings, no,
sub, n, int,     no,
sub, f, float,   no,
sub, b, bool,    no,
doc, d, string,  no,
doc, l, strings, no,
`

const mostBytes = 1024 // of a condition

// filled repeats a text with join between, as often as a condition has room for it.
func filled(one, join string) string {
	text := one
	for len(text)+len(join)+len(one) <= mostBytes {
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
		for len(text)+len("||")+len(list(n)) <= mostBytes {
			text += "||" + list(n)
		}
	}
	return text
}

// longest are texts at the limits of a condition, good ones and bad ones. A search for the
// texts that take longest ended at the lists of numbers.
func longest() map[string]string {
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
		"one text":                  "r.sub.d=='" + strings.Repeat("x", mostBytes-10) + "'",
		"one text of many bytes":    "r.sub.d=='" + strings.Repeat("é", 506) + "'",
		"one text of what is no r.": "r.sub.d=='" + strings.Repeat(" r1", 337) + "'",
		"spaces":                    strings.Repeat(" ", 1000) + "r.sub.b",
		"an error at the end":       filled("r.sub.b", "||")[:1000] + " 1",
		"an unknown one at the end": filled("r.sub.b", "||")[:1000] + "||r.sub.unknown",
		"an error after lists":      lists("r.sub.n", "1")[:1000] + ",''",
		"closed":                    "r.sub.b" + strings.Repeat(")", 1000),
		"open":                      strings.Repeat("(", mostBytes),
		"bangs":                     strings.Repeat("!", mostBytes),
		"bangs apart":               strings.Repeat("! ", mostBytes/2),
		"joins":                     "r.sub.b" + strings.Repeat(" &&", 339),
		"commas":                    strings.Repeat(",", mostBytes),
		"texts":                     strings.Repeat("''", mostBytes/2),
		"no end":                    "'" + strings.Repeat("x", mostBytes-1),
		"a long number":             strings.Repeat("1", mostBytes),
		"numbers":                   strings.Repeat("1 ", mostBytes/2),
		"points":                    strings.Repeat("0.", mostBytes/2),
		"a long word":               strings.Repeat("r", mostBytes),
		"a long attribute":          "r.sub." + strings.Repeat("a", 1000),
		"dots":                      "r." + strings.Repeat("x.", 500),
		"calls":                     strings.Repeat("f(", mostBytes/2),
		"symbols":                   strings.Repeat("&|", mostBytes/2),
		"bytes":                     strings.Repeat("\xff", mostBytes),
		"letters":                   strings.Repeat("д", mostBytes/2),
		"spaces that do not look":   strings.Repeat("\u00a0", mostBytes/2),
		"too long":                  strings.Repeat("r.sub.b && ", 100_000),
		"nothing but spaces":        strings.Repeat(" ", 1<<20),
	}
}

// anyText returns a text of up to the length of a condition: conditions, what remains of them
// when some bytes are others, or words in any order.
func (g gen) anyText() string {
	words := []string{
		"r.sub.b", "r.sub.d", "r.sub.n", "r.sub.f", "r.sub.l", "r.obj.d", "r.obj.l", "r.env.ip", "r.env.hour", "r.sub.x", "r.", "ipMatch(", "f(", "'::1'", "''", `"a"`, "'2024-01-01'",
		"'1970-01-01T00:00:02Z'", "'Mon Jan  2 15:04:0'", "'9:0PM'", "' r1.'", "'é'", "1", "0.5", "-", "(", ")", ",", "||", "&&", "!", "==", "<", ">=", "!=", " in ", " in(1,1,1,1", "true", " ", "\t", "д", "\xff",
	}
	good := []string{"r.sub.b", "!r.sub.b", "(r.sub.b)", "r.sub.n<1", "-1<r.sub.f", "r.obj.d==r.sub.d", "'a'in r.obj.l", "ipMatch(r.env.ip,'::/0')", "r.env.time>'1970-01-01T00:00:02Z'", "r.sub.n in(1,2,3,4,5,6,7)", "r.obj.d in('a','b','','c')"}
	most, text := 1+g.IntN(mostBytes), ""
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
		text = g.spoil(text)
	}
	return text[:min(len(text), mostBytes)]
}

// raceDetector reports whether it runs, which makes everything take more time.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// clock holds what takes long to 50 µs, ten times as long under the race detector, at the
// lower decile of some runs: that says what the work is, and not who else had the processor.
// It does so when soaking alone.
type clock struct {
	what string // that took longest
	took time.Duration
}

func (c *clock) hold(t *testing.T, what string, f func()) {
	t.Helper()
	if !soaking() {
		return
	}
	most := 50 * time.Microsecond
	if raceDetector() {
		most *= 10
	}
	var took time.Duration
	for range 5 {
		var times [50]time.Duration
		for i := range times {
			begin := time.Now()
			f()
			times[i] = time.Since(begin)
		}
		slices.Sort(times[:])
		if took = times[len(times)/10]; took <= most {
			break
		}
	}
	if took > most {
		t.Errorf("%s: %v, at most %v are allowed", what, took, most)
	}
	if took > c.took {
		c.what, c.took = what, took
	}
}

// compiles compiles a text as the first of a policy, and holds the work to its bounds: the
// words of the text are bounded by its bytes, what it compiles to by its words, and the
// pieces of memory by neither.
func (k *clock) compiles(t *testing.T, name, text string) bool {
	t.Helper()
	c := policy.NewConditions(shortAttributes)
	at, why := c.Compile(text, "doc")
	if why != "" && (at < 0 || at > min(len(text), mostBytes)) {
		t.Errorf("%s: an error at %d of %d: %s\n%q", name, at, len(text), why, text)
	}
	if len(why) > 600 {
		t.Errorf("%s: an error of %d bytes", name, len(why))
	}
	if tokens, nodes, leaves := c.Size(); tokens > mostBytes+1 || nodes > tokens || leaves > (tokens+1)/2 {
		t.Errorf("%s: %d tokens, %d nodes, %d leaves\n%q", name, tokens, nodes, leaves, text)
	}
	const most = 100
	if n := testing.AllocsPerRun(3, func() { c.Fresh().Compile(text, "doc") }); n > most {
		t.Errorf("%s: %v allocations, at most %v are allowed\n%q", name, n, most, text)
	}
	k.hold(t, name, func() { c.Fresh().Compile(text, "doc") })
	return why == ""
}

func TestNoTextTakesLongToCompile(t *testing.T) {
	var worst, random clock
	compiled := 0
	for name, text := range longest() {
		if worst.compiles(t, name, text) {
			compiled++
		}
	}
	if compiled < 20 || compiled > len(longest())-20 {
		t.Errorf("%d of %d texts compile", compiled, len(longest()))
	}
	compiled = 0
	texts := 300 * soak(20)
	for seed := range uint64(texts) {
		if random.compiles(t, fmt.Sprint("text ", seed), newGen(seed).anyText()) {
			compiled++
		}
	}
	t.Log("compile", compiled, "of", texts, "random texts; longest", worst, random)
	if compiled < texts/10 || compiled > texts*9/10 {
		t.Errorf("%d of %d random texts compile", compiled, texts)
	}
}
