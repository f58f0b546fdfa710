//go:build unix

package filters_test

import (
	"slices"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

// A policy that is replaced while a list is read changes no page under way: its rows and its count
// are of the one policy that its predicate was made of. The next page is of the new policy alone,
// behind the cursor of the old one, which says where it begins and nothing more. Sizes are equal in
// many rows, so that pages end among equals.
func TestAPolicyThatIsReplacedBetweenPagesIsNeverMixedWithItsSuccessor(t *testing.T) {
	dbs, all := items(t, 150)
	rule := func(condition string) string {
		return "p, role:authenticated, *, item, read, " + csvQuote(condition) + ", allow"
	}
	const before, after = "r.obj.title < 'm'", "r.obj.title >= 'b'"
	list := policy.List{Sort: []policy.Sort{{Attribute: "size"}}, Size: 10}
	for _, db := range dbs {
		e, err := load(t, rule(before), itemAttributes)
		if err != nil {
			t.Fatal(err)
		}
		filter := func() policy.Predicate {
			t.Helper()
			p, err := e.Filter(t.Context(), policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "item"}})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		// read returns the ids of a page, the count beside it, and where the next begins.
		read := func(p policy.Predicate, l policy.List, between func()) (ids []string, count int, next string) {
			t.Helper()
			page, err := p.Page(l)
			if err != nil {
				t.Fatal(err)
			}
			between()
			text, args, err := page.Select(db.dialect, policy.Select{Table: "item", As: "i", Columns: itemColumns, Count: 1000})
			if err != nil {
				t.Fatal(err)
			}
			rows, count := db.items(t, true, text, args...)
			kept, next, err := policy.Cut(page, rows, (*item).object)
			if err != nil {
				t.Fatal(err)
			}
			return idsOf(kept), count, next
		}
		allowed := func(p policy.Predicate) (ids []string) {
			for i := range all {
				if p.Match(withoutNil(all[i].object())) {
					ids = append(ids, all[i].id)
				}
			}
			return ids
		}
		old := filter()
		wasAllowed := allowed(old)
		first, count, cursor := read(old, list, func() {
			if err := e.Reload(files(t, rule(after), itemAttributes)); err != nil {
				t.Fatal(err)
			}
		})
		isAllowed := allowed(filter())
		if slices.Equal(wasAllowed, isAllowed) || len(first) != list.Size || cursor == "" {
			t.Fatalf("%s: the policies tell nothing apart: %d and %d objects, a page of %d", db.name, len(wasAllowed), len(isAllowed), len(first))
		}
		if count != len(wasAllowed) || old.Revision() == filter().Revision() {
			t.Errorf("%s: the page under way counts %d of %d", db.name, count, len(wasAllowed))
		}
		for _, id := range first {
			if !slices.Contains(wasAllowed, id) {
				t.Errorf("%s: the page under way has %s, which its policy does not allow", db.name, id)
			}
		}
		var rest []string
		for l := list; ; {
			l.Cursor = cursor
			ids, count, next := read(filter(), l, func() {})
			if len(ids) > 0 && count != len(isAllowed) {
				t.Errorf("%s: a page of the new policy counts %d of %d", db.name, count, len(isAllowed))
			}
			if rest, cursor = append(rest, ids...), next; next == "" {
				break
			}
		}
		// Rows that the new policy allows are on these pages unless they stand before the cursor.
		whole := []string{}
		for l := (policy.List{Sort: list.Sort, Size: policy.MaxPageSize}); ; {
			ids, _, next := read(filter(), l, func() {})
			if whole, l.Cursor = append(whole, ids...), next; next == "" {
				break
			}
		}
		if len(rest) == 0 || len(rest) >= len(whole) || !slices.Equal(rest, whole[len(whole)-len(rest):]) {
			t.Errorf("%s: behind the cursor of before are %q, of %q", db.name, rest, whole)
		}
		for _, id := range rest {
			if slices.Contains(first, id) {
				t.Errorf("%s: %s is on two pages", db.name, id)
			}
		}
	}
}
