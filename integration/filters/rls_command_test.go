//go:build unix

package filters_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

// A row that may be read is locked, changed and deleted by its own action alone, whichever way the
// statement takes, and what a statement reads beside is what may be read.
func TestEachWayToARowIsBoundByItsAction(t *testing.T) {
	w := newWalled(t, []doc{
		{id: "1", tenant: "acme", status: "draft", owner: "alice"},
		{id: "2", tenant: "acme", status: "paid", owner: "alice"},
		{id: "3", tenant: "acme", status: "draft", owner: "bob", public: true}, // which alice may read
		{id: "4", tenant: "acme", status: "draft", owner: "bob", public: false},
		{id: "5", tenant: "globex", status: "draft", owner: "alice", public: true},
	})
	w.config.Insert, w.config.Update, w.config.Delete = "create", "update", "delete"
	e, err := load(t, `p, role:authenticated, *, doc, read, r.obj.owner == r.sub.id || r.obj.public, allow
p, role:authenticated, *, doc, create, r.obj.owner == r.sub.id, allow
p, role:authenticated, *, doc, update, r.obj.owner == r.sub.id, allow
p, role:authenticated, *, doc, delete, r.obj.owner == r.sub.id && r.obj.status == 'draft', allow
`+grants, attributes)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.install(t, e); err != nil {
		t.Fatal(err)
	}
	const refused, taken = "row-level security", "duplicate key" // which tells that there is a row, and nothing of it
	for _, c := range []struct {
		name, want string // ids, or an error
		statements []string
	}{
		{"it is read", "1 2 3", []string{"SELECT id FROM doc"}},
		{"it is counted", "3", []string{"SELECT count(*) FROM doc"}},
		{"it is locked", "1 2", []string{"SELECT id FROM doc FOR UPDATE"}},
		{"it is locked for others", "1 2", []string{"SELECT id FROM doc FOR KEY SHARE"}},
		{"it is updated", "1 2", []string{"UPDATE doc SET size = 1 RETURNING id"}},
		{"it is deleted", "1", []string{"DELETE FROM doc RETURNING id"}},
		{"it is deleted in a CTE", "1", []string{"WITH gone AS (DELETE FROM doc RETURNING id) SELECT id FROM gone"}},
		{"it is deleted beside another", "", []string{"DELETE FROM doc USING doc b WHERE b.id = '3' AND doc.id = b.id RETURNING doc.id"}},
		{"it is updated by another that is not seen", "", []string{"UPDATE doc SET size = 1 FROM doc b WHERE b.id = '4' RETURNING doc.id"}},
		{"it is updated by a count", "3", []string{"UPDATE doc SET size = (SELECT count(*) FROM doc b) WHERE id = '1' RETURNING size"}},
		{"it is copied", "1x 2x 3x", []string{"INSERT INTO doc (id, status, owner) SELECT id || 'x', status, 'alice' FROM doc RETURNING id"}},
		{"it is given away", refused, []string{"UPDATE doc SET owner = 'bob' WHERE id = '1' RETURNING id"}},
		{"it is given to another tenant", refused, []string{"UPDATE doc SET tenant_id = 'globex' WHERE id = '1' RETURNING id"}},
		{"it is updated through a cursor", "", []string{"DECLARE c CURSOR FOR SELECT id FROM doc WHERE id = '3'", "FETCH c", "UPDATE doc SET size = 1 WHERE CURRENT OF c RETURNING id"}},
		{"it is deleted through a cursor", "", []string{"DECLARE c CURSOR FOR SELECT id FROM doc WHERE id = '2'", "FETCH c", "DELETE FROM doc WHERE CURRENT OF c RETURNING id"}},
		{"its own is updated through a cursor", "2", []string{"DECLARE c CURSOR FOR SELECT id FROM doc WHERE id = '2'", "FETCH c", "UPDATE doc SET size = 1 WHERE CURRENT OF c RETURNING id"}},
		{"it is merged", refused, []string{"MERGE INTO doc USING (SELECT '3' AS id) s ON doc.id = s.id WHEN MATCHED THEN UPDATE SET size = 1"}},
		{"it is merged away", refused, []string{"MERGE INTO doc USING (SELECT '2' AS id) s ON doc.id = s.id WHEN MATCHED THEN DELETE"}},
		{"one that is not seen is merged", "3", []string{"MERGE INTO doc USING (SELECT '4' AS id) s ON doc.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING", "SELECT count(*) FROM doc"}},
		{"its own is merged", "1", []string{"MERGE INTO doc USING (SELECT '1' AS id) s ON doc.id = s.id WHEN MATCHED THEN UPDATE SET size = 7", "SELECT id FROM doc WHERE size = 7"}},
		{"it is in the way", refused, []string{"INSERT INTO doc (id, status, owner) VALUES ('3', 'x', 'alice') ON CONFLICT (tenant_id, id) DO UPDATE SET size = 1 RETURNING id"}},
		{"one that is not seen is in the way", refused, []string{"INSERT INTO doc (id, status, owner) VALUES ('4', 'x', 'alice') ON CONFLICT (tenant_id, id) DO UPDATE SET size = 1 RETURNING id"}},
		{"one that is not seen has the key", taken, []string{"INSERT INTO doc (id, status, owner) VALUES ('4', 'x', 'alice') RETURNING id"}},
		{"its own is in the way", "1", []string{"INSERT INTO doc (id, status, owner) VALUES ('1', 'x', 'alice') ON CONFLICT (tenant_id, id) DO UPDATE SET size = 1 RETURNING id"}},
		{"nothing is done", "", []string{"INSERT INTO doc (id, status, owner) VALUES ('3', 'x', 'alice') ON CONFLICT DO NOTHING RETURNING id"}},
	} {
		name, value, err := w.setting(t, e, policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.with(t.Context(), name, value, c.statements...)
		switch {
		case c.want == refused || c.want == taken:
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "bob") || strings.Contains(err.Error(), "(4)") {
				t.Errorf("%s: %q, %v", c.name, got, err)
			}
		case err != nil || !slices.Equal(got, strings.Fields(c.want)):
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}
