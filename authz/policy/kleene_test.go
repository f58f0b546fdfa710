package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/testneed"
)

// orders returns a condition in every order of the operands of each && and ||, nil when these are
// more than most.
func orders(e condition.Expr, most int) []string {
	args := slices.Collect(e.Args())
	if e.Op() == condition.OpNot {
		var all []string
		for _, text := range orders(args[0], most) {
			all = append(all, "!("+text+")")
		}
		return all
	}
	if len(args) == 0 {
		return []string{e.String()}
	}
	of := make([][]string, len(args))
	for i, arg := range args {
		if of[i] = orders(arg, most); of[i] == nil {
			return nil
		}
	}
	var all []string
	var extend func(before string, rest []int)
	extend = func(before string, rest []int) {
		if len(rest) == 0 {
			all = append(all, before)
			return
		}
		for at, i := range rest {
			for _, text := range of[i] {
				if len(all) > most {
					return
				}
				next := "(" + text + ")"
				if before != "" {
					next = before + " " + e.Op().String() + " " + next
				}
				extend(next, slices.Delete(slices.Clone(rest), at, at+1))
			}
		}
	}
	var rest []int
	for i := range args {
		rest = append(rest, i)
	}
	if extend("", rest); len(all) > most {
		return nil
	}
	return all
}

// decisiveFirst returns a condition in the order in which what decides a part stands first in it.
func decisiveFirst(e condition.Expr, r policy.Request) string {
	args := slices.Collect(e.Args())
	if e.Op() == condition.OpNot {
		return "!(" + decisiveFirst(args[0], r) + ")"
	}
	if len(args) == 0 {
		return e.String()
	}
	decides := map[condition.Op]string{condition.OpAnd: "false", condition.OpOr: "true"}[e.Op()]
	slices.SortStableFunc(args, func(a, b condition.Expr) int {
		first := func(x condition.Expr) int {
			if policy.EvalExpr(x, r) == decides {
				return 0
			}
			return 1
		}
		return first(a) - first(b)
	})
	var texts []string
	for _, arg := range args {
		texts = append(texts, "("+decisiveFirst(arg, r)+")")
	}
	return strings.Join(texts, " "+e.Op().String()+" ")
}

// agreesInSomeOrder holds a condition against Casbin's answer in two orders of its operands.
func agreesInSomeOrder(t *testing.T, e condition.Expr, r policy.Request) {
	t.Helper()
	got := policy.EvalExpr(e, r)
	best := decisiveFirst(e, r)
	if want := casbinSays(casbinExpression(t, best), r); got != want {
		t.Fatalf("%s\nCasbin: %s in the order %s, we: %s\n%+v", e, want, best, got, r)
	}
	if want := casbinSays(casbinExpression(t, e.Source()), r); want != "unknown" && got != want {
		t.Fatalf("%s\nCasbin: %s, we: %s\n%+v", e, want, got, r)
	}
}

// The oracle of the logic: stock Casbin on every order of the operands of each && and ||, of a
// request from which attributes were removed. Where some order answers, all that do agree, and
// that is the answer; where none does, the condition is unknown.
func TestConditionsAreThoseOfCasbinInSomeOrder(t *testing.T) {
	t.Parallel()
	count, asked, wanted := map[string]int{}, 0, testneed.Scale(6_000, 100)
	onlyInAnother := 0
	for seed := uint64(0); asked < wanted; seed++ {
		g := newGen(seed)
		text := pick(g, g.condition("doc", 2), g.richCondition(2), g.richCondition(2))
		c, at, why := policy.CompileCondition(text, "doc", richAttributes)
		if why != "" {
			if strings.Contains(why, "both sides are constants") || strings.Contains(why, "too long") {
				continue
			}
			t.Fatalf("seed %d: %s\n%d: %s", seed, text, at, why)
		}
		all := orders(c.Expr(), 48)
		if all == nil {
			continue
		}
		for range 3 {
			r := g.richRequest()
			removeSome(g, r)
			got, first, answers := c.Eval(r), "", 0
			for i, order := range all {
				says := casbinSays(casbinExpression(t, order), r)
				if i == 0 {
					first = says
				}
				if says == "unknown" {
					continue
				}
				if answers++; says != got {
					t.Fatalf("seed %d: %s\nCasbin: %s in the order %s, we: %s\n%+v", seed, text, says, order, got, r)
				}
			}
			if answers == 0 && got != "unknown" {
				t.Fatalf("seed %d: %s\nCasbin: an error in every order, we: %s\n%+v", seed, text, got, r)
			}
			if first == "unknown" && answers > 0 {
				onlyInAnother++
			}
			count[got]++
			asked++
		}
	}
	t.Log(count, onlyInAnother, "are answered in another order alone")
	for _, v := range []string{"true", "false", "unknown"} {
		if count[v] < wanted/8 {
			t.Errorf("only %d conditions were %s", count[v], v)
		}
	}
	if onlyInAnother < wanted/40 {
		t.Errorf("%d are answered in another order alone", onlyInAnother)
	}
}

// Large conditions, in the order that begins with what decides and in that of the text.
func TestLargeConditionsAreThoseOfCasbin(t *testing.T) {
	t.Parallel()
	count, wanted := map[string]int{}, testneed.Scale(6_000, 100)
	for seed := range uint64(wanted) {
		g := newGen(seed)
		text := pick(g, g.condition("doc", 4), g.richCondition(4))
		c, _, why := policy.CompileCondition(text, "doc", richAttributes)
		if why != "" || len(text) > 1024 {
			continue
		}
		for range 3 {
			r := g.richRequest()
			removeSome(g, r)
			agreesInSomeOrder(t, c.Expr(), r)
			count[c.Eval(r)]++
		}
	}
	t.Log(count)
	for _, v := range []string{"true", "false", "unknown"} {
		if count[v] < wanted/8 {
			t.Errorf("only %d conditions were %s", count[v], v)
		}
	}
}

// leftToRight evaluates as before the order of operands meant nothing: an operand that
// is unknown made the whole unknown, whatever followed it.
func leftToRight(e condition.Expr, r policy.Request) string {
	args := slices.Collect(e.Args())
	switch e.Op() {
	case condition.OpAnd, condition.OpOr:
		goes := map[condition.Op]string{condition.OpAnd: "true", condition.OpOr: "false"}[e.Op()]
		for _, arg := range args {
			if v := leftToRight(arg, r); v != goes {
				return v
			}
		}
		return goes
	case condition.OpNot:
		return map[string]string{"true": "false", "false": "true", "unknown": "unknown"}[leftToRight(args[0], r)]
	}
	return policy.EvalExpr(e, r)
}

// All conditions of up to three operands over three attributes that are true, false, missing, nil
// or of another kind. Answers that were known are as they were, those that are known only now are
// errors to Casbin in that order, and where Casbin answers without one, an allow rule never matches
// nor does a deny rule not match against its answer.
func TestDecisionsChangeOnlyWhereCasbinFails(t *testing.T) {
	t.Parallel()
	leaves := []string{"r.obj.a", "r.obj.b", "!r.obj.c", "r.obj.c"}
	var texts []string
	for _, x := range leaves {
		for _, y := range leaves {
			for _, two := range []string{x + " && " + y, x + " || " + y} {
				texts = append(texts, two, "!("+two+")")
				for _, z := range leaves[:min(testneed.Scale(4, 2), len(leaves))] {
					texts = append(texts, "("+two+") && "+z, "("+two+") || "+z, z+" && !("+two+")", z+" || ("+two+")")
				}
			}
		}
	}
	values := []any{true, false, missing, nil, "x"}
	cases, changed := 0, 0
	for _, text := range texts {
		c, _, why := policy.CompileCondition(text, "doc", "doc, a, bool, no,\ndoc, b, bool, no,\ndoc, c, bool, no,\n")
		if why != "" {
			t.Fatal(text, why)
		}
		casbin := casbinExpression(t, text)
		for i := range 125 {
			attributes := policy.Values{}
			removed := true // whether what Casbin cannot use is not there
			for at, name := range []string{"a", "b", "c"} {
				v := values[i/[]int{1, 5, 25}[at]%5]
				if v != missing {
					attributes[name] = v
				}
				if _, ok := v.(bool); !ok && v != missing {
					removed = false
				}
			}
			r := policy.Request{Object: policy.Object{Type: "doc", Attributes: attributes}}
			now, before, says := c.Eval(r), leftToRight(c.Expr(), r), casbinSays(casbin, r)
			cases++
			if before != "unknown" && now != before {
				t.Fatalf("%s of %v was %s and is %s", text, attributes, before, now)
			}
			if now != before {
				changed++
				if removed && says != "unknown" {
					t.Fatalf("%s of %v was %s, is %s, and is %s to Casbin", text, attributes, before, now, says)
				}
			}
			if removed && says != "unknown" && says != now || now == "true" && says == "false" || now == "false" && says == "true" {
				t.Fatalf("%s of %v is %s, and %s to Casbin", text, attributes, now, says)
			}
		}
	}
	t.Logf("%d cases, %d were unknown and are known", cases, changed)
	if changed < cases/50 {
		t.Errorf("%d of %d changed", changed, cases)
	}
}

// missing is an attribute that is not there.
var missing any = struct{ missing bool }{true}
