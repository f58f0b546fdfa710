//go:build unix

package filters_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

const noteAttributes = `
note, id,      string,  no,  id
note, org,     tenant,  no,  tenant_id
note, pinned,  bool,    yes, pinned
note, folder,  parent,  yes, folder_id, folder, folder, id
note, members, members, no,  id, note_member, note_id, user_id
folder, id,    string,  no,  id
folder, org,   tenant,  no,  tenant_id
folder, owner, string,  yes, owner
`

// A column of SQLite that calls texts equal which differ, or that makes numbers of texts, shows no row
// of another key or tenant, in whatever part of a condition the relation stands.
func TestComparisonOfKeysAndTenantsInSQLiteIsExact(t *testing.T) {
	db := database{"sqlite", policy.SQLite, open(t, "sqlite", filepath.Join(t.TempDir(), "loose.db"))}
	for _, statement := range []string{
		"CREATE TABLE note (id TEXT PRIMARY KEY, tenant_id STRING NOT NULL, folder_id TEXT COLLATE NOCASE, pinned INTEGER)",
		"CREATE TABLE note_member (note_id TEXT COLLATE NOCASE, tenant_id TEXT NOT NULL, user_id TEXT NOT NULL)",
		"CREATE TABLE folder (id TEXT COLLATE NOCASE, tenant_id TEXT NOT NULL, owner TEXT)",
		"INSERT INTO note VALUES ('b', 'acme', 'f', 0), ('B', 'acme', 'F', 0), ('n1', '1e2', NULL, 0), ('n2', '100', NULL, 0), ('n3', '100.0', NULL, 0)",
		"INSERT INTO note_member VALUES ('b', 'acme', 'alice')",
		"INSERT INTO folder VALUES ('f', 'acme', 'alice')",
	} {
		db.exec(t, statement)
	}
	for _, c := range []struct {
		tenant, condition string
		want              []string
	}{
		{"1e2", "true", []string{}}, {"100", "true", []string{}}, // SQLite has one number for all three
		{"acme", "r.sub.id in r.obj.members", []string{"b"}},
		{"acme", "r.obj.pinned || r.sub.id in r.obj.members", []string{"b"}},
		{"acme", "!(r.sub.id in r.obj.members)", []string{"B"}},
		{"acme", "r.obj.pinned || !(r.sub.id in r.obj.members)", []string{"B"}},
		{"acme", "size(r.obj.members) == 1", []string{"b"}},
		{"acme", "size(r.obj.members) == 0", []string{"B"}},
		{"acme", "containsAll(r.obj.members, ('alice'))", []string{"b"}},
		{"acme", "r.obj.folder.owner == r.sub.id", []string{"b"}},
		{"acme", "r.obj.pinned || r.obj.folder.owner == r.sub.id", []string{"b"}},
		{"acme", "has(r.obj, 'folder')", []string{"b"}},
		{"acme", "!(has(r.obj, 'folder'))", []string{"B"}},
	} {
		e, err := load(t, "p, role:authenticated, *, note, read, "+csvQuote(c.condition)+", allow", noteAttributes)
		if err != nil {
			t.Fatal(err)
		}
		p, err := e.Filter(t.Context(), policy.Request{Tenant: tenant.MustParse(c.tenant), Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "note"}})
		if err != nil {
			t.Fatal(err)
		}
		where, args, err := p.SQL(policy.SQLite, "n")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := db.column(t, "SELECT n.id FROM note AS n WHERE "+where, args...); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s, %s: %q, %v; want %q\n%s", c.tenant, c.condition, got, err, c.want, where)
		}
	}
}
