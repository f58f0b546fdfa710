//go:build unix

package filters_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

// A text that is longer than 64 bytes is looked for in shorter lists: in every database, by row-level
// security and in a check alike, whichever side is the caller's and wherever in a list a text stands.
func TestComparisonOfLongTextsWithListsEndsAtOneLimit(t *testing.T) {
	text := func(n int) string { return strings.Repeat("x", n) }
	list := func(n int, with ...string) []string {
		out := slices.Clone(with)
		for i := len(out); i < n; i++ {
			out = append(out, fmt.Sprint("m", i))
		}
		return out
	}
	const most = 4096 / 16 // texts, where a condition looks into 16 lists
	others := strings.Repeat(" && !('q' in r.sub.regions)", 15)
	var docs []doc
	for _, length := range []int{1, 64, 65, 130} {
		for _, n := range []int{1, most / 3, most/3 + 1, most / 2, most/2 + 1} {
			one := list(n, text(length))
			slices.Reverse(one)
			docs = append(docs, doc{id: fmt.Sprintf("%d of %d", length, n), tenant: "acme", status: "s", owner: text(length), reviewer: text(length), tags: one, members: one})
		}
	}
	alike := []string{}
	for i := range most / 2 {
		alike = append(alike, text(127)+fmt.Sprintf("%03d", i))
	}
	docs = append(docs, doc{id: "alike", tenant: "acme", status: "s", owner: text(130), tags: append(alike, text(130)), members: append(alike, text(130))},
		doc{id: "others", tenant: "acme", status: "s", owner: text(65), tags: list(most/2 + 1), members: list(most/2 + 1)},
		doc{id: "none", tenant: "acme", status: "s", owner: text(65), tags: []string{}, members: nil}, doc{id: "no list", tenant: "acme", status: "s", owner: text(65)},
		doc{id: "longest of none", tenant: "acme", status: text(64 * most), owner: text(64*most + 1), tags: []string{}}, doc{id: "longest of one", tenant: "acme", status: text(64 * most), owner: text(64*most + 1), tags: []string{"x"}, members: []string{"x"}})
	dbs, walled := databases(t, docs), newWalled(t, docs)
	for _, length := range []int{1, 64, 65, 130} {
		for _, condition := range []string{
			"r.sub.dept in r.obj.tags", "r.sub.dept in r.obj.members", "r.obj.public || r.sub.dept in r.obj.members", "r.obj.owner in r.obj.tags", "r.obj.owner in r.obj.members", "r.obj.reviewer in r.obj.tags", "r.obj.reviewer in r.obj.members",
			"r.obj.status in r.obj.tags", "r.obj.status in r.obj.members", "r.obj.owner in r.sub.regions", "containsAny(r.obj.tags, r.sub.regions)", "containsAny(r.obj.members, r.sub.regions)", "containsAll(r.obj.tags, r.sub.regions)", "containsAll(r.obj.members, r.sub.regions)",
			"containsAll(r.sub.regions, r.obj.tags)", "containsAll(r.sub.regions, r.obj.members)", "'" + text(length) + "' in r.obj.tags", "containsAny(r.obj.members, ('" + text(length) + "', 'y'))",
		} {
			for _, condition := range []string{"(" + condition + ")", "!(" + condition + ")"} {
				e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(condition+others)+", allow"+grants, attributes)
				if err != nil {
					t.Fatal(err)
				}
				r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: policy.Values{"dept": text(length), "regions": []string{text(length)}}}, Action: "read", Object: policy.Object{Type: "doc"}}
				p, err := e.Filter(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				want := []string{}
				for _, d := range docs {
					request := r
					request.Object = d.object()
					decided, err := e.Decide(t.Context(), request)
					if err != nil {
						t.Fatal(err)
					}
					if decided.Allowed() {
						want = append(want, d.id)
					}
					if decided.Allowed() != p.Match(request.Object) {
						t.Errorf("%s of %d: doc %s is matched otherwise", condition, length, d.id)
					}
				}
				slices.Sort(want)
				walled.same(t, e, r, want, fmt.Sprint(condition, " of ", length))
				for _, db := range dbs {
					if got, err := db.ids(t, p); err != nil || !slices.Equal(got, want) {
						where, _, _ := p.SQL(db.dialect, "d")
						t.Errorf("%s: %s of %d:\n got %q, %v\nwant %q\n%s", db.name, condition, length, got, err, want, where)
					}
				}
				if t.Failed() {
					return
				}
			}
		}
	}
}
