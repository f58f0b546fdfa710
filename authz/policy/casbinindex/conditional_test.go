package casbinindex_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"
	casbinutil "github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
)

const conditionalModel = `
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act
[role_definition]
g = _, _, _, (_, _)
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub, r.dom) && r.obj == p.obj && r.act == p.act
`

// In domains Casbin asks for the condition of a first link alone, and for none of a pattern: a
// role whose condition never holds is then there for good.
func TestAConditionThatCasbinPassesOverIsRefused(t *testing.T) {
	never := func(...string) (bool, error) { return false, nil }
	for name, c := range map[string]struct {
		rows    [][]string
		pattern bool
		want    string // "" for a condition that is asked for
	}{
		"a first link":              {[][]string{{"alice", "admin", "t1", "a", "b"}}, false, ""},
		"a second link":             {[][]string{{"alice", "editor", "t1", "_", "_"}, {"editor", "admin", "t1", "a", "b"}}, false, "first link alone"},
		"a third link":              {[][]string{{"alice", "x", "t1", "_", "_"}, {"x", "editor", "t1", "_", "_"}, {"editor", "admin", "t1", "a", "b"}}, false, "first link alone"},
		"a pattern":                 {[][]string{{"alice", "admin", "t*", "a", "b"}}, true, "under a pattern"},
		"beside a pattern function": {[][]string{{"alice", "admin", "t1", "a", "b"}}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := model.NewModelFromString(conditionalModel)
			if err != nil {
				t.Fatal(err)
			}
			e, err := casbin.NewEnforcer(m)
			if err != nil {
				t.Fatal(err)
			}
			if c.pattern {
				e.AddNamedDomainMatchingFunc("g", "", casbinutil.KeyMatch)
			}
			rules := "p, admin, t1, d, read\n"
			for _, row := range c.rows {
				rules += "g, " + strings.Join(row, ", ") + "\n"
			}
			e.SetAdapter(stringadapter.NewAdapter(rules))
			if err := e.LoadPolicy(); err != nil {
				t.Fatal(err)
			}
			for _, row := range c.rows {
				if row[3] != "_" {
					e.AddNamedDomainLinkConditionFunc("g", row[0], row[1], row[2], never)
				}
			}
			open, err := e.Enforce("alice", "t1", "d", "read")
			if err != nil || open != (c.want != "") {
				t.Fatalf("Casbin: %t %v", open, err)
			}
			ix, err := casbinindex.New(e.GetModel(), casbinindex.Config{})
			if c.want != "" {
				if !errors.Is(err, casbinindex.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := ix.Enforce("alice", "t1", "d", "read"); ok || err != nil {
				t.Error(ok, err)
			}
		})
	}
}
