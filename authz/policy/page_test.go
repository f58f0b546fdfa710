package policy_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

const pagedAttributes = `
doc, id,      string,  no,    id
doc, org,     tenant,  no,    tenant_id
doc, title,   string,  no,    title
doc, size,    int,     no,    size
doc, score,   float,   no,    score
doc, made,    time,    no,    made
doc, public,  bool,    no,    public
doc, code,    uuid,    no,    code
doc, owner,   string,  yes,   owner
doc, note,    string,  value, note
doc, hidden,  string,  no,
doc, tags,    strings, no,    tags
doc, members, members, no,    id, doc_member, doc_id, user_id
`

// paged returns what alice may read.
func paged(t testing.TB, condition string) policy.Predicate {
	t.Helper()
	e := mustLoad(t, folder(map[string]string{"policy.csv": "p, role:authenticated, *, doc, read, " + csvQuote(condition) + ", allow", "attributes.csv": pagedAttributes}))
	return filter(t, e, policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}})
}

func page(t testing.TB, p policy.Predicate, l policy.List) policy.Page {
	t.Helper()
	page, err := p.Page(l)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// listed is an object with a value for each attribute that a list may be in the order of.
func listed(id string) policy.Object {
	return policy.Object{Type: "doc", ID: id, Tenant: acme, Attributes: policy.Values{
		"title": "the title", "size": int64(math.MinInt64), "score": math.Inf(-1), "made": time.Unix(1795384800, 1000), "public": true, "code": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	}}
}

func itself(o *policy.Object, _ ...string) policy.Object { return *o }

func TestAPageIsWhatThePredicateSelectsInAnOrder(t *testing.T) {
	p := paged(t, "r.obj.owner == r.sub.id")
	first := page(t, p, policy.List{Sort: []policy.Sort{{"title", true}}, Size: 2})
	const may = `"d"."tenant_id" = $2::text AND "d"."owner" = $3::text`
	where, tail, args, err := first.SQL(1, policy.Postgres, "d")
	if err != nil || where != "("+may+")" || tail != ` ORDER BY "d"."title" DESC, "d"."id" DESC LIMIT 3` || len(args) != 2 || !first.First() {
		t.Errorf("%s%s %v, %v", where, tail, args, err)
	}
	rows := []policy.Object{listed("3"), listed("2"), listed("1")}
	kept, cursor, err := policy.Cut(first, rows, itself)
	if err != nil || len(kept) != 2 || cursor == "" {
		t.Fatalf("%d rows, %q, %v", len(kept), cursor, err)
	}
	second := page(t, p, policy.List{Sort: []policy.Sort{{"title", true}}, Size: 2, Cursor: cursor})
	where, tail, args, err = second.SQL(1, policy.Postgres, "d")
	if want := "((" + may + `) AND ("d"."title", "d"."id") < ($4::text, $5::text))`; err != nil || where != want || !slices.Equal(args[2:], []any{"the title", "2"}) || second.First() {
		t.Errorf("%s%s %v, %v\nwant %s", where, tail, args, err, want)
	}
	for _, rows := range [][]policy.Object{nil, rows[:1], rows[:2]} {
		if kept, cursor, err := policy.Cut(second, rows, itself); err != nil || len(kept) != len(rows) || cursor != "" {
			t.Errorf("the last page of %d: %d, %q, %v", len(rows), len(kept), cursor, err)
		}
	}
}

// The order of a mixed list is written as ranges that begin with one on the first column.
func TestAnOrderThatGoesBothWays(t *testing.T) {
	p := paged(t, "true")
	sort := []policy.Sort{{"size", false}, {"made", true}}
	_, cursor, err := policy.Cut(page(t, p, policy.List{Sort: sort, Size: 1}), []policy.Object{listed("2"), listed("3")}, itself)
	if err != nil {
		t.Fatal(err)
	}
	second := page(t, p, policy.List{Sort: sort, Cursor: cursor})
	for d, want := range map[policy.Dialect]string{
		policy.Postgres: `("d"."tenant_id" = $1::text AND ("d"."size" >= $2::bigint AND ("d"."size" > $3::bigint OR ("d"."made", "d"."id") < ($4::timestamptz, $5::text))))`,
		policy.SQLite:   `(("d"."tenant_id" COLLATE BINARY = ? AND typeof("d"."tenant_id") = 'text') AND ("d"."size" >= ? AND ("d"."size" > ? OR ("d"."made", "d"."id") < (?, ?))))`,
	} {
		where, tail, args, err := second.SQL(0, d, "d")
		if err != nil || where != want || len(args) != 5 || !strings.Contains(tail, `ORDER BY "d"."size", "d"."made" DESC, "d"."id" DESC LIMIT 51`) {
			t.Errorf("%s%s %v, %v\nwant %s", where, tail, args, err, want)
		}
	}
}

func TestACursorHoldsEachKindOfValue(t *testing.T) {
	p := paged(t, "true")
	last := listed("x")
	for name, values := range map[string][]any{
		"title":  {"", "a", "Ä%_'\"\\", "\x00", "\xff", strings.Repeat("x", 4096)},
		"size":   {int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), 7, uint8(7)},
		"score":  {0.0, math.Copysign(0, -1), math.NaN(), math.Inf(1), 5e-324, float32(0.1), 3},
		"made":   {time.Unix(0, 0), time.Unix(-1, 999999000), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"public": {true, false},
		"code":   {"6ba7b810-9dad-11d1-80b4-00c04fd430c8", [16]byte{1, 2}},
	} {
		for _, x := range values {
			list := policy.List{Sort: []policy.Sort{{name, false}}, Size: 1}
			last.Attributes.(policy.Values)[name] = x
			_, cursor, err := policy.Cut(page(t, p, list), []policy.Object{last, last}, itself)
			if err != nil {
				t.Fatalf("%s %v: %v", name, x, err)
			}
			list.Cursor = cursor
			_, _, args, err := page(t, p, list).SQL(0, policy.SQLite, "d")
			if err != nil || len(args) != 3 || !sameKey(args[1], x) || args[2] != "x" {
				t.Errorf("%s %v: %v, %v", name, x, args, err)
			}
		}
	}
}

// sameKey reports whether SQLite is asked for what the object had.
func sameKey(got, had any) bool {
	switch x := had.(type) {
	case time.Time:
		return got == x.UnixMicro()
	case bool:
		return got == map[bool]int64{true: 1, false: 0}[x]
	case [16]byte:
		return got == "01020000-0000-0000-0000-000000000000"
	case float64:
		f, ok := got.(float64)
		return ok && math.Float64bits(f) == math.Float64bits(x)
	case float32:
		return got == float64(x)
	case int:
		return got == int64(x) || got == float64(x)
	case uint8:
		return got == int64(x)
	}
	return got == had
}

// The page after an infinite time begins at no other time.
func TestACursorHoldsAnInfiniteTime(t *testing.T) {
	type row struct {
		ID   string    `authz:"id"`
		Org  tenant.ID `authz:"tenant"`
		Made moment    `authz:"made"`
	}
	rowsOf, err := policy.NewMapper[row]("doc")
	if err != nil {
		t.Fatal(err)
	}
	p := paged(t, "true")
	for modifier, want := range map[int8][2]any{1: {"infinity", int64(math.MaxInt64)}, -1: {"-infinity", int64(math.MinInt64)}} {
		list := policy.List{Sort: []policy.Sort{{"made", false}}, Size: 1}
		rows := []row{{"1", acme, moment{InfinityModifier: modifier, Valid: true}}, {ID: "2", Org: acme}}
		_, cursor, err := policy.Cut(page(t, p, list), rows, rowsOf.Object)
		if err != nil {
			t.Fatal(err)
		}
		list.Cursor = cursor
		for i, d := range []policy.Dialect{policy.Postgres, policy.SQLite} {
			if _, _, args, err := page(t, p, list).SQL(0, d, "d"); err != nil || args[1] != want[i] {
				t.Errorf("%d: %v, %v; want %v", modifier, args, err, want[i])
			}
		}
	}
}

func TestACursorOfAnotherListIsRefused(t *testing.T) {
	p := paged(t, "true")
	cursorOf := func(l policy.List, id string) string {
		l.Size = 1
		_, cursor, err := policy.Cut(page(t, p, l), []policy.Object{listed(id), listed(id)}, itself)
		if err != nil {
			t.Fatal(err)
		}
		return cursor
	}
	mine := policy.List{Sort: []policy.Sort{{"title", false}}}
	own := cursorOf(mine, "1")
	raw, err := base64.RawURLEncoding.DecodeString(own)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	hostile := map[string]string{
		"of another order":       cursorOf(policy.List{Sort: []policy.Sort{{"title", true}}}, "1"),
		"of another attribute":   cursorOf(policy.List{Sort: []policy.Sort{{"size", false}}}, "1"),
		"of no attribute":        cursorOf(policy.List{}, "1"),
		"with something after":   encode(append(slices.Clone(raw), 0)),
		"cut short":              encode(raw[:len(raw)-1]),
		"of nothing":             "AA",
		"of a list alone":        encode(raw[:8]),
		"with padding":           own + "=",
		"with a line break":      own[:4] + "\n" + own[4:],
		"with what is no base64": own + "'",
		"too long":               strings.Repeat("A", 8<<10+1),
		"of an empty id":         encode(append(append(slices.Clone(raw[:8]), 0, 1, 'a'), 0, 0)),
		"of a text too long":     encode(append(append(slices.Clone(raw[:8]), 0x10, 0x01), make([]byte, 0x1001+3)...)),
		"SQL":                    "' OR 1=1 --",
	}
	for i := range 8 {
		other := slices.Clone(raw)
		other[i] ^= 1
		hostile[fmt.Sprint("of another digest ", i)] = encode(other)
	}
	for name, cursor := range hostile {
		list := mine
		list.Cursor = cursor
		got, err := p.Page(list)
		if !errors.Is(err, policy.ErrCursor) || errors.Is(err, policy.ErrMisused) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, _, err := got.SQL(0, policy.SQLite, "d"); err == nil {
			t.Errorf("%s: beside the error there is a page", name)
		}
	}
	// A text that no row of Postgres can hold is no cursor of it.
	list := mine
	list.Cursor = encode(append(append(slices.Clone(raw[:8]), 0, 1, 0), 0, 1, 'a'))
	if _, _, _, err := page(t, p, list).SQL(0, policy.Postgres, "d"); !errors.Is(err, policy.ErrCursor) {
		t.Errorf("NUL in Postgres: %v", err)
	}
	// Of another tenant: whatever the values are.
	list.Cursor = own
	e := mustLoad(t, folder(map[string]string{"policy.csv": "p, role:authenticated, *, doc, read, true, allow", "attributes.csv": pagedAttributes}))
	foreign := filter(t, e, policy.Request{Tenant: globex, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}})
	if _, err := foreign.Page(list); !errors.Is(err, policy.ErrCursor) {
		t.Errorf("of another tenant: %v", err)
	}
	if _, err := p.Page(list); err != nil {
		t.Errorf("its own: %v", err)
	}
}

func TestAListIsInTheOrderOfColumnsThatAreNeverNull(t *testing.T) {
	p := paged(t, "true")
	for name, want := range map[string]string{
		"owner": "may be NULL", "note": "may be NULL", "hidden": "no column", "tags": "no order", "members": "no order", "nothing": "no attribute", "": "no attribute", "title; DROP": "no attribute", "org": "no attribute",
	} {
		_, err := p.Page(policy.List{Sort: []policy.Sort{{name, false}}})
		if !errors.Is(err, policy.ErrSort) || !errors.Is(err, policy.ErrMisused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, sorts := range map[string][]policy.Sort{
		"twice":    {{"title", false}, {"title", true}},
		"too many": {{"title", false}, {"size", true}, {"made", true}, {"score", true}, {"public", true}},
	} {
		if _, err := p.Page(policy.List{Sort: sorts}); !errors.Is(err, policy.ErrSort) || !errors.Is(err, policy.ErrMisused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (policy.Predicate{}).Page(policy.List{}); !errors.Is(err, policy.ErrMisused) {
		t.Errorf("the zero Predicate: %v", err)
	}
}

func TestAClientSortsByWhatTheServiceAllows(t *testing.T) {
	got, err := policy.ParseSort("-made,title", "title", "made")
	if err != nil || !slices.Equal(got, []policy.Sort{{"made", true}, {"title", false}}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := policy.ParseSort("", "title"); err != nil || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"salary", "title,salary", "-", "--title", ",", "title,", " title", "title,title", "title,-title", "a,b,c,d,e", strings.Repeat("title,", 1000), `title"`} {
		if got, err := policy.ParseSort(text, "title", "a", "b", "c", "d", "e"); !errors.Is(err, policy.ErrSort) || errors.Is(err, policy.ErrMisused) || got != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// By pages in the order of a field, and cursors of their own making, clients would find out the
// values of a field that they may not read.
func TestAListIsNotInTheOrderOfAFieldThatIsNotRead(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"policy.csv": "p, role:authenticated, *, doc, read, true, allow\np, role:authenticated, *, field:doc/title, read, true, allow", "attributes.csv": pagedAttributes}))
	r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}}
	mask, err := e.Fields(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	p := filter(t, e, r)
	for name, want := range map[string]bool{"title": true, "id": true, "size": false} {
		_, err := p.Page(policy.List{Sort: []policy.Sort{{name, false}}, Readable: &mask})
		if want && err != nil || !want && (!errors.Is(err, policy.ErrSort) || errors.Is(err, policy.ErrMisused)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Page(policy.List{Sort: []policy.Sort{{"title", false}}, Readable: &policy.Mask{}}); !errors.Is(err, policy.ErrSort) {
		t.Errorf("the zero Mask: %v", err)
	}
}

func TestAPageHasASize(t *testing.T) {
	p := paged(t, "true")
	for size, want := range map[int]int{0: 50, -1: 50, 1: 1, 500: 500, 501: 500, math.MaxInt: 500} {
		l := page(t, p, policy.List{Size: size})
		_, tail, _, err := l.SQL(0, policy.SQLite, "d")
		if err != nil || l.Size() != want || !strings.HasSuffix(tail, fmt.Sprint(" LIMIT ", want+1)) {
			t.Errorf("%d: %d, %s, %v", size, l.Size(), tail, err)
		}
	}
}

func TestRowsThatAreNoneOfTheListAreNotHandedOut(t *testing.T) {
	p := paged(t, "true")
	of := page(t, p, policy.List{Sort: []policy.Sort{{"title", false}}, Size: 1})
	without := listed("1")
	without.Attributes = policy.Values{"title": nil}
	other := without
	other.Attributes = policy.Values{"title": []byte("x")}
	none := without
	none.Attributes = nil
	long := without
	long.Attributes = policy.Values{"title": strings.Repeat("x", 4097)}
	foreign, typ, id := listed("1"), listed("1"), listed("")
	foreign.Tenant, typ.Type = globex, "note"
	for name, rows := range map[string][]policy.Object{
		"of another tenant":      {listed("0"), foreign},
		"of another type":        {typ},
		"without an id":          {id},
		"too many":               {listed("0"), listed("1"), listed("2")},
		"without the attribute":  {without, listed("2")},
		"of another kind":        {other, listed("2")},
		"without any attribute":  {none, listed("2")},
		"with too long a text":   {long, listed("2")},
		"with one without an id": {listed("0"), id},
	} {
		if kept, cursor, err := policy.Cut(of, rows, itself); !errors.Is(err, policy.ErrMisused) || kept != nil || cursor != "" {
			t.Errorf("%s: %v, %q, %v", name, kept, cursor, err)
		}
	}
	if kept, _, err := policy.Cut(policy.Page{}, []policy.Object{listed("1")}, itself); !errors.Is(err, policy.ErrMisused) || kept != nil {
		t.Errorf("the zero Page: %v", err)
	}
	nothing := page(t, paged(t, "r.sub.id == 'bob'"), policy.List{})
	if kept, _, err := policy.Cut(nothing, []policy.Object{listed("1")}, itself); !errors.Is(err, policy.ErrMisused) || kept != nil {
		t.Errorf("a row of a list of nothing: %v", err)
	}
	if kept, cursor, err := policy.Cut(nothing, nil, itself); err != nil || len(kept) != 0 || cursor != "" {
		t.Errorf("no row of a list of nothing: %v", err)
	}
}

func TestTheZeroPageIsAnError(t *testing.T) {
	var p policy.Page
	if _, _, _, err := p.SQL(0, policy.SQLite, "d"); !errors.Is(err, policy.ErrPredicate) {
		t.Error(err)
	}
	if _, _, err := p.Select(policy.SQLite, policy.Select{Table: "doc", Columns: "id"}); !errors.Is(err, policy.ErrPredicate) {
		t.Error(err)
	}
	if _, _, _, _, err := p.In(policy.SQLite).SQL("d"); !errors.Is(err, policy.ErrPredicate) {
		t.Error(err)
	}
	if _, _, _, _, err := (policy.PageIn{}).SQL("d"); !errors.Is(err, policy.ErrPredicate) {
		t.Error(err)
	}
	good := page(t, paged(t, "true"), policy.List{})
	for _, alias := range []string{"", `d"`, "1d", "reeve_1"} {
		if _, _, _, err := good.SQL(0, policy.SQLite, alias); !errors.Is(err, policy.ErrPredicate) {
			t.Errorf("%q: %v", alias, err)
		}
	}
	if _, _, _, err := good.SQL(-1, policy.SQLite, "d"); !errors.Is(err, policy.ErrPredicate) {
		t.Error(err)
	}
	if _, _, _, err := good.SQL(0, 0, "d"); !errors.Is(err, policy.ErrPredicate) {
		t.Error(err)
	}
}

func TestASelectIsOfThePredicateWhateverTheServiceSays(t *testing.T) {
	p := page(t, paged(t, "r.obj.owner == r.sub.id"), policy.List{Size: 10})
	text, args, err := p.Select(policy.Postgres, policy.Select{Table: "docs", As: "d", Columns: "d.id", Where: "d.title = $1 OR $1 = ''", Args: []any{"x"}, Count: 1000})
	const from = ` FROM (SELECT * FROM "docs" AS "d" WHERE ("d"."tenant_id" = $2::text AND "d"."owner" = $3::text)) AS "d" WHERE (d.title = $1 OR $1 = '') AND TRUE`
	const want = `SELECT d.id, (SELECT count(*) FROM (SELECT 1` + from + ` LIMIT 1001) AS "reeve_counted") AS "reeve_count"` + from + ` ORDER BY "d"."id" LIMIT 11`
	if err != nil || text != want || !slices.Equal(args, []any{"x", "acme", "alice"}) {
		t.Errorf("%s\n%v, %v\nwant %s", text, args, err, want)
	}
	// In SQLite $1 would be a name that takes the first number which is free.
	if text, _, err := p.Select(policy.SQLite, policy.Select{Table: "docs", Columns: "id", Where: `title = $1 OR title = '$2 ?' OR "a$3" = $1`, Args: []any{"x"}}); err != nil || !strings.Contains(text, `"docs"."tenant_id" COLLATE BINARY = ?2 `) || !strings.Contains(text, `WHERE (title = ?1 OR title = '$2 ?' OR "a$3" = ?1) AND`) {
		t.Errorf("%s, %v", text, err)
	}
	text, _, err = p.Select(policy.SQLite, policy.Select{Table: "docs", Columns: "docs.id", Join: "JOIN x ON x.id = docs.id"})
	if want := `SELECT docs.id FROM (SELECT * FROM "docs" AS "docs" WHERE (("docs"."tenant_id" COLLATE BINARY = ?1 AND typeof("docs"."tenant_id") = 'text') AND ("docs"."owner" COLLATE BINARY = ?2 AND typeof("docs"."owner") = 'text'))) AS "docs" JOIN x ON x.id = docs.id WHERE TRUE ORDER BY "docs"."id" LIMIT 11`; err != nil || text != want {
		t.Errorf("%s\n%v\nwant %s", text, err, want)
	}
	for name, s := range map[string]policy.Select{
		"no table": {Columns: "id"}, "no columns": {Table: "docs"}, "a table that is a text": {Table: "docs d", Columns: "id"},
		"an alias that is a text": {Table: "docs", As: "d, e", Columns: "id"}, "an alias of ours": {Table: "docs", As: "reeve_1", Columns: "id"}, "an argument of ours": {Table: "docs", Columns: "id", Where: "id = $2", Args: []any{1}}, "an argument of no number": {Table: "docs", Columns: "id", Where: "id = ?", Args: []any{1}},
		"an argument by SQLite's name": {Table: "docs", Columns: "id", Where: "id = ?1", Args: []any{1}}, "an argument by a name": {Table: "docs", Columns: "id", Where: "id = :x", Args: []any{1}}, "an argument by another name": {Table: "docs", Columns: "id", Where: "id = @x", Args: []any{1}}, "an argument by a third": {Table: "docs", Columns: "id", Where: "id = $x", Args: []any{1}},
		"no argument": {Table: "docs", Columns: "id", Where: "id = $0", Args: []any{1}}, "a comment": {Table: "docs", Columns: "id", Where: "TRUE --"}, "a comment of another form": {Table: "docs", Columns: "id", Join: "/*"},
		"an open quote": {Table: "docs", Columns: "id", Where: "title = 'x"}, "a count below": {Table: "docs", Columns: "id", Count: -1}, "a count beyond": {Table: "docs", Columns: "id", Count: policy.MaxCount + 1},
	} {
		if text, _, err := p.Select(policy.SQLite, s); !errors.Is(err, policy.ErrPredicate) || text != "" {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
	for text, want := range map[string]bool{"id = $1::text": true, "tags[1:2] = '{}'": true, "tags @> ARRAY[$1]": true, "id = $a$ $a$": false, "id = $_$ -- $_$": false, "id = $$x$$": false} {
		if _, _, err := p.Select(policy.Postgres, policy.Select{Table: "docs", Columns: "id", Where: text, Args: []any{1}}); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzCursor: a cursor is read or refused, and one that is read is written again as it was.
func FuzzCursor(f *testing.F) {
	p := paged(f, "true")
	sort := []policy.Sort{{"title", false}, {"size", true}, {"made", false}, {"public", true}}
	_, cursor, err := policy.Cut(page(f, p, policy.List{Sort: sort, Size: 1}), []policy.Object{listed("1"), listed("2")}, itself)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cursor)
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8 && len(cursor) > 11 && text[:8] != cursor[:8] {
			text = cursor[:11] + text // past the digest, or nothing would be read
		}
		got, err := p.Page(policy.List{Sort: sort, Size: 1, Cursor: text})
		if err != nil {
			if !errors.Is(err, policy.ErrCursor) {
				t.Fatal(err)
			}
			return
		}
		_, _, args, err := got.SQL(0, policy.SQLite, "d")
		if err != nil || text == "" {
			return
		}
		last := args[len(args)-4:] // made, public and id stand once, at the end
		o := policy.Object{Type: "doc", ID: last[3].(string), Tenant: acme, Attributes: policy.Values{
			"title": args[1], "size": args[3], "made": time.UnixMicro(args[5].(int64)), "public": args[7].(int64) == 1,
		}}
		_, again, err := policy.Cut(got, []policy.Object{o, o}, itself)
		if err != nil || again != text {
			t.Errorf("%q is %q, %v: %v", text, again, err, args)
		}
	})
}
