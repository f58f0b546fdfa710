package policy_test

import (
	"maps"
	"slices"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

// richAttributes are those of the tests and one of every kind, NULL and relation.
const richAttributes = testAttributes + `
sub, groups,  strings, no,
doc, ends,    time,    yes,   ends_at
doc, begins,  time,    no,    begins_at
doc, ref,     uuid,    no,    ref
doc, note,    string,  value, note
doc, rank,    int,     value, rank
doc, readers, members, no,    id,         doc_readers, doc_id,   role
doc, project, parent,  yes,   project_id, project,     projects, id
project, owner,   string,  no, owner
project, open,    bool,    no, open
project, ref,     uuid,    no, ref
project, members, members, no, id, project_members, project_id, user_id, role, member
`

const someUUID, otherUUID = "0190a1b2-0000-7000-8000-00000000000a", "0190a1b2-0000-7000-8000-00000000000b"

// richLeaf returns a comparison that the first language did not have.
func (g gen) richLeaf() string {
	list := func() string {
		return pick(g, "r.obj.readers", "r.obj.tags", "r.sub.roles", "r.sub.groups", "r.sub.regions", "r.obj.project.members")
	}
	text := func() string {
		return pick(g, "r.obj.owner", "r.sub.id", "r.sub.dept", "r.obj.project.owner", "r.obj.note", "r.obj.id")
	}
	moment := pick(g, "'2026-01-01T00:00:00Z'", "'2026-01-01T02:00:00+02:00'", "'2025-12-31T18:30:00-05:30'", "r.env.time", "r.obj.begins")
	order := pick(g, "<", "<=", ">", ">=", "==", "!=")
	switch g.IntN(15) {
	case 0:
		return "has(r.obj, '" + pick(g, "owner", "ends", "note", "tags", "project", "id") + "')"
	case 1:
		return pick(g, "has(r.sub, 'dept')", `has(r.env,"ip")`, "has(r.sub, 'id')", "has( r.sub , 'roles' )")
	case 2:
		return "isNull(r.obj, '" + pick(g, "note", "rank") + "')"
	case 3:
		return pick(g, "startsWith", "endsWith", "contains") + "(" + text() + ", " + pick(g, "''", "'al'", "'pa'", `"\""`, "'\\''", text()) + ")"
	case 4:
		return pick(g, "startsWith", "endsWith", "contains") + "('alice', " + text() + ")"
	case 5:
		return "containsAny(" + list() + ", " + pick(g, list(), list(), "('eu')", "('paid', 'editor')", "('O\\'Neil', '\\\\', 'alice')") + ")"
	case 6:
		return "containsAll(" + list() + ", " + pick(g, list(), list(), "('eu')", "('eu', 'paid')") + ")"
	case 7:
		return pick(g, text(), "'editor'", "'O\\'Neil'") + " in " + list()
	case 8:
		return "r.obj.ends " + order + " " + moment
	case 9:
		return moment + " " + order + " r.obj.ends"
	case 10:
		return pick(g, "r.obj.ref", "r.obj.project.ref") + pick(g, " == ", " != ") + pick(g, "'"+someUUID+"'", "r.obj.project.ref", "r.obj.owner", "r.obj.ref")
	case 11:
		return "r.obj.ref in " + pick(g, "('"+someUUID+"')", "('"+someUUID+"', '"+otherUUID+"')", list())
	case 13:
		size, n := "size("+list()+")", pick(g, "1", "2", "0.5", "1.5", "3")
		if order == "==" || order == "!=" {
			n = pick(g, "0", "1", "2")
		}
		return pick(g, size+" "+order+" "+n, n+" "+order+" "+size)
	case 12:
		return pick(g, "r.obj.project.open", "!r.obj.project.open", "r.obj.project.owner == r.sub.id", "r.obj.project.owner != r.obj.note")
	}
	return pick(g, "r.obj.note == 'paid'", "r.obj.note != r.obj.owner", "r.obj.rank < 2", "r.obj.rank != 1", "r.obj.rank in (1, 2)", "r.obj.rank == r.obj.size", "r.obj.owner == 'O\\'Neil'", `r.obj.owner != "a \"b\" \\"`)
}

// richCondition returns a condition of new and of old comparisons.
func (g gen) richCondition(depth int) string {
	if depth > 0 && g.IntN(3) > 0 {
		x, y := g.richCondition(depth-1), g.richCondition(depth-1)
		return pick(g, x+" && "+y, x+" || "+y, "("+x+" || "+y+") && "+g.richLeaf(), "!("+x+")", "!("+x+" && "+y+")")
	}
	if g.IntN(3) == 0 {
		return g.condition("doc", 0)
	}
	return g.richLeaf()
}

// richRequest returns a request about a doc in which no declared attribute is missing.
func (g gen) richRequest() policy.Request {
	r := g.request()
	for r.Object.Type != "doc" {
		r = g.request()
	}
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func() time.Time {
		return pick(g, base, base.Add(time.Microsecond), base.Add(-time.Microsecond), time.Unix(2, 0))
	}
	maps.Copy(r.Subject.Attributes.(policy.Values), policy.Values{"groups": pick(g, []string{}, []string{"eu", "editor"}, []string{"O'Neil"})})
	maps.Copy(r.Object.Attributes.(policy.Values), policy.Values{
		"ends": at(), "begins": at(), "ref": pick(g, someUUID, otherUUID), "note": pick[any](g, nil, nil, "paid", "alice"), "rank": pick[any](g, nil, 1, int64(2)),
		"readers": pick(g, []string{}, []string{"editor"}, []string{"viewer", "eu", "paid"}, []string{someUUID, "O'Neil"}),
		"owner":   pick(g, "alice", "bob", "O'Neil", `a "b" \`, someUUID),
		"project": policy.Values{"owner": pick(g, "alice", "bob"), "open": g.IntN(2) == 0, "ref": pick(g, someUUID, otherUUID), "members": pick(g, []string{}, []string{"alice"}, []string{"bob", "eu"})},
	})
	return r
}

// removeSome removes attributes at random. Those that stay are of their kind and in range.
func removeSome(g gen, r policy.Request) {
	sources := []policy.AttributeSource{r.Subject.Attributes, r.Object.Attributes, r.Env}
	if values, ok := r.Object.Attributes.(policy.Values); ok {
		if parent, ok := values["project"].(policy.Values); ok {
			sources = append(sources, parent)
		}
	}
	for _, a := range sources {
		values, _ := a.(policy.Values)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if g.IntN(8) == 0 {
				delete(values, name)
			}
		}
	}
}
