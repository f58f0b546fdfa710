//go:build unix

package filters_test

import (
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy/policyrls"
	"github.com/reevehq/reeve/tenant/rls"
)

// otherTypes are types that the audit allows beside those that the other tests have.
const otherTypes = `ALTER TABLE doc ALTER id TYPE varchar(80), ALTER owner TYPE varchar(5000), ALTER status TYPE character varying, ALTER reviewer TYPE varchar(5000),
	ALTER project_id TYPE varchar(20), ALTER size TYPE integer, ALTER parts TYPE smallint, ALTER score TYPE real;
ALTER TABLE project ALTER id TYPE varchar(30), ALTER owner TYPE varchar(30), ALTER status TYPE varchar(30), ALTER size TYPE smallint USING least(size, 7)::smallint;
ALTER TABLE doc_member ALTER doc_id TYPE varchar(90), ALTER user_id TYPE varchar(90), ALTER role TYPE varchar(9);
ALTER TABLE project_member ALTER project_id TYPE varchar(90), ALTER user_id TYPE varchar(90)`

// Each type that the audit allows for a kind is compared as conditions compare, by a filter and by
// row-level security: none is an error of the database.
func TestEachTypeThatTheAuditAllowsIsCompared(t *testing.T) {
	docs := []doc{
		{id: "a/1", tenant: "acme", owner: "alice", status: "draft", reviewer: "Alice", project: "p1", size: int64(1), parts: int64(1), score: 1.5, public: true, tags: []string{"alice", "é"},
			due: time.Unix(1795384800, 0), made: time.Unix(0, 0), code: "6ba7b810-9dad-11d1-80b4-00c04fd430c8", members: []string{"alice", "bob"}, leads: []string{"alice"}},
		{id: "2", tenant: "acme", owner: "Z", status: "", project: "p2", size: int64(-1), parts: int64(3), score: -0.5, public: false, locked: true, tags: []string{}, members: []string{"é"}},
		{id: "3", tenant: "acme", status: "paid", reviewer: "bob"},
		{id: "4", tenant: "acme", owner: "é", status: "alice", reviewer: "é", project: "p1", size: int64(2), parts: int64(2), score: 2.0, tags: []string{"x"}, members: []string{"x"}, leads: []string{"x"}},
		{id: "5", tenant: "globex", owner: "alice", status: "draft"},
	}
	a := everybody(t, docs)
	a.dbs = a.dbs[:1] // SQLite has no such types
	for statement := range strings.SplitSeq(otherTypes, ";\n") {
		a.dbs[0].exec(t, statement)
		a.walled.Exec(a.walled.Owner(), statement)
	}

	e, err := load(t, "p, role:authenticated, *, doc, read, true, allow", attributes)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := policyrls.Columns(e.Attributes(), map[string]string{"doc": "doc", "project": "project"})
	if err != nil {
		t.Fatal(err)
	}
	found, err := rls.Audit(t.Context(), a.walled.app, rls.Config{Owner: a.walled.OwnerRole, App: a.walled.AppRole, Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Rule == "column-type" || f.Rule == "column-missing" || f.Rule == "column-collation" {
			t.Errorf("the audit says %v", f)
		}
	}
	for _, text := range byHand {
		selects(t, a, docs, text)
	}
	for _, text := range []string{"r.obj.id in ('2', '3')", "startsWith(r.obj.id, 'a/')", "r.obj.owner in r.sub.regions", "r.obj.size in (1, 2)", "!(r.obj.score in (1.5, 3))", "containsAny(r.obj.tags, r.sub.regions)", "containsAny(r.obj.members, r.sub.regions) || r.obj.public"} {
		selects(t, a, docs, text)
	}
}
