package condition_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy/internal/conditiontest"
	"github.com/reevehq/reeve/internal/testneed"
)

const twoTypes = conditiontest.ShortAttributes + "note, d, int, no,\n"

// The outcome of a text is kept, also that it is refused, and for every object type when it did not
// come to an attribute of the object.
func TestATextIsCompiledOnce(t *testing.T) {
	for _, c := range []struct {
		text       string
		first      string // the object type of the rule before
		then       string
		conditions int // with the one that always holds
		again      bool
	}{
		{"r.sub.n > 1", "doc", "doc", 2, false},
		{"r.sub.n > 1", "doc", "note", 2, false},
		{"r.sub.n > 1", "", "note", 2, false},
		{"r.sub.n > 1", "note", "", 2, false},
		{"r.obj.id == 'a'", "doc", "doc", 2, false},
		{"r.obj.id == 'a'", "doc", "note", 3, true},
		{"r.obj.d == 'a'", "doc", "note", 2, true},
		{"r.obj.d == 'a'", "", "doc", 2, true},
		{"r.sub.n > ", "doc", "note", 1, false},
		{"r.sub.n > 1 && (r.sub.x || r.obj.d == 'a')", "doc", "note", 1, false},
		{strings.Repeat("r.sub.b||", 500), "doc", "doc", 1, false},
		{"true", "doc", "", 1, false},
	} {
		k := newConditions(t, twoTypes)
		k.Compile(c.text, c.first)
		at, why := k.Compile(c.text, c.then)
		freshAt, freshWhy := newConditions(t, twoTypes).Compile(c.text, c.then)
		if at != freshAt || why != freshWhy {
			t.Errorf("%.40s for %q after %q: %d %s, alone: %d %s", c.text, c.then, c.first, at, why, freshAt, freshWhy)
		}
		if k.Len() != c.conditions {
			t.Errorf("%.40s for %q and %q: %d conditions, want %d", c.text, c.first, c.then, k.Len(), c.conditions)
		}
		if again := k.Compiled() > 1; again != c.again {
			t.Errorf("%.40s for %q and %q: compiled %d times", c.text, c.first, c.then, k.Compiled())
		}
		if n := testing.AllocsPerRun(10, func() { k.Compile(c.text, c.then) }); n > 0 && len(c.text) <= conditiontest.MaxBytes {
			t.Errorf("%.40s: %v allocations for a text that was compiled before", c.text, n)
		}
	}
}

// A policy of many rows with few conditions compiles those few.
func TestALoadCompilesEachTextOnce(t *testing.T) {
	k := newConditions(t, twoTypes)
	texts := []string{"r.sub.n > 1", "r.sub.d == 'a'", "r.sub.nope", "r.sub.b &&"}
	for i := range 10_000 {
		k.Compile(texts[i%len(texts)], fmt.Sprint("type", i%100))
	}
	if k.Compiled() != len(texts) || k.Len() != 3 {
		t.Errorf("%d texts compiled, %d conditions", k.Compiled(), k.Len())
	}
}

// Which texts were compiled before, and for which types, changes nothing.
func TestWhatIsKeptOfATextIsWhatItCompilesTo(t *testing.T) {
	kept := newConditions(t, twoTypes)
	agreed, texts := 0, testneed.Scale(3_000, 20)
	for seed := range uint64(texts) {
		g := newGen(seed % 700)
		text := conditiontest.AnyText(g.Rand)
		if g.IntN(2) == 0 {
			text = pick(g, "r.obj.d == 'a'", "r.sub.b && r.obj.d == 1", "r.sub.b || ", "r.sub.nope && r.obj.d", "r.obj.l", "'a' in r.obj.l")
		}
		typ := pick(newGen(seed), "", "doc", "note", "other")
		at, why := kept.Compile(text, typ)
		freshAt, freshWhy := kept.Fresh().Compile(text, typ)
		if at != freshAt || why != freshWhy {
			t.Fatalf("%q for %q: %d %s, alone: %d %s", text, typ, at, why, freshAt, freshWhy)
		}
		if why == "" {
			agreed++
		}
	}
	if agreed < texts/15 {
		t.Errorf("only %d compile", agreed)
	}
}

// An error names the first attributes that there are, however many there are, and takes no
// longer for them.
func TestAnErrorNamesAFewAttributes(t *testing.T) {
	var rows strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&rows, "doc, a%05d, int, no,\n", i)
	}
	k := newConditions(t, rows.String())
	at, why := k.Compile("r.sub.id == 'a' && r.obj.nope == 1", "doc")
	if want := "unknown attribute r.obj.nope: those of doc are a00000, "; at != 19 || !strings.HasPrefix(why, want) || !strings.HasSuffix(why, "a00019 and 19981 more") {
		t.Errorf("%d: %s", at, why)
	}
	if n := testing.AllocsPerRun(5, func() { k.Fresh().Compile("r.obj.nope == 1", "doc") }); n > 30 {
		t.Errorf("%v allocations", n)
	}
	new(conditiontest.Clock).Hold(t, "an unknown attribute", func() { k.Fresh().Compile("r.obj.nope == 1", "doc") })
}
