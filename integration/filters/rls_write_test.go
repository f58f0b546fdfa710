//go:build unix

package filters_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

// Each command is bound by its own action, and one without an action is refused.
func TestRowLevelSecurityBoundsWhatIsWritten(t *testing.T) {
	w := newWalled(t, []doc{
		{id: "1", tenant: "acme", status: "draft", owner: "alice"}, {id: "2", tenant: "acme", status: "paid", owner: "alice"},
		{id: "3", tenant: "acme", status: "draft", owner: "bob"}, {id: "4", tenant: "globex", status: "draft", owner: "alice"},
	})
	w.config.Insert, w.config.Update = "create", "update"
	e, err := load(t, `p, role:authenticated, *, doc, read, true, allow
p, role:authenticated, *, doc, create, r.obj.owner == r.sub.id, allow
p, role:authenticated, *, doc, update, r.obj.owner == r.sub.id, allow
p, role:authenticated, *, doc, update, r.obj.status == 'paid', deny
p, role:authenticated, *, doc, delete, true, allow
`+grants, attributes)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.install(t, e); err != nil {
		t.Fatal(err)
	}
	for statement, want := range map[string]string{
		"INSERT INTO doc (id, status, owner) VALUES ('9', 'draft', 'alice') RETURNING id":                                                       "9",
		"INSERT INTO doc (id, status, owner) VALUES ('9', 'draft', 'bob') RETURNING id":                                                         "row-level security",
		"INSERT INTO doc (id, status, owner) VALUES ('9', 'draft', NULL) RETURNING id":                                                          "row-level security",
		"INSERT INTO doc (id, status, owner, tenant_id) VALUES ('9', 'draft', 'alice', 'globex') RETURNING id":                                  "row-level security",
		"UPDATE doc SET size = 1 RETURNING id":                                                                                                  "1",
		"UPDATE doc SET owner = 'bob' RETURNING id":                                                                                             "row-level security",
		"UPDATE doc SET status = 'paid' RETURNING id":                                                                                           "row-level security",
		"UPDATE doc SET size = 1 WHERE id = '3' RETURNING id":                                                                                   "",
		"DELETE FROM doc RETURNING id":                                                                                                          "",
		"INSERT INTO doc (id, status, owner) VALUES ('3', 'x', 'alice') ON CONFLICT (tenant_id, id) DO UPDATE SET owner = 'alice' RETURNING id": "row-level security",
	} {
		name, value, err := w.setting(t, e, policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.with(t.Context(), name, value, statement)
		switch {
		case want == "row-level security":
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q, %v", statement, got, err)
			}
		case err != nil || !slices.Equal(got, strings.Fields(want)):
			t.Errorf("%s: %q, %v", statement, got, err)
		}
	}
}
