package policy_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2/model"
	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/internal/conditiontest"
)

// FuzzCSV: what we read as rows, Casbin's file adapter loads as the same rows.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		fine, "p,role:a,*,doc,read,true,deny\r\n\n # c\n\tg, user:b,role:a , *", `p, "role:a", *, doc, read, "r.obj.x in (""a"", 'b')", allow`,
		"p, role:a, *, doc, read, \"true\n\", allow", "\ufeffp, a", "p, a\rp, b", "p, \u00a0a, b, c, d, e, f", `p, a"b, c`, `p, "a" , b`, "g, a, b, c\ng, a,b,c",
		"p, a, b, c, d, e, f #", "p, a, b, c, d, e, #", "#\np, \x00", "p,a,b,c,d,\"\"\"\",f", "p,,,,,,", `"p",a,b,c,d,"e,e",f`, "p, a,b,c,d,e,f\u2028p, x",
	} {
		f.Add(seed)
	}
	conf := string(folder(nil)["model.conf"].Data)
	path := filepath.Join(f.TempDir(), "policy.csv")
	f.Fuzz(func(t *testing.T, content string) {
		p, g, err := policy.ParsedRows(content)
		if err != nil {
			return
		}
		m, err := model.NewModelFromString(conf)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := fileadapter.NewAdapter(path).LoadPolicy(m); err != nil {
			t.Fatalf("%q: we read it, Casbin says %v", content, err)
		}
		same := func(a, b [][]string) bool { return slices.EqualFunc(a, b, slices.Equal) }
		// Casbin joins values with commas to find duplicates; ours have none but in
		// conditions, which readRule and readGrant see to.
		if strings.Contains(content, `"`) {
			for _, row := range append(slices.Clone(p), g...) {
				for i, v := range row {
					if strings.Contains(v, ",") && i != 4 {
						return
					}
				}
			}
		}
		if !same(p, m["p"]["p"].Policy) || !same(g, m["g"]["g"].Policy) {
			t.Fatalf("%q\nwe:     %q %q\nCasbin: %q %q", content, p, g, m["p"]["p"].Policy, m["g"]["g"].Policy)
		}
	})
}

// FuzzCondition: nothing panics, an error has a place within the text, and Casbin evaluates what
// compiles to the same: in the order that begins with what decides, and in the order of the text
// unless that ends in an error. An unknown condition is an error in both. A condition of odd values
// has a value. FuzzParse of package condition compares with the texts that Casbin reads.
func FuzzCondition(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(newGen(seed).condition("doc", 3), seed)
		f.Add(newGen(seed).richCondition(3), seed)
	}
	for _, text := range []string{"true", "", " ", "r.obj.owner == '2024-01-01'", "!r.obj.public", "r.sub.Nuke()", "'", "r.", "((((", "r.obj.size in (1, 2, 3, 4, 5)", "-", "&&", "\xff", "r.obj.size == -0", "'a' in r.obj.tags", "ipMatch(r.env.ip, '10.0.0.0/8')", "!ipMatch(r.env.ip, '::1')", "r.env.time < '2026-01-01T00:00:00Z'"} {
		f.Add(text, uint64(1))
	}
	for seed := range uint64(20) {
		f.Add(conditiontest.AnyText(newGen(seed).Rand), seed)
	}
	odd := hostile()
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		k := policy.NewConditions(richAttributes + conditiontest.ShortAttributes)
		at, why := k.Compile(text, "doc")
		if why != "" {
			if at < 0 || at > len(text) {
				t.Fatalf("%q: an error at %d of %d: %s", text, at, len(text), why)
			}
			return
		}
		c := k.Last()
		for _, values := range odd {
			c.Eval(policy.Request{Subject: policy.Subject{ID: "a", Attributes: values}, Object: policy.Object{Type: "doc", ID: "1", Attributes: values}, Env: values})
		}
		r := newGen(seed).richRequest()
		removeSome(newGen(seed), r)
		agreesInSomeOrder(t, c.Expr(), r)
	})
}

// FuzzLoad: every error of a load has a line and a column, or is of a whole file.
func FuzzLoad(f *testing.F) {
	f.Add(fine, "")
	f.Add("p, role:viewer, *, doc, read, \"r.obj.owner == \"\"x\"\" && r.obj.nope\", allow", "doc, owner, string, no,")
	f.Add(strings.Join(newGen(3).rows(), "\n"), testAttributes)
	f.Fuzz(func(t *testing.T, rows, attributes string) {
		_, err := policy.Load(folder(map[string]string{"policy.csv": rows, "attributes.csv": attributes}), policy.Options{})
		if err == nil {
			return
		}
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			t.Fatalf("%T", err)
		}
		for _, e := range joined.Unwrap() {
			at, ok := e.(*policy.Error)
			if !ok || at.File == "" || at.Msg == "" || at.Code.Summary() == "" || at.Severity != policy.SeverityError || at.Line < 0 || (at.Line > 0) != (at.Col > 0) {
				t.Fatalf("%#v", e)
			}
			content := map[string]string{"policy.csv": rows, "attributes.csv": attributes}[at.File]
			lines := strings.Split(content, "\n")
			if at.Line > len(lines) || at.Line > 0 && at.Col > len(lines[at.Line-1])+1 {
				t.Fatalf("%v is outside of %q", at, content)
			}
		}
	})
}
