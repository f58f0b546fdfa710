package condition_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy/condition"
)

const lawAttributes = `
doc, a, bool, no,
doc, b, bool, no,
doc, c, bool, no,
doc, n, int, no,
doc, m, int, no,
doc, s, string, no,
doc, l, strings, no,
`

// world is what attributes are; one that is not there is missing.
type world map[string]any

func (w world) at(a *condition.Attribute) (condition.Value, []string) {
	return condition.ValueOf(a.Kind, w[a.Name])
}

// atFirst knows those attributes of w whose names are among some, and has the others later.
func (w world) atFirst(some string) condition.Lookup {
	return func(a *condition.Attribute) (condition.Value, []string) {
		if strings.Contains(some, a.Name) {
			return w.at(a)
		}
		return condition.Later(), nil
	}
}

// kleene is the value of a condition by Kleene's logic.
func kleene(e condition.Expr, at condition.Lookup) condition.Truth {
	args := slices.Collect(e.Args())
	switch e.Op() {
	case condition.OpAnd:
		truth := condition.True
		for _, arg := range args {
			truth = truth.And(kleene(arg, at))
		}
		return truth
	case condition.OpOr:
		truth := condition.False
		for _, arg := range args {
			truth = truth.Or(kleene(arg, at))
		}
		return truth
	case condition.OpNot:
		return kleene(args[0], at).Not()
	}
	return condition.Eval(e, at)
}

// logical are all conditions of up to three leaves over a, b and c, with and without !.
func logical() []string {
	leaves := []string{"r.obj.a", "r.obj.b", "r.obj.c", "!r.obj.a", "!r.obj.b", "!r.obj.c"}
	var two, all []string
	for _, x := range leaves {
		for _, y := range leaves {
			two = append(two, x+" && "+y, x+" || "+y)
		}
	}
	all = slices.Concat(leaves, two)
	for _, x := range two {
		for _, y := range leaves {
			all = append(all, "("+x+") && "+y, "("+x+") || "+y, y+" && ("+x+")", y+" || !("+x+")")
		}
	}
	return all
}

// compared are conditions of comparisons of every operator, alone and joined.
func compared() []string {
	leaves := []string{
		"r.obj.n == 1", "2 != r.obj.n", "r.obj.n < 1.5", "r.obj.n <= r.obj.m", "1 > r.obj.m", "r.obj.m >= 2", "r.obj.n in (1, 1.5)",
		"r.obj.s == 'x'", "'y' <= r.obj.s", "r.obj.s in ('x', 'z')", "r.obj.s in r.obj.l", "'x' in r.obj.l", "ipMatch(r.obj.s, '::/0')", "r.obj.a == r.obj.b", "r.obj.a",
	}
	all := slices.Clone(leaves)
	for _, x := range leaves {
		for _, y := range leaves {
			all = append(all, x+" && !("+y+")", "!("+x+") || "+y, "!("+x+" && "+y+") || "+x)
		}
	}
	return all
}

// logicalWorlds are all values of a, b and c: true, false, missing, of another kind.
func logicalWorlds() (all []world) {
	values := []any{true, false, nil, "x"}
	for _, a := range values {
		for _, b := range values {
			for _, c := range values {
				all = append(all, world{"a": a, "b": b, "c": c})
			}
		}
	}
	return all
}

func comparedWorlds() (all []world) {
	for _, n := range []any{1, int64(2), nil, 1 << 60} {
		for _, m := range []any{0, 2, nil} {
			for _, s := range []any{"x", "::1", nil} {
				for _, l := range []any{[]string{"x"}, []string{"y", "::1"}, nil} {
					for _, a := range []any{true, nil} {
						all = append(all, world{"n": n, "m": m, "s": s, "l": l, "a": a, "b": true})
					}
				}
			}
		}
	}
	return all
}

// laws calls f with every condition and every world of the small domains.
func laws(t *testing.T, f func(e condition.Expr, worlds []world)) {
	t.Helper()
	s := schema(t, lawAttributes)
	for _, domain := range []struct {
		texts  []string
		worlds []world
	}{{logical(), logicalWorlds()}, {compared(), comparedWorlds()}} {
		for _, text := range domain.texts {
			e, err := condition.Parse(text, "doc", s)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			f(e, domain.worlds)
			if t.Failed() {
				return
			}
		}
	}
}

// Where a condition is true, and where it is false, is where its Forms hold.
func TestReduceHoldsExactlyWhereEvalSays(t *testing.T) {
	truths := map[condition.Truth]int{}
	laws(t, func(e condition.Expr, worlds []world) {
		yes, no := condition.Reduce(e, true, world.atFirst(nil, "")), condition.Reduce(e, false, world.atFirst(nil, ""))
		for _, w := range worlds {
			truth := condition.Eval(e, w.at)
			truths[truth]++
			if yes.Holds(w.at) != (truth == condition.True) || no.Holds(w.at) != (truth == condition.False) {
				t.Fatalf("%s in %v is %s: true holds %v, false holds %v", e, w, truth, yes.Holds(w.at), no.Holds(w.at))
			}
		}
	})
	t.Log(truths)
	for _, truth := range []condition.Truth{condition.True, condition.False, condition.Unknown} {
		if truths[truth] < 10_000 {
			t.Errorf("%d are %s", truths[truth], truth)
		}
	}
}

// By Kleene's logic as well, which knows no order, and then a Form has at most as many literals
// as the condition has comparisons.
func TestReduceWithoutOrderHoldsExactlyWhereKleeneSays(t *testing.T) {
	laws(t, func(e condition.Expr, worlds []world) {
		yes, no := condition.ReduceWithoutOrder(e, true, world.atFirst(nil, "")), condition.ReduceWithoutOrder(e, false, world.atFirst(nil, ""))
		if n := leaves(e); yes.Size() > n || no.Size() > n {
			t.Fatalf("%s of %d leaves: %d and %d literals", e, n, yes.Size(), no.Size())
		}
		for _, w := range worlds {
			truth := kleene(e, w.at)
			if yes.Holds(w.at) != (truth == condition.True) || no.Holds(w.at) != (truth == condition.False) {
				t.Fatalf("%s in %v is %s: true holds %v, false holds %v", e, w, truth, yes.Holds(w.at), no.Holds(w.at))
			}
		}
	})
}

// Reducing with the caller's attributes and then with the object's is reducing with both, and
// what is left then is Always or Never.
func TestReducingTwiceIsReducingOnce(t *testing.T) {
	reduced := 0
	laws(t, func(e condition.Expr, worlds []world) {
		for i, w := range worlds {
			if i%3 != 0 {
				continue
			}
			for _, first := range []string{"a", "bs", "nlc"} {
				for _, want := range []bool{true, false} {
					part := condition.Reduce(e, want, w.atFirst(first))
					twice, once := part.Reduce(w.at), condition.Reduce(e, want, w.at)
					if twice.Kind() != once.Kind() || once.Kind() > condition.FormAlways {
						t.Fatalf("%s in %v, %s first, %v: twice %v, once %v", e, w, first, want, twice.Kind(), once.Kind())
					}
					if part.Holds(w.at) != once.Holds(w.at) {
						t.Fatalf("%s in %v, %s first, %v: %v holds", e, w, first, want, part.Kind())
					}
					if part.Kind() > condition.FormAlways {
						reduced++
					}
				}
			}
		}
	})
	if reduced < 10_000 {
		t.Errorf("%d Forms with something left", reduced)
	}
}

// A Form is negation-free and has no part that changes nothing. Its size is at most twice the
// comparisons for conditions in which no && stands below || in front of another operand, nor
// || below &&; such a one, whose front may be unknown, is said twice, and its size is bounded
// by 256 alone.
func TestAFormHasNoNegationAndIsSmall(t *testing.T) {
	laws(t, func(e condition.Expr, _ []world) {
		for _, want := range []bool{true, false} {
			f := condition.Reduce(e, want, world.atFirst(nil, ""))
			if n := checkForm(t, f); n != f.Size() {
				t.Fatalf("%s: %d literals, Size %d", e, n, f.Size())
			}
			if most := 2 * leaves(e); f.Size() > most && !nestedInFront(e) {
				t.Fatalf("%s: %d literals, at most %d", e, f.Size(), most)
			}
		}
	})
}

// checkForm returns how many literals a Form has.
func checkForm(t *testing.T, f condition.Form) int {
	t.Helper()
	switch f.Kind() {
	case condition.FormLiteral:
		l := f.Literal()
		if !l.Op.IsLeaf() || l.A.Attr == nil && l.B.Attr == nil || l.Op.Complement().Complement() != l.Op || l.Op.Complement() == l.Op {
			t.Fatalf("the literal %+v", l)
		}
		return 1
	case condition.FormAll, condition.FormAny:
		n, parts := 0, 0
		for p := range f.Parts() {
			if parts++; p.Kind() == f.Kind() || p.Kind() <= condition.FormAlways {
				t.Fatalf("%v in %v", p.Kind(), f.Kind())
			}
			n += checkForm(t, p)
		}
		if parts < 2 {
			t.Fatalf("%v of %d parts", f.Kind(), parts)
		}
		return n
	}
	return 0
}

func leaves(e condition.Expr) int {
	if e.Op().IsLeaf() {
		return 1
	}
	n := 0
	for arg := range e.Args() {
		n += leaves(arg)
	}
	return n
}

// nestedInFront reports whether an operand before the last one of its node is a node of several
// operands itself.
func nestedInFront(e condition.Expr) bool {
	args := slices.Collect(e.Args())
	for i, arg := range args {
		if i < len(args)-1 && leaves(arg) > 1 || nestedInFront(arg) {
			return true
		}
	}
	return false
}

// The order of operands changes nothing in Kleene's logic, and nothing in Eval's as long as
// nothing is missing. Where something is, Eval knows what Kleene's logic does or nothing:
// "r.obj.a && r.obj.b" with a missing and b false is unknown, and false the other way round.
func TestTheOrderOfOperandsMattersOnlyWhereSomethingIsMissing(t *testing.T) {
	s := schema(t, lawAttributes)
	differ := 0
	for _, op := range []string{"&&", "||"} {
		for _, x := range logical()[:78] {
			for _, y := range []string{"r.obj.c", "!r.obj.c", "(r.obj.b || r.obj.c)", "(r.obj.a && !r.obj.b)"} {
				one, err := condition.Parse("("+x+") "+op+" "+y, "doc", s)
				other, err2 := condition.Parse(y+" "+op+" ("+x+")", "doc", s)
				if err != nil || err2 != nil {
					t.Fatal(err, err2)
				}
				for _, w := range logicalWorlds() {
					p, q, k := condition.Eval(one, w.at), condition.Eval(other, w.at), kleene(one, w.at)
					if kleene(other, w.at) != k || p != k && p != condition.Unknown || q != k && q != condition.Unknown {
						t.Fatalf("%s in %v: %s, %s, Kleene %s", one, w, p, q, k)
					}
					missing := slices.ContainsFunc([]string{"a", "b", "c"}, func(name string) bool { _, ok := w[name].(bool); return !ok })
					if p != q {
						differ++
					}
					if p != q && !missing {
						t.Fatalf("%s in %v, where nothing is missing: %s and %s", one, w, p, q)
					}
				}
			}
		}
	}
	e, err := condition.Parse("r.obj.a && r.obj.b", "doc", s)
	f, err2 := condition.Parse("r.obj.b && r.obj.a", "doc", s)
	w := world{"b": false}
	if err != nil || err2 != nil || condition.Eval(e, w.at) != condition.Unknown || condition.Eval(f, w.at) != condition.False {
		t.Error(err, err2, condition.Eval(e, w.at), condition.Eval(f, w.at))
	}
	if differ < 1_000 {
		t.Errorf("the order matters %d times", differ)
	}
}

// A condition that alternates && and || many levels deep has no large Form: beyond 256 literals
// it holds for less.
func TestAFormBeyondItsLimitHoldsForLess(t *testing.T) {
	text := "r.obj.a"
	for i := range 28 {
		text = "(" + text + ") " + []string{"&&", "||"}[i%2] + " " + []string{"r.obj.b", "!r.obj.c", "r.obj.n == " + fmt.Sprint(i%3), "r.obj.m < " + fmt.Sprint(i)}[i%4]
	}
	e, err := condition.Parse(text, "doc", schema(t, lawAttributes))
	if err != nil {
		t.Fatal(err)
	}
	worlds := comparedWorlds()
	for _, w := range logicalWorlds() {
		for m := range 30 {
			all := world{"n": m % 3, "m": m}
			maps.Copy(all, w)
			worlds = append(worlds, all)
		}
	}
	less := 0
	for _, want := range []bool{true, false} {
		f := condition.Reduce(e, want, world.atFirst(nil, ""))
		if n := checkForm(t, f); n > 256 {
			t.Errorf("%d literals", n)
		}
		for _, w := range worlds {
			is := condition.False
			if want {
				is = condition.True
			}
			if f.Holds(w.at) && condition.Eval(e, w.at) != is {
				t.Fatalf("%v holds in %v", want, w)
			}
			if !f.Holds(w.at) && condition.Eval(e, w.at) == is {
				less++
			}
		}
	}
	if less == 0 {
		t.Error("the limit is not reached")
	}
}
