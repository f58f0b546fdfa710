package condition_test

import (
	"fmt"
	"testing"

	"github.com/reevehq/reeve/authz/policy/internal/conditiontest"
	"github.com/reevehq/reeve/internal/testneed"
)

// compiles compiles a text as the first of a policy, and holds the work to its bounds: the
// words of the text are bounded by its bytes, what it compiles to by its words, and the
// pieces of memory by neither.
func compiles(t *testing.T, k *conditiontest.Clock, name, text string) bool {
	t.Helper()
	c := newConditions(t, conditiontest.ShortAttributes)
	at, why := c.Compile(text, "doc")
	if why != "" && (at < 0 || at > min(len(text), conditiontest.MaxBytes)) {
		t.Errorf("%s: an error at %d of %d: %s\n%q", name, at, len(text), why, text)
	}
	if len(why) > 600 {
		t.Errorf("%s: an error of %d bytes", name, len(why))
	}
	if tokens, nodes, leaves := c.Size(); tokens > conditiontest.MaxBytes+1 || nodes > tokens || leaves > (tokens+1)/2 {
		t.Errorf("%s: %d tokens, %d nodes, %d leaves\n%q", name, tokens, nodes, leaves, text)
	}
	const most = 100
	if n := testing.AllocsPerRun(3, func() { c.Fresh().Compile(text, "doc") }); n > most {
		t.Errorf("%s: %v allocations, at most %v are allowed\n%q", name, n, most, text)
	}
	k.Hold(t, name, func() { c.Fresh().Compile(text, "doc") })
	return why == ""
}

func TestNoTextTakesLongToCompile(t *testing.T) {
	var worst, random conditiontest.Clock
	compiled := 0
	for name, text := range conditiontest.Longest() {
		if compiles(t, &worst, name, text) {
			compiled++
		}
	}
	if compiled < 20 || compiled > len(conditiontest.Longest())-20 {
		t.Errorf("%d of %d texts compile", compiled, len(conditiontest.Longest()))
	}
	compiled = 0
	texts := testneed.Scale(300, 20)
	for seed := range uint64(texts) {
		if compiles(t, &random, fmt.Sprint("text ", seed), conditiontest.AnyText(newGen(seed).Rand)) {
			compiled++
		}
	}
	t.Log("compile", compiled, "of", texts, "random texts; longest", worst, random)
	if compiled < texts/10 || compiled > texts*9/10 {
		t.Errorf("%d of %d random texts compile", compiled, texts)
	}
}
