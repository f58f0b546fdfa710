package condition_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

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
doc, k, strings, no,
doc, t, time, no,
doc, u, uuid, no,
doc, v, string, value,
doc, w, int, value,
`

const aUUID = "0190a1b2-0000-7000-8000-00000000000a"

// assignment has the values of attributes; one that is not there is missing.
type assignment map[string]any

func (w assignment) at(a *condition.Attribute) (condition.Value, []string) {
	x, there := w[a.Name]
	if !there {
		return condition.Value{}, nil
	}
	return a.ValueOf(x)
}

// atFirst knows those attributes of w whose names are among some, and has the others later.
func (w assignment) atFirst(some string) condition.Lookup {
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
		"startsWith(r.obj.s, 'x')", "startsWith('xy', r.obj.s)", "endsWith(r.obj.s, 'x')", "contains('axb', r.obj.s)", "containsAny(r.obj.l, ('x', 'q'))", "containsAll(r.obj.l, r.obj.k)", "has(r.obj, 'n')",
		"size(r.obj.l) > 1", "size(r.obj.l) == 0", "2 != size(r.obj.l)", "1.5 > size(r.obj.k)", "size(r.obj.k) <= 0",
		"r.obj.t < '1970-01-01T00:00:01Z'", "r.obj.t >= r.obj.n", "r.obj.u == '" + aUUID + "'", "r.obj.u == r.obj.s", "r.obj.u in r.obj.l",
		"r.obj.v == 'x'", "r.obj.v != r.obj.s", "isNull(r.obj, 'w')", "r.obj.w in (1, 2.5)", "r.obj.w == 2.5", "r.obj.w in (0.5, 2.5)", "has(r.obj, 'w')", "has(r.obj, 'u')", "r.obj.w < 2.5", "r.obj.v in r.obj.l", "has(r.obj, 'v')", "r.obj.n == 1.5", "1.5 > r.obj.n",
	}
	all := slices.Clone(leaves)
	for _, x := range leaves {
		for _, y := range leaves {
			all = append(all, x+" && !("+y+")", "!("+x+") || "+y, "!("+x+" && "+y+") || "+x)
		}
	}
	return all
}

// logicalAssignments are all values of a, b and c: true, false, missing, of another kind.
func logicalAssignments() (all []assignment) {
	values := []any{true, false, nil, "x"}
	for _, a := range values {
		for _, b := range values {
			for _, c := range values {
				all = append(all, assignment{"a": a, "b": b, "c": c})
			}
		}
	}
	return all
}

func comparedAssignments() (all []assignment) {
	of := func(name string, values ...any) (assignments []assignment) {
		for _, v := range values {
			w := assignment{}
			if v != gone {
				w[name] = v
			}
			assignments = append(assignments, w)
		}
		return assignments
	}
	micro := time.UnixMicro
	domains := [][]assignment{
		of("n", 1, int64(2), gone, 1<<60), of("m", 0, 2, gone), of("s", "x", "::1", aUUID, gone), of("l", []string{"x"}, []string{"y", aUUID}, []string{}, gone, 5),
		of("k", []string{"x"}, []string{}, gone), of("t", micro(1), micro(1_000_001), gone), of("u", aUUID, "ABC", gone), of("v", "x", nil, gone), of("w", 2, nil, gone), of("a", true, gone),
	}
	// All pairs of values of two attributes, with the first values and with none of the others.
	for i, x := range domains {
		for _, y := range domains[i+1:] {
			for _, p := range x {
				for _, q := range y {
					full := assignment{"b": true}
					for _, d := range domains {
						maps.Copy(full, d[0])
					}
					lone := assignment{"b": true}
					for _, w := range []assignment{full, lone} {
						for _, d := range [][]assignment{x, y} {
							for name := range d[0] {
								delete(w, name)
							}
						}
						maps.Copy(w, p)
						maps.Copy(w, q)
					}
					all = append(all, full, lone)
				}
			}
		}
	}
	return all
}

// gone is an attribute that is not there, where nil is NULL.
var gone any = struct{ gone bool }{true}

// laws calls f with every condition and every assignment of the small domains.
func laws(t *testing.T, f func(e condition.Expr, assignments []assignment)) {
	t.Helper()
	s := schema(t, lawAttributes)
	for _, domain := range []struct {
		texts       []string
		assignments []assignment
	}{{logical(), logicalAssignments()}, {compared(), comparedAssignments()}} {
		for i, text := range domain.texts {
			e, err := condition.Parse(text, "doc", s)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			assignments := domain.assignments
			if leaves(e) > 1 && len(assignments) > 100 { // the assignments of one comparison are all asked of it alone
				assignments = nil
				for at := i % 11; at < len(domain.assignments); at += 11 {
					assignments = append(assignments, domain.assignments[at])
				}
			}
			f(e, assignments)
			if t.Failed() {
				return
			}
		}
	}
}

// Where a condition is true, and where it is false, is where its Forms hold.
func TestReduceHoldsExactlyWhereEvalSays(t *testing.T) {
	truths := map[condition.Truth]int{}
	laws(t, func(e condition.Expr, assignments []assignment) {
		yes, no := condition.Reduce(e, true, assignment.atFirst(nil, "")), condition.Reduce(e, false, assignment.atFirst(nil, ""))
		for _, w := range assignments {
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

// Eval says what Kleene's logic does, and nothing else.
func TestEvalIsKleenes(t *testing.T) {
	laws(t, func(e condition.Expr, assignments []assignment) {
		for _, w := range assignments {
			if got, want := condition.Eval(e, w.at), kleene(e, w.at); got != want {
				t.Fatalf("%s in %v is %s, Kleene's is %s", e, w, got, want)
			}
		}
	})
}

// Reducing with the caller's attributes and then with the object's is reducing with both, and
// what is left then is Always or Never.
func TestReducingTwiceIsReducingOnce(t *testing.T) {
	reduced := 0
	laws(t, func(e condition.Expr, assignments []assignment) {
		for i, w := range assignments {
			if i%5 != 0 {
				continue
			}
			for _, first := range []string{"a", "bsv", "nlcw", "ktu"} {
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

// A Form is negation-free, has no part that changes nothing, and at most as many literals as the
// condition has comparisons, or twice as many where NULL is a value.
func TestAFormHasNoNegationAndIsSmall(t *testing.T) {
	laws(t, func(e condition.Expr, _ []assignment) {
		for _, want := range []bool{true, false} {
			f := condition.Reduce(e, want, assignment.atFirst(nil, ""))
			if n := checkForm(t, f); n != f.Size() {
				t.Fatalf("%s: %d literals, Size %d", e, n, f.Size())
			}
			if most := leavesOrTwice(e); f.Size() > most {
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

// leavesOrTwice is how many literals a Form of a condition has at most.
func leavesOrTwice(e condition.Expr) int {
	for a := range e.Attributes() {
		if a.Null == condition.NullValue {
			return 2 * leaves(e)
		}
	}
	return leaves(e)
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

// The order of operands changes nothing: neither the value, nor where the Forms hold.
func TestTheOrderOfOperandsChangesNothing(t *testing.T) {
	s := schema(t, lawAttributes)
	unknown := 0
	for _, op := range []string{"&&", "||"} {
		for _, x := range logical()[:78] {
			for _, y := range []string{"r.obj.c", "!r.obj.c", "(r.obj.b || r.obj.c)", "(r.obj.a && !r.obj.b)"} {
				one, err := condition.Parse("("+x+") "+op+" "+y, "doc", s)
				other, err2 := condition.Parse(y+" "+op+" ("+x+")", "doc", s)
				if err != nil || err2 != nil {
					t.Fatal(err, err2)
				}
				for _, w := range logicalAssignments() {
					p, q := condition.Eval(one, w.at), condition.Eval(other, w.at)
					if p != q {
						t.Fatalf("%s in %v: %s and %s", one, w, p, q)
					}
					if p == condition.Unknown {
						unknown++
					}
					for _, want := range []bool{true, false} {
						f, g := condition.Reduce(one, want, w.atFirst("ab")), condition.Reduce(other, want, w.atFirst("ab"))
						if f.Holds(w.at) != g.Holds(w.at) || f.Size() != g.Size() {
							t.Fatalf("%s in %v, %v: Forms of %d and %d", one, w, want, f.Size(), g.Size())
						}
					}
				}
			}
		}
	}
	for _, text := range []string{"r.obj.a && r.obj.b", "r.obj.b && r.obj.a"} {
		e, err := condition.Parse(text, "doc", s)
		if w := (assignment{"b": false}); err != nil || condition.Eval(e, w.at) != condition.False {
			t.Errorf("%s with a missing and b false: %v %v", text, err, condition.Eval(e, w.at))
		}
	}
	if unknown < 1_000 {
		t.Errorf("%d are unknown", unknown)
	}
}

// A known result stays the same whatever the missing attributes turn out to be. Only has looks at
// whether an attribute is there.
func TestWhatIsKnownStaysKnown(t *testing.T) {
	known := 0
	laws(t, func(e condition.Expr, assignments []assignment) {
		if strings.Contains(e.Source(), "has(") {
			return
		}
		for _, w := range assignments {
			truth := condition.Eval(e, w.at)
			if truth == condition.Unknown {
				continue
			}
			for _, missing := range []string{"a", "b", "n", "s", "l"} {
				if _, there := w[missing]; !there {
					continue
				}
				less := maps.Clone(w)
				delete(less, missing)
				if got := condition.Eval(e, less.at); got != truth && got != condition.Unknown {
					t.Fatalf("%s in %v is %s, and without %s %s", e, w, truth, missing, got)
				}
				known++
			}
		}
	})
	if known < 100_000 {
		t.Errorf("%d compared", known)
	}
}

// A condition that alternates && and || many levels deep has as small a Form as any.
func TestADeepConditionHasASmallForm(t *testing.T) {
	text := "r.obj.a"
	for i := range 28 {
		text = "(" + text + ") " + []string{"&&", "||"}[i%2] + " " + []string{"r.obj.b", "!r.obj.c", "r.obj.n == " + fmt.Sprint(i%3), "r.obj.m < " + fmt.Sprint(i)}[i%4]
	}
	e, err := condition.Parse(text, "doc", schema(t, lawAttributes))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		f := condition.Reduce(e, want, assignment.atFirst(nil, ""))
		if n := checkForm(t, f); n > leaves(e) {
			t.Errorf("%d literals of %d comparisons", n, leaves(e))
		}
		for n := range 3 {
			for m := range 30 {
				for _, a := range []any{true, false, "x"} {
					w := assignment{"n": n, "m": m, "a": a, "b": n%2 == 0, "c": a}
					truth := condition.Eval(e, w.at)
					if f.Holds(w.at) != (want && truth == condition.True || !want && truth == condition.False) {
						t.Fatalf("%v in %v is %s", want, w, truth)
					}
				}
			}
		}
	}
}
