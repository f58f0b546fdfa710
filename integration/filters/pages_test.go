//go:build unix

package filters_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/tenant"
)

// item is a row with a column of each kind that a list may be in the order of.
type item struct {
	id, tenant, title string
	size              int64
	score             float64
	made              time.Time
	public            bool
	code              string
	owner             *string
}

const itemAttributes = `
item, id,     string, no,  id
item, org,    tenant, no,  tenant_id
item, title,  string, no,  title
item, size,   int,    no,  size
item, score,  float,  no,  score
item, made,   time,   no,  made
item, public, bool,   no,  public
item, code,   uuid,   no,  code
item, owner,  string, yes, owner
`

const itemColumns = "i.id, i.tenant_id, i.title, i.size, i.score, i.made, i.public, i.code, i.owner"

// itemTypes are the types of title and of the columns after size. Titles are in the order of a
// language, in which "a" comes before "B", and in SQLite of one to which they are equal.
var itemTypes = map[policy.Dialect][]any{
	policy.Postgres: {`text COLLATE "en-x-icu"`, "double precision", "timestamptz", "boolean", "uuid"},
	policy.SQLite:   {"TEXT COLLATE NOCASE", "REAL", "INTEGER", "INTEGER", "TEXT"},
}

func itemTable(d policy.Dialect) string {
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS item (id text NOT NULL PRIMARY KEY, tenant_id text NOT NULL, title %s NOT NULL, size bigint NOT NULL, score %s NOT NULL, made %s NOT NULL, public %s NOT NULL, code %s NOT NULL, owner text)", itemTypes[d]...)
}

// items fills each database with rows of which many are equal in a column.
func items(t *testing.T, n int) ([]database, []item) {
	t.Helper()
	dbs := databases(t, nil)
	g := rand.New(rand.NewPCG(5, 8))
	titles := []string{"", "a", "A", "b", "B", "ä", "é", "e\u0301", "_", "%", "'", `"`, " a", "a b", "ab", "Z", "z", "ß", "ss", "😀"}
	sizes := []int64{0, 1, -1, 1 << 53, 1<<53 + 1, math.MaxInt64, math.MinInt64}
	scores := []float64{0, 1.5, -1.5, math.Inf(1), math.Inf(-1), 0.1}
	times := []time.Time{time.Unix(0, 0), time.Unix(1795384800, 1000), time.Unix(1795384800, 2000), time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)}
	codes := []string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"}
	owner := "alice"
	var all []item
	for i := range n {
		x := item{id: fmt.Sprintf("%c%d", "aAzZé_"[i%5], i), tenant: "acme", title: titles[g.IntN(len(titles))], size: sizes[g.IntN(len(sizes))], score: scores[g.IntN(len(scores))],
			made: times[g.IntN(len(times))], public: g.IntN(2) == 0, code: codes[g.IntN(len(codes))]}
		if g.IntN(3) > 0 {
			x.owner = &owner
		}
		if i%10 == 9 {
			x.tenant = "globex"
		}
		all = append(all, x)
	}
	for _, db := range dbs {
		db.exec(t, itemTable(db.dialect))
		for _, x := range all {
			db.add(t, x)
		}
	}
	return dbs, all
}

func (d database) add(t *testing.T, x item) {
	t.Helper()
	var owner any
	if x.owner != nil {
		owner = *x.owner
	}
	d.exec(t, "INSERT INTO item VALUES ("+placeholders(9)+")", x.id, x.tenant, x.title, x.size, x.score, x.made, x.public, x.code, owner)
}

func (x *item) object(...string) policy.Object {
	return policy.Object{Type: "item", ID: x.id, Tenant: tenant.MustParse(x.tenant), Attributes: policy.Values{
		"title": x.title, "size": x.size, "score": x.score, "made": x.made, "public": x.public, "code": x.code, "owner": x.owner,
	}}
}

// items reads the rows of a query, and the count where it has one.
func (d database) items(t *testing.T, counted bool, text string, args ...any) (rows []item, count int) {
	t.Helper()
	found, err := d.db.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%v", d.name, err, text, args)
	}
	defer found.Close()
	for found.Next() {
		var x item
		to := []any{&x.id, &x.tenant, &x.title, &x.size, &x.score, &x.made, &x.public, &x.code, &x.owner}
		var micros int64
		if d.dialect == policy.SQLite {
			to[5] = &micros
		}
		if counted {
			to = append(to, &count)
		}
		if err := found.Scan(to...); err != nil {
			t.Fatal(err)
		}
		if d.dialect == policy.SQLite {
			x.made = time.UnixMicro(micros)
		}
		rows = append(rows, x)
	}
	if err := found.Err(); err != nil {
		t.Fatalf("%s: %v\n%s\n%v", d.name, err, text, args)
	}
	return rows, count
}

func mayRead(t *testing.T, condition string) policy.Predicate {
	t.Helper()
	e, err := load(t, "p, role:authenticated, *, item, read, "+csvQuote(condition)+", allow", itemAttributes)
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Filter(t.Context(), policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "item"}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func idsOf(rows []item) []string {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].id
	}
	return ids
}

// Page by page a list is what the database has in that order without pages: each object once. The
// count beside each page is the number of objects on all of them.
func TestThePagesOfAListAreTheList(t *testing.T) {
	dbs, all := items(t, 150)
	g := rand.New(rand.NewPCG(13, 21))
	names := []string{"title", "size", "score", "made", "public", "code", "id"}
	for _, condition := range []string{"true", "r.obj.owner == r.sub.id", "r.obj.owner == r.sub.id && r.obj.title < 'b'", "r.obj.owner == 'bob'"} {
		may := mayRead(t, condition)
		want := map[string]bool{}
		for i := range all {
			if o := all[i].object(); may.Match(withoutNil(o)) {
				want[o.ID] = true
			}
		}
		for range testneed.Scale(6, 400) {
			var sorts []policy.Sort
			for _, i := range g.Perm(len(names))[:g.IntN(4)] {
				sorts = append(sorts, policy.Sort{Attribute: names[i], Descending: g.IntN(2) == 0})
			}
			size := 1 + g.IntN(40)
			for _, db := range dbs {
				var got []string
				list := policy.List{Sort: sorts, Size: size}
				for pages := 0; ; pages++ {
					page, err := may.Page(list)
					if err != nil {
						t.Fatal(err)
					}
					text, args, err := page.Select(db.dialect, policy.Select{Table: "item", As: "i", Columns: itemColumns, Where: "i.id <> $1 OR i.title <> $2", Args: []any{"", "x"}, Count: 1000})
					if err != nil {
						t.Fatal(err)
					}
					rows, count := db.items(t, true, text, args...)
					if len(rows) > 0 && count != len(want) {
						t.Fatalf("%s: %s %v counts %d of %d", db.name, condition, sorts, count, len(want))
					}
					where, tail, args, err := page.SQL(0, db.dialect, "i")
					if err != nil {
						t.Fatal(err)
					}
					if plain, _ := db.items(t, false, "SELECT "+itemColumns+" FROM item AS i WHERE "+where+tail, args...); !slices.Equal(idsOf(plain), idsOf(rows)) {
						t.Fatalf("%s: SQL and Select differ: %v, %v", db.name, idsOf(plain), idsOf(rows))
					}
					kept, next, err := policy.Cut(page, rows, (*item).object)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, idsOf(kept)...)
					if next == "" {
						break
					}
					if list.Cursor = next; len(kept) != size || pages > len(all) {
						t.Fatalf("%s: %v: a page of %d of %d", db.name, sorts, len(kept), size)
					}
				}
				whole, err := may.Page(policy.List{Sort: sorts, Size: policy.MaxPageSize})
				if err != nil {
					t.Fatal(err)
				}
				where, tail, args, err := whole.SQL(0, db.dialect, "i")
				if err != nil {
					t.Fatal(err)
				}
				once, _ := db.items(t, false, "SELECT "+itemColumns+" FROM item AS i WHERE "+where+tail, args...)
				if !slices.Equal(got, idsOf(once)) || len(got) != len(want) {
					t.Fatalf("%s: %s %v in pages of %d:\n%q\n%q, %d are allowed", db.name, condition, sorts, size, got, idsOf(once), len(want))
				}
				for _, id := range got {
					if !want[id] {
						t.Fatalf("%s: %s is not allowed", db.name, id)
					}
				}
			}
		}
	}
}

// withoutNil is the object as a mapper makes it: NULL is not there.
func withoutNil(o policy.Object) policy.Object {
	v := o.Attributes.(policy.Values)
	if owner, _ := v["owner"].(*string); owner == nil {
		delete(v, "owner")
	} else {
		v["owner"] = *owner
	}
	return o
}

// An object that is there from the first page to the last is on one page, whatever comes and goes.
func TestWhatComesAndGoesMovesNoOtherObject(t *testing.T) {
	dbs, all := items(t, 60)
	may := mayRead(t, "true")
	for _, db := range dbs {
		g := rand.New(rand.NewPCG(34, 55))
		list := policy.List{Sort: []policy.Sort{{Attribute: "title", Descending: true}}, Size: 7}
		seen := map[string]int{}
		gone := map[string]bool{}
		for n := 0; ; n++ {
			page, err := may.Page(list)
			if err != nil {
				t.Fatal(err)
			}
			text, args, err := page.Select(db.dialect, policy.Select{Table: "item", As: "i", Columns: itemColumns})
			if err != nil {
				t.Fatal(err)
			}
			rows, _ := db.items(t, false, text, args...)
			kept, next, err := policy.Cut(page, rows, (*item).object)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range idsOf(kept) {
				seen[id]++
			}
			if next == "" {
				break
			}
			list.Cursor = next
			last := kept[len(kept)-1].id // also where the next page begins
			for _, id := range []string{last, all[g.IntN(len(all))].id} {
				db.exec(t, "DELETE FROM item WHERE id = $1", id)
				gone[id] = true
			}
			fresh := all[g.IntN(len(all))]
			fresh.id, fresh.tenant = fmt.Sprint("new", n), "acme"
			db.add(t, fresh)
		}
		for _, x := range all {
			if want := 1; x.tenant == "acme" && (seen[x.id] > want || !gone[x.id] && seen[x.id] < want) {
				t.Errorf("%s: %s is on %d pages", db.name, x.id, seen[x.id])
			}
		}
	}
}

// A Select finds what the predicate selects, whatever a service says beside: no OR, no parenthesis
// that is closed too early, and no cursor of a client's own making changes that.
func TestNoConditionOfTheServiceIsPastThePredicate(t *testing.T) {
	dbs, all := items(t, 60)
	may := mayRead(t, "r.obj.owner == r.sub.id")
	want := map[string]bool{}
	for i := range all {
		want[all[i].id] = may.Match(withoutNil(all[i].object()))
	}
	page, err := may.Page(policy.List{Size: policy.MaxPageSize})
	if err != nil {
		t.Fatal(err)
	}
	for _, db := range dbs {
		for name, s := range map[string]policy.Select{
			"an OR":                            {Where: "i.title = '' OR 1 = 1"},
			"a parenthesis closed too early":   {Where: "i.title = '') OR (1 = 1"},
			"a condition about another tenant": {Where: "i.tenant_id = 'globex' OR i.owner IS NULL"},
			"a join":                           {Join: "JOIN item AS other ON other.id = i.id", Where: "other.id IS NOT NULL OR TRUE"},
		} {
			s.Table, s.As, s.Columns, s.Count = "item", "i", itemColumns, 1000
			text, args, err := page.Select(db.dialect, s)
			if err != nil {
				t.Fatal(err)
			}
			rows, count := db.items(t, true, text, args...)
			for _, x := range rows {
				if !want[x.id] {
					t.Errorf("%s: %s: %s is not allowed", db.name, name, x.id)
				}
			}
			if count != len(rows) || name == "an OR" && count == 0 {
				t.Errorf("%s: %s: a count of %d beside %d rows", db.name, name, count, len(rows))
			}
		}
	}
}

// A row of SQLite whose column is of another type than was declared, or NULL, makes an error of the
// page that ends in it, and never a page of what is not allowed.
func TestARowThatHasNoPlaceInTheOrderIsAnError(t *testing.T) {
	dbs, _ := items(t, 0)
	lite := dbs[1]
	for i, size := range []string{"1", "'many'", "X'00'", "2.5"} {
		lite.exec(t, fmt.Sprintf("INSERT INTO item VALUES ('%d', 'acme', 't', %s, 1.0, 1, 1, '6ba7b810-9dad-11d1-80b4-00c04fd430c8', NULL)", i, size))
	}
	may := mayRead(t, "true")
	page, err := may.Page(policy.List{Sort: []policy.Sort{{Attribute: "size"}}, Size: 3})
	if err != nil {
		t.Fatal(err)
	}
	text, args, err := page.Select(policy.SQLite, policy.Select{Table: "item", As: "i", Columns: "i.id, i.size"})
	if err != nil {
		t.Fatal(err)
	}
	found, err := lite.db.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var rows []policy.Object
	for found.Next() {
		var id string
		var size any
		if err := found.Scan(&id, &size); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, policy.Object{Type: "item", ID: id, Tenant: acme, Attributes: policy.Values{"size": size}})
	}
	if err := found.Err(); err != nil || len(rows) != 4 {
		t.Fatal(len(rows), err)
	}
	kept, next, err := policy.Cut(page, rows, func(o *policy.Object, _ ...string) policy.Object { return *o })
	if !errors.Is(err, policy.ErrMisused) || kept != nil || next != "" || !strings.Contains(err.Error(), "size") {
		t.Errorf("%v, %q, %v", kept, next, err)
	}
}
