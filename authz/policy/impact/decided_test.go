package impact_test

import "testing"

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
