package gormscope_test

import (
	"strings"
	"testing"

	"github.com/reevehq/reeve/tenant/gormscope"
)

func TestAllThatIsWrongWithAConfigIsNamed(t *testing.T) {
	type plan struct{ ID string }
	type bill struct{ ID, TenantID string }
	for name, row := range map[string]struct {
		cfg  gormscope.Config
		want []string
	}{
		"nothing is scoped":         {gormscope.Config{}, []string{"Scoped: required"}},
		"a global one has a tenant": {gormscope.Config{Global: []any{&bill{}}}, []string{"Scoped: required", "Global: *gormscope_test.bill has the column tenant_id"}},
		"a scoped one has none":     {gormscope.Config{Scoped: []any{&plan{}, &bill{}}}, []string{"Scoped: *gormscope_test.plan has no column tenant_id"}},
		"another column":            {gormscope.Config{Scoped: []any{&bill{}}, Column: "org"}, []string{"Scoped: *gormscope_test.bill has no column org"}},
		"what is no model":          {gormscope.Config{Scoped: []any{7}, Global: []any{nil}}, []string{"Scoped: int: ", "Global: <nil>: "}},
	} {
		p, err := gormscope.New(row.cfg)
		if p != nil || err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		text, ours := strings.CutPrefix(err.Error(), "gormscope: invalid config: ")
		lines := strings.Split(text, "\n")
		if !ours || len(lines) != len(row.want) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, want := range row.want {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("%s: line %d is %q, want %q", name, i, lines[i], want)
			}
		}
	}
}
