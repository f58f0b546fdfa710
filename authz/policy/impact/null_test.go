package impact_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/tenant"
)

// TestADiffHeedsWhetherNullIsAValue: rows that stay as they are decide otherwise about NULL once
// attributes.csv says that it is a value, or none any more.
func TestADiffHeedsWhetherNullIsAValue(t *testing.T) {
	policyOf := func(when, nullable string) *impact.Policy {
		return load(t, files([]string{`p, role:authenticated, *, doc, read, "` + when + `", allow`}, "doc, boss, string, "+nullable+",\ndoc, size, int, no,\n"))
	}
	acme := tenant.MustParse("acme")
	requests := map[string]policy.Values{"missing": {"size": int64(1)}, "NULL": {"size": int64(1), "boss": nil}, "there": {"size": int64(1), "boss": "x"}, "large": {"size": int64(9), "boss": nil}}
	for _, when := range []string{
		"r.obj.boss != 'x'", "!(r.obj.boss == 'x')", "r.obj.boss == 'x'", "has(r.obj, 'boss')", "r.obj.boss != r.sub.id",
		"r.obj.boss != r.sub.id && r.obj.size < 3", "r.obj.boss != 'x' && r.sub.id == 'u'", "r.obj.size < 3",
	} {
		for _, x := range [][2]string{{"no", "value"}, {"yes", "value"}, {"value", "no"}, {"value", "yes"}, {"no", "yes"}, {"value", "value"}} {
			t.Run(fmt.Sprint(when, " ", x), func(t *testing.T) {
				old, new := policyOf(when, x[0]), policyOf(when, x[1])
				report, err := impact.Diff(old, new)
				if err != nil {
					t.Fatal(err)
				}
				changed := false
				for name, values := range requests {
					r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "u"}, Action: "read", Object: policy.Object{Type: "doc", ID: "1", Tenant: acme, Attributes: values}}
					a, _ := old.Engine().Decide(t.Context(), r)
					b, _ := new.Engine().Decide(t.Context(), r)
					if a.Allowed() != b.Allowed() {
						changed = true
						t.Logf("%s: %s, then %s", name, a.Effect, b.Effect)
					}
				}
				if changed != (len(report.Cells) > 0) {
					t.Fatalf("a request changes: %t; cells: %v", changed, report.Cells)
				}
				for _, c := range report.Cells {
					if c.May {
						t.Errorf("undecided: %v", c)
					}
					if !strings.Contains(c.When, " by the attributes before") {
						t.Errorf("both conditions have one text: %v", c)
					}
				}
			})
		}
	}
}

// TestADiffHeedsOfWhichTypeAParentIs: rows that stay as they are decide otherwise once a parent is of
// another type, of which attributes.csv says otherwise what NULL is.
func TestADiffHeedsOfWhichTypeAParentIs(t *testing.T) {
	policyOf := func(when, parent string) *impact.Policy {
		return load(t, files([]string{`p, role:authenticated, *, doc, read, "` + when + `", allow`},
			"folder, owner, string, no,\nshelf, owner, string, value,\ndoc, box, parent, yes, box_id, "+parent+", boxes, id\n"))
	}
	acme := tenant.MustParse("acme")
	for _, when := range []string{"r.obj.box.owner != r.sub.id", "!(r.obj.box.owner == 'x')", "r.obj.box.owner != 'x'"} {
		for _, x := range [][2]string{{"folder", "shelf"}, {"shelf", "folder"}} {
			old, new := policyOf(when, x[0]), policyOf(when, x[1])
			report, err := impact.Diff(old, new)
			if err != nil {
				t.Fatal(err)
			}
			r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "u"}, Action: "read", Object: policy.Object{Type: "doc", ID: "1", Tenant: acme,
				Attributes: policy.Values{"box": policy.Values{"owner": nil}}}}
			a, _ := old.Engine().Decide(t.Context(), r)
			b, _ := new.Engine().Decide(t.Context(), r)
			if a.Allowed() == b.Allowed() {
				t.Errorf("%s: %v: the request does not change", when, x)
			}
			if len(report.Cells) != 1 || report.Cells[0].May {
				t.Errorf("%s: %v: %v", when, x, report.Cells)
			}
		}
	}
}
