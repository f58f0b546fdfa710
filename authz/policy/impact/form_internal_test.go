package impact

import (
	"math/rand/v2"
	"testing"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// Conditions of one form have one value whatever is known, and many written otherwise have one form.
func TestConditionsOfOneFormHaveOneValue(t *testing.T) {
	var declared []condition.Attribute
	for _, name := range []string{"a", "b", "c"} {
		declared = append(declared, condition.Attribute{Type: "doc", Name: name, Kind: condition.KindBool})
	}
	schema, err := condition.NewSchema(declared)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var text func(depth int) string
	text = func(depth int) string {
		leaf := "r.obj." + string(rune('a'+r.IntN(3)))
		if depth == 0 || r.IntN(4) == 0 {
			return leaf
		}
		switch r.IntN(3) {
		case 0:
			return "!(" + text(depth-1) + ")"
		case 1:
			return "(" + text(depth-1) + " && " + text(depth-1) + ")"
		}
		return "(" + text(depth-1) + " || " + text(depth-1) + ")"
	}
	values := func(e condition.Expr) (all string) {
		for n := range 27 {
			now := map[string]int{"a": n % 3, "b": n / 3 % 3, "c": n / 9}
			all += condition.Eval(e, func(a *condition.Attribute) (condition.Value, []string) {
				if now[a.Name] == 2 {
					return condition.Value{}, nil
				}
				return condition.Bool(now[a.Name] == 1), nil
			}).String() + " "
		}
		return all
	}
	first, again := map[string][2]string{}, 0
	for range 20_000 {
		source := text(3)
		e, err := condition.Parse(source, "doc", schema)
		if err != nil {
			t.Fatal(err)
		}
		form, is := formOf(e, false).text(), values(e)
		other, there := first[form]
		if there && other[1] != is {
			t.Fatalf("%s and %s have one form, and other values", source, other[0])
		}
		if there && other[0] != source {
			again++
		}
		first[form] = [2]string{source, is}
	}
	if again < 5000 || len(first) < 500 {
		t.Errorf("%d forms, of which another text was met %d times", len(first), again)
	}
}
