package condition_test

import (
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/internal/conditiontest"
)

// FuzzParse: nothing panics, an error has a place within the text, what compiles is small, and
// Casbin reads it as the same words. Its parts stand in it where they say, and what a condition
// prints compiles to one that prints the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"true", "", " ", "r.obj.owner == '2024-01-01'", "!r.obj.public", "r.sub.Nuke()", "'", "r.", "((((", "r.obj.size in (1, 2, 3, 4, 5)", "-", "&&", "\xff", "r.obj.size == - 0", "'a' in r.obj.tags", "ipMatch(r.env.ip, '10.0.0.0/8')", "!ipMatch(r.env.ip, '::1')", "r.env.time < '2026-01-01T00:00:00Z'", "has(r.obj, 'owner')", "has(r.obj,\"tags\") && containsAny(r.obj.tags, ('a', 'O\\'Neil'))", "startsWith(r.obj.owner, '\\\\')", "containsAll(r.obj.tags, r.sub.roles)", "r.env.time < '2026-01-01T00:00:00+02:00'", "r.obj.public && (r.sub.staff && !(r.obj.public || r.sub.staff)) || r.sub.staff"} {
		f.Add(text)
	}
	for seed := range uint64(20) {
		f.Add(conditiontest.AnyText(newGen(seed).Rand))
	}
	s := schema(f, testAttributes+conditiontest.ShortAttributes)
	f.Fuzz(func(t *testing.T, text string) {
		c := conditions{condition.NewCompiler(s), s}
		if at, why := c.Compile(text, "doc"); why != "" {
			if at < 0 || at > len(text) {
				t.Fatalf("%q: an error at %d of %d: %s", text, at, len(text), why)
			}
			return
		}
		if tokens, nodes, _ := c.Size(); tokens > len(text)+1 || nodes > tokens {
			t.Fatalf("%q: %d tokens, %d nodes", text, tokens, nodes)
		}
		if why := condition.CasbinReads(text); why != "" {
			t.Fatalf("%q: %s", text, why)
		}
		e := c.Exprs()[c.Len()-1]
		checkSpans(t, e)
		again, err := condition.Parse(e.String(), "doc", s)
		if len(e.String()) > conditiontest.MaxBytes {
			return // it has more spaces than the text
		}
		if err != nil || again.String() != e.String() {
			t.Fatalf("%q prints %q, which is %v %q", text, e, err, again)
		}
	})
}

// checkSpans holds every part's place against what the part is.
func checkSpans(t *testing.T, e condition.Expr) {
	t.Helper()
	from, to := e.Span()
	if from < 0 || to > len(e.Source()) || from > to {
		t.Fatalf("%q: from %d to %d", e.Source(), from, to)
	}
	text, end := e.Source()[from:to], from
	for arg := range e.Args() {
		low, high := arg.Span()
		if low < end || high > to || arg.Op() == e.Op() && e.Op() != condition.OpNot {
			t.Fatalf("%q: %s from %d to %d within %d to %d", e.Source(), arg, low, high, from, to)
		}
		end = high
		checkSpans(t, arg)
	}
	if e.Op() == condition.OpNot && text[0] != '!' {
		t.Fatalf("%q: ! is %q", e.Source(), text)
	}
	for a := range e.Attributes() {
		if !strings.Contains(text, a.Ref()) && !strings.Contains(text, a.Name) {
			t.Fatalf("%q: %s is not in %q", e.Source(), a.Ref(), text)
		}
	}
}

// FuzzReduce: a condition is what Kleene's logic says, its Forms hold exactly there, and reducing
// twice is reducing once. They have no negation, and are no larger than the condition.
func FuzzReduce(f *testing.F) {
	for i, text := range []string{"r.obj.a && r.obj.b || !r.obj.c", "!(r.obj.n < 1.5 || 'x' in r.obj.l) && r.obj.s == 'x'", "(r.obj.a || r.obj.b && r.obj.c) && r.obj.s in r.obj.l", "ipMatch(r.obj.s, '::/0') || 2 >= r.obj.m", "has(r.obj, 'n') && !startsWith(r.obj.s, 'x') || containsAny(r.obj.l, ('x', 'y'))", "r.obj.v != 'x' && !isNull(r.obj, 'w') || r.obj.t < '1970-01-01T00:00:01Z'"} {
		f.Add(text, uint16(i*977), "ab")
	}
	s := schema(f, lawAttributes)
	assignments := append(logicalAssignments(), comparedAssignments()...)
	f.Fuzz(func(t *testing.T, text string, n uint16, first string) {
		e, err := condition.Parse(text, "doc", s)
		if err != nil {
			return
		}
		w := assignments[int(n)%len(assignments)]
		for _, want := range []bool{true, false} {
			form := condition.Reduce(e, want, assignment.atFirst(nil, ""))
			checkForm(t, form)
			is := kleene(e, w.at) == condition.False
			if want {
				is = kleene(e, w.at) == condition.True
			}
			if got := condition.Eval(e, w.at); (want && got == condition.True || !want && got == condition.False) != is {
				t.Fatalf("%q in %v is %s, and by Kleene's logic another", text, w, got)
			}
			if form.Holds(w.at) != is || form.Size() > leavesOrTwice(e) {
				t.Fatalf("%q in %v, %v: holds %v, size %d", text, w, want, form.Holds(w.at), form.Size())
			}
			part := condition.Reduce(e, want, w.atFirst(first))
			if twice := part.Reduce(w.at); twice.Kind() > condition.FormAlways || (twice.Kind() == condition.FormAlways) != is {
				t.Fatalf("%q in %v, %v, %q first: %v", text, w, want, first, twice.Kind())
			}
		}
	})
}
