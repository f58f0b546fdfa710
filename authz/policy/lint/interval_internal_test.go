package lint

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// truthAttributes are those of random conditions.
var truthAttributes = []condition.Attribute{
	{Type: "doc", Name: "owner", Kind: condition.KindString}, {Type: "doc", Name: "name", Kind: condition.KindString}, {Type: "doc", Name: "size", Kind: condition.KindInt},
	{Type: "doc", Name: "made", Kind: condition.KindTime}, {Type: "doc", Name: "public", Kind: condition.KindBool}, {Type: "doc", Name: "tags", Kind: condition.KindStrings},
}

// gen makes conditions whose parts often stand against each other.
type gen struct{ *rand.Rand }

func (g gen) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g gen) text() string { return g.pick("'a'", "'ab'", "'abc'", "'b'", "'ba'") }

func (g gen) leaf() string {
	order := g.pick("==", "!=", "<", "<=", ">", ">=")
	switch g.IntN(10) {
	case 0:
		return g.pick("r.obj.owner", "r.obj.name") + " " + order + " " + g.text()
	case 1:
		return g.pick("r.obj.owner", "r.sub.id") + " " + order + " " + g.pick("r.obj.name", "r.obj.owner", "r.sub.id")
	case 2:
		return "r.obj.size " + order + " " + g.pick("1", "2", "3")
	case 3:
		return "r.obj.made " + order + " " + g.pick("'2026-01-01T00:00:00Z'", "'2026-01-01T00:00:01Z'", "'2027-01-01T00:00:00Z'")
	case 4:
		return "r.obj.public"
	case 5:
		return g.pick("startsWith", "endsWith", "contains") + "(r.obj.owner, " + g.text() + ")"
	case 6:
		return "ipMatch(r.env.ip, " + g.pick("'10.0.0.0/8'", "'10.1.0.0/16'", "'10.1.2.3'", "'192.168.0.0/16'", "'::/0'", "'::1'", "'0.0.0.0/0'") + ")"
	case 7:
		return g.text() + " in r.obj.tags"
	case 8:
		return fmt.Sprintf("size(r.obj.tags) %s %d", order, g.IntN(3))
	}
	return "r.obj.owner in (" + g.text() + ", " + g.text() + ")"
}

func (g gen) condition(depth int) string {
	switch n := g.IntN(6); {
	case depth == 0 || n < 2:
		return g.leaf()
	case n == 2:
		return "!(" + g.condition(depth-1) + ")"
	case n == 3:
		return "(" + g.condition(depth-1) + " || " + g.condition(depth-1) + ")"
	}
	return "(" + g.condition(depth-1) + " && " + g.condition(depth-1) + ")"
}

// lookup returns values of a request.
func (g gen) lookup() condition.Lookup {
	texts := map[string]string{}
	for _, name := range []string{"owner", "name", "id"} {
		texts[name] = g.pick("", "a", "aa", "ab", "abc", "abd", "b", "ba", "bab", "c")
	}
	size, made, public := g.IntN(5), time.Unix(1767225600+int64(g.IntN(3)), int64(g.IntN(2))*1000), g.IntN(2) == 0
	ip := g.pick("10.0.0.1", "10.1.0.1", "10.1.2.3", "192.168.1.1", "8.8.8.8", "::1", "2001:db8::1")
	var tags []string
	for range g.IntN(4) {
		tags = append(tags, g.pick("a", "ab", "abc", "b", "ba", "c"))
	}
	return func(a *condition.Attribute) (condition.Value, []string) {
		switch a.Name {
		case "size":
			return condition.Int(int64(size)), nil
		case "made":
			return condition.Time(made), nil
		case "public":
			return condition.Bool(public), nil
		case "tags":
			return condition.Strings(), tags
		case "ip":
			return condition.String(ip), nil
		}
		return condition.String(texts[a.Name]), nil
	}
}

// A condition that is said to be true of no value is true of none that is tried, and one that is
// said to be true of every value is false of none.
func TestWhatIsAlwaysOrNeverTrueIsSo(t *testing.T) {
	schema, err := condition.NewSchema(truthAttributes)
	if err != nil {
		t.Fatal(err)
	}
	g := gen{rand.New(rand.NewPCG(15, 9))}
	never, always := 0, 0
	for range 4000 {
		text := g.condition(3)
		e, bad := condition.Parse(text, "doc", schema)
		if bad != nil {
			continue // such as one that is too long
		}
		no, yes := !satisfiable(e, false), !satisfiable(e, true)
		if !no && !yes {
			continue
		}
		if no {
			never++
		}
		if yes {
			always++
		}
		for range 60 {
			if got := condition.Eval(e, g.lookup()); no && got == condition.True || yes && got == condition.False {
				t.Fatalf("%s is %v: said to be never true: %t, always true: %t", text, got, no, yes)
			}
		}
	}
	t.Logf("%d never true, %d always", never, always)
	if never < 50 || always < 50 {
		t.Errorf("%d never and %d always true: too few to tell", never, always)
	}
}
