package condition_test

import (
	"testing"

	"github.com/reevehq/reeve/authz/policy/condition"
)

func TestEvalAllocatesNothing(t *testing.T) {
	s := schema(t, lawAttributes)
	w := assignment{"a": false, "b": false, "n": int64(1), "m": 2, "s": "10.0.0.1", "l": []string{"x", "y"}}
	for _, text := range []string{"r.obj.a || !(r.obj.n < 1 || r.obj.m > 1.5)", "r.obj.s in r.obj.l || r.obj.s in ('x', 'y')", "ipMatch(r.obj.s, '10.0.0.0/8')"} {
		e, err := condition.Parse(text, "doc", s)
		if err != nil {
			t.Fatal(err)
		}
		at := condition.Lookup(w.at)
		if n := testing.AllocsPerRun(100, func() { condition.Eval(e, at) }); n > 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

// A lookup that answers with a value of another kind answers nothing.
func TestAValueOfAnotherKindIsMissing(t *testing.T) {
	s := schema(t, lawAttributes)
	values := []condition.Value{{}, condition.Later(), condition.String("x"), condition.Int(1), condition.Int(1 << 60), condition.Float(1), condition.Bool(true), condition.Strings()}
	for text, kind := range map[string]condition.Kind{"r.obj.a": condition.KindBool, "r.obj.n == 1": condition.KindInt, "r.obj.s == 'x'": condition.KindString, "'x' in r.obj.l": condition.KindStrings} {
		e, err := condition.Parse(text, "doc", s)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			got := condition.Eval(e, func(*condition.Attribute) (condition.Value, []string) { return v, []string{"x"} })
			if want := v.Kind() == kind; (got == condition.True) != want || (got == condition.Unknown) == want {
				t.Errorf("%s with a %s is %s", text, v.Kind(), got)
			}
		}
	}
}

// The zero Expr always holds, and what it reduces to is Always or Never.
func TestTheZeroExprAlwaysHolds(t *testing.T) {
	var e condition.Expr
	if condition.Eval(e, nil) != condition.True || condition.Reduce(e, true, nil).Kind() != condition.FormAlways || condition.Reduce(e, false, nil).Kind() != condition.FormNever {
		t.Error("the zero Expr does not hold")
	}
	if e.Op() != condition.OpAlways || e.Source() != "true" || e.String() != "true" || (condition.Form{}).Holds(nil) {
		t.Error("the zero values mean something else")
	}
}
