package policy_test

import (
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

const twoRelations = `
doc, id,      string,  no,  id
doc, org,     tenant,  no,  tenant_id
doc, project, parent,  yes, project_id, project, projects, id
doc, origin,  parent,  yes, origin_id,  project, projects, id
doc, readers, members, no,  id, doc_people, doc, role, kind, reader
doc, writers, members, no,  id, doc_people, doc, role, kind, writer
project, id,    string, no, id
project, org,   tenant, no, tenant_id
project, owner, string, no, owner
`

// Two relations of a type to one other are two: what is asked of the one says nothing of the other, in a
// decision, in a filter and in its SQL.
func TestTwoRelationsToOneTypeAreApart(t *testing.T) {
	project := func(owner string) policy.Values { return policy.Values{"id": "p", "owner": owner} }
	object := func(in, from any, readers, writers []string) policy.Object {
		o := doc("1")
		o.Tenant = acme
		o.Attributes = policy.Values{"project": in, "origin": from, "readers": readers, "writers": writers}
		return o
	}
	for condition, row := range map[string]struct {
		yes, no []policy.Object
		sql     []string
	}{
		"r.obj.project.owner == r.sub.id": {
			[]policy.Object{object(project("alice"), project("bob"), nil, nil), object(project("alice"), nil, nil, nil)},
			[]policy.Object{object(project("bob"), project("alice"), nil, nil), object(nil, project("alice"), nil, nil)},
			[]string{"project_id"},
		},
		"r.obj.origin.owner == r.sub.id": {
			[]policy.Object{object(project("bob"), project("alice"), nil, nil), object(nil, project("alice"), nil, nil)},
			[]policy.Object{object(project("alice"), project("bob"), nil, nil), object(project("alice"), nil, nil, nil)},
			[]string{"origin_id"},
		},
		"r.obj.project.owner == r.sub.id && r.obj.origin.owner == 'bob'": {
			[]policy.Object{object(project("alice"), project("bob"), nil, nil)},
			[]policy.Object{object(project("bob"), project("alice"), nil, nil), object(project("alice"), project("alice"), nil, nil), object(project("bob"), project("bob"), nil, nil)},
			[]string{"project_id", "origin_id"},
		},
		"r.obj.project.owner == r.sub.id && !(r.obj.origin.owner == r.sub.id)": {
			[]policy.Object{object(project("alice"), project("bob"), nil, nil)},
			[]policy.Object{object(project("alice"), project("alice"), nil, nil), object(project("alice"), nil, nil, nil), object(project("bob"), project("bob"), nil, nil)},
			[]string{"project_id", "origin_id"},
		},
		"'a' in r.obj.readers && !('a' in r.obj.writers)": {
			[]policy.Object{object(nil, nil, []string{"a"}, []string{"b"}), object(nil, nil, []string{"b", "a"}, []string{})},
			[]policy.Object{object(nil, nil, []string{"a"}, []string{"a"}), object(nil, nil, []string{"b"}, []string{"a"})},
			[]string{`"kind" = $`, `"kind" = $`},
		},
	} {
		files := map[string]string{"policy.csv": "p, role:authenticated, *, doc, read, " + csvQuote(condition) + ", allow\n", "attributes.csv": twoRelations}
		e := mustLoad(t, folder(files))
		p, err := e.Filter(t.Context(), asks("alice", "read", policy.Object{Type: "doc"}))
		if err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
		for want, list := range map[bool][]policy.Object{true: row.yes, false: row.no} {
			for _, o := range list {
				if got, match := allows(t, e, asks("alice", "read", o)), p.Match(o); got != want || match != want {
					t.Errorf("%s: %v: decision %t, filter %t, want %t", condition, o.Attributes, got, match, want)
				}
			}
		}
		text, args, err := p.SQL(policy.Postgres, "d")
		if err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
		rest := text
		for _, part := range row.sql {
			_, after, found := strings.Cut(rest, part)
			if !found {
				t.Errorf("%s: no %s in %s %v", condition, part, text, args)
			}
			rest = after
		}
		if n := strings.Count(text, "EXISTS"); n < len(row.sql) {
			t.Errorf("%s: %d subqueries: %s", condition, n, text)
		}
	}
}
