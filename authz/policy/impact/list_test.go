package impact_test

import (
	"fmt"
	"strings"
	"testing"
)

// A list is decided however many texts it is compared with: what a comparison asks is whether it has
// some or all of a set, and texts of the same sets are alike in that.
func TestAListThatIsComparedWithManyTextsIsDecided(t *testing.T) {
	var texts, each []string
	for i := range 8 {
		text := fmt.Sprintf("'t%d'", i)
		texts, each = append(texts, text), append(each, text+" in r.sub.regions")
	}
	eight, seven := "("+strings.Join(texts, ", ")+")", "("+strings.Join(texts[:7], ", ")+")"
	for name, row := range map[string]struct {
		before, after string
		same          bool
	}{
		"one of many and each of them":                  {"containsAny(r.sub.regions, " + eight + ")", strings.Join(each, " || "), true},
		"all of many and each of them":                  {"containsAll(r.sub.regions, " + eight + ")", strings.Join(each, " && "), true},
		"one and all of them":                           {"containsAny(r.sub.regions, " + eight + ")", "containsAll(r.sub.regions, " + eight + ")", false},
		"one more":                                      {"containsAny(r.sub.regions, " + seven + ")", "containsAny(r.sub.regions, " + eight + ")", false},
		"one more of all":                               {"containsAll(r.sub.regions, " + seven + ")", "containsAll(r.sub.regions, " + eight + ")", false},
		"an attribute that is one of many, in the list": {"r.sub.dept in r.sub.regions && r.sub.dept in " + eight, "r.sub.dept in r.sub.regions && r.sub.dept in " + seven, false},
		"the same in another order":                     {"r.sub.dept in r.sub.regions && r.sub.dept in " + eight, "r.sub.dept in " + eight + " && r.sub.dept in r.sub.regions", true},
	} {
		t.Run(name, func(t *testing.T) {
			old, new := of(t, `p, role:a, *, doc, read, "`+row.before+`", allow`), of(t, `p, role:a, *, doc, read, "`+row.after+`", allow`)
			cells := diff(t, old, new)
			if row.same != (len(cells) == 0) {
				t.Errorf("%d cells: %v", len(cells), cells)
			}
			for _, c := range cells {
				if c.May {
					t.Errorf("undecided: %s", c)
				} else if allowed(old, c.Witness) == allowed(new, c.Witness) {
					t.Errorf("the witness of %s is no change: %+v", c, c.Witness)
				}
			}
		})
	}
}
