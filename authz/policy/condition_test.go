package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

// longest are texts at the limits of a condition, good ones and bad ones.
func longest() map[string]string {
	fill := func(one, join string) string {
		text := one
		for len(text)+len(join)+len(one) <= 1024 {
			text += join + one
		}
		return text
	}
	return map[string]string{
		"ands":            fill("r.obj.public", "&&"),
		"ors":             fill("r.obj.size < 0", "||"),
		"comparisons":     fill("r.obj.owner==r.sub.id", "||"),
		"lists":           fill("r.obj.size in ("+strings.Repeat("7,", 63)+"7)", "||"),
		"attribute lists": fill("'x' in r.obj.tags", "||"),
		"networks":        fill("ipMatch(r.env.ip,'2001:db8::/32')", "||"),
		"times":           fill("r.env.time<'1970-01-01T00:00:02Z'", "||"),
		"parentheses":     strings.Repeat("(", 30) + fill("r.obj.public", "&&")[:900-900%14-2] + strings.Repeat(")", 30),
		"nots":            strings.Repeat("!(", 15) + "r.obj.public" + strings.Repeat(")", 15),
		"open":            strings.Repeat("(", 1024),
		"bangs":           strings.Repeat("!", 1024),
		"texts":           fill("'x'", " "),
		"one text":        "r.obj.owner == '" + strings.Repeat("x", 1000) + "'",
		"no end":          "'" + strings.Repeat("x", 1023),
		"numbers":         strings.Repeat("1", 1024),
		"too long":        strings.Repeat("r.obj.public && ", 100_000),
		"bytes":           strings.Repeat("\xff", 1024),
		"symbols":         strings.Repeat("&|", 512),
		"dots":            "r." + strings.Repeat("x.", 500),
	}
}

// quickest is the shortest of some runs, which says what the work is and not who else had the
// processor.
func quickest(f func()) time.Duration {
	best := time.Hour
	for range 50 {
		begin := time.Now()
		f()
		best = min(best, time.Since(begin))
	}
	return best
}

// Whatever its text, a condition that compiles is evaluated within 50 µs and without allocating; when it
// does not compile, the error has a place.
func TestNoConditionTakesLong(t *testing.T) {
	compiled := 0
	tags := make([]string, 64)
	r := newGen(1).request()
	r.Object = policy.Object{Type: "doc", ID: "1", Attributes: policy.Values{
		"owner": "bob", "size": int64(5), "public": true, "tags": tags, "status": "draft", "score": 0.5,
	}}
	r.Env = policy.Values{"ip": "192.0.2.1", "time": int64(1795384800)}
	for name, text := range longest() {
		c, at, why := policy.CompileCondition(text, "doc", testAttributes)
		if why != "" && (at < 0 || at > len(text)) {
			t.Errorf("%s: an error at %d: %s", name, at, why)
		}
		compiling := quickest(func() { policy.CompileCondition(text, "doc", testAttributes) })
		if why != "" {
			t.Logf("%-16s %8v to refuse: %s", name, compiling, why)
		} else {
			compiled++
			deciding := quickest(func() { c.Eval(r) })
			t.Logf("%-16s %8v to compile, %8v to evaluate", name, compiling, deciding)
			if n := testing.AllocsPerRun(20, func() { c.Eval(r) }); n > 1 {
				t.Errorf("%s: %v allocations", name, n)
			}
			if soaking() && deciding > 50*time.Microsecond {
				t.Errorf("%s: %v to evaluate", name, deciding)
			}
		}
	}
	if compiled < 9 {
		t.Errorf("only %d of the texts compile", compiled)
	}
}
