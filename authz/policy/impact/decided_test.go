package impact_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/authz/policy/policytest"
	"github.com/reevehq/reeve/tenant"
)

// These cells were undecided once: of many attributes that conditions compare all values were tried
// together, and of more than six roles not every set.
func TestACellOfManyAttributesAndRolesIsDecided(t *testing.T) {
	for name, row := range map[string]struct{ both, more []string }{
		"eight attributes, of which few decide": {[]string{
			"p, role:a, *, doc, *, 'eu' in r.sub.regions, deny",
			`p, role:authenticated, *, doc:k/*, *, "r.sub.dept in r.sub.regions && r.obj.size == 1 || r.obj.status in ('paid', 'draft') || r.obj.size == r.sub.level", allow`,
			"p, role:b, *, doc:k/*, read, r.sub.id == 'alice' && r.obj.owner != r.sub.id && r.obj.size != 1, allow",
		}, []string{
			"g, role:a, role:c, *", "p, role:b, acme, doc, read, true, allow",
			"p, role:c, *, doc:k/1, *, r.obj.owner >= 'm' && r.obj.owner != r.sub.id, allow",
		}},
		"a text that may be any of seven roles": {[]string{
			`p, user:alice, globex, doc, *, "r.obj.status in ('paid', 'draft') || r.env.hour >= 8", deny`,
			"p, role:d, *, doc, *, 'd' in r.sub.roles, allow",
			"p, role:b, *, doc:k/*, write, !(!(r.obj.status in r.sub.roles)), allow",
		}, []string{
			`p, role:a, *, doc, *, "r.sub.dept in r.sub.roles || containsAll(r.sub.roles, ('c')) && r.sub.level != 2", allow`,
		}},
		"a list that has one of seven roles": {[]string{
			`p, role:authenticated, *, doc, read, "!(containsAny(r.obj.readers, r.sub.roles) || r.obj.status in r.sub.roles)", allow`,
			"p, role:d, *, doc:*, read, r.obj.owner == r.sub.id, deny",
			`p, role:b, *, doc, *, "'e' in r.sub.roles || r.sub.id == 'alice' && r.obj.status in ('paid', 'draft') || 'eu' in r.sub.regions", allow`,
			"g, user:bob, role:c, *", "g, user:alice, role:a, globex",
		}, []string{"p, role:a, globex, doc, *, true, allow"}},
		"all of seven roles": {[]string{
			`p, role:a, globex, /x, GET, "containsAll(r.sub.roles, ('a')) && r.sub.dept != 'us'", deny`,
			`p, role:d, globex, /x, GET, "r.sub.dept in r.sub.roles && containsAny(r.sub.roles, ('a', 'c')) && containsAll(r.sub.roles, ('e'))", allow`,
			"g, role:b, role:c, *", "g, user:bob, role:a, *", "g, user:bob, role:d, globex",
		}, []string{"g, role:a, role:b, acme", "p, role:a, globex, /x, *, !('d' in r.sub.roles), allow"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := load(t, files(row.both, richAttributes))
			after := load(t, files(append(row.both[:len(row.both):len(row.both)], row.more...), richAttributes))
			cells := diff(t, before, after)
			if len(cells) == 0 {
				t.Error("nothing changes: the test shows nothing")
			}
			for _, c := range cells {
				if c.May {
					t.Errorf("undecided: %s", c)
				} else if allowed(before, c.Witness) == allowed(after, c.Witness) {
					t.Errorf("the witness of %s is no change: %+v", c, c.Witness)
				}
			}
		})
	}
}

// A row that stands on another line, with other spaces, quotes or line ends, or in a tenant's own file is
// the same row.
func TestARowThatMovesIsNoChange(t *testing.T) {
	rows := []string{"p, role:a, *, doc, read, true, allow", "p, role:b, acme, doc, write, r.sub.level < 2, allow", "g, user:alice, role:a, acme", "p, role:c, *, note, read, true, deny", "g, user:bob, role:b, *"}
	before := files(rows, testAttributes)
	for name, text := range map[string]string{
		"another order": rows[4] + "\n" + rows[3] + "\n" + rows[2] + "\n" + rows[1] + "\n" + rows[0] + "\n",
		"comments":      "# a\n" + rows[0] + "\n\n# b\n" + rows[1] + "\n" + rows[2] + "\n# c\n" + rows[3] + "\n" + rows[4],
		"other spaces":  strings.ReplaceAll(strings.Join(rows, "\n"), ", ", ",  "),
		"quotes":        strings.ReplaceAll(strings.Join(rows, "\n"), "role:a", `"role:a"`),
		"line ends":     strings.Join(rows, "\r\n") + "\r\n",
	} {
		after := files(nil, testAttributes)
		after[policy.PolicyFile].Data = []byte(text)
		if cells := diff(t, load(t, before), load(t, after)); len(cells) > 0 {
			t.Errorf("%s: %v", name, cells)
		}
	}
	after := files([]string{rows[0], rows[3], rows[4]}, testAttributes)
	after[policy.TenantFile(tenant.MustParse("acme"))] = &fstest.MapFile{Data: []byte(rows[1] + "\n" + rows[2] + "\n")}
	if cells := diff(t, load(t, before), load(t, after)); len(cells) > 0 {
		t.Errorf("a tenant's own file: %v", cells)
	}
	delete(after, policy.TenantFile(tenant.MustParse("acme")))
	if cells := diff(t, load(t, before), load(t, after)); len(cells) == 0 {
		t.Error("rows that are gone are no change: the test shows nothing")
	}
}

// Of two relations to one type the one is not the other.
func TestAConditionOnTheOtherOfTwoRelationsIsAChange(t *testing.T) {
	const attributes = richAttributes + "doc, origin, parent, yes, origin_id, folder, folders, id\n"
	before := load(t, files([]string{"p, role:a, *, doc, read, r.obj.folder.owner == r.sub.id, allow"}, attributes))
	after := load(t, files([]string{"p, role:a, *, doc, read, r.obj.origin.owner == r.sub.id, allow"}, attributes))
	cells := diff(t, before, after)
	if len(cells) != 2 {
		t.Fatalf("%v", cells)
	}
	for _, c := range cells {
		if c.May || allowed(before, c.Witness) == allowed(after, c.Witness) {
			t.Errorf("%s: %+v", c, c.Witness)
		}
		row, err := impact.Row(c.Witness)
		if err != nil {
			t.Fatal(err)
		}
		cases, err := policytest.Load(fstest.MapFS{"t.csv": {Data: []byte(strings.Join(append(row[:], "allow", "the witness"), ", "))}}, "t.csv", after.Engine().Attributes())
		if err != nil || len(cases) != 1 || allowed(after, cases[0].Request) != (c.Direction == impact.Wider) {
			t.Errorf("the row %v of a table is another request: %+v %v", row, cases, err)
		}
	}
}
