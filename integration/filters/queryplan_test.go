//go:build unix

package filters_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

// planCase is a condition of the published corpus, and the ids of the rows that it selects.
type planCase struct {
	ID, Class, Kind, Refusal string
	Expect                   []string
}

// planCases reads the corpus from the folder REEVE_VECTORS, or from shared/vectors beside the
// repository. It is optional.
func planCases(t *testing.T) (cases []planCase, rows map[string][]map[string]any) {
	t.Helper()
	dir := os.Getenv("REEVE_VECTORS")
	if dir == "" {
		root, err := filepath.Abs("../..")
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(root, "..", "shared", "vectors")
	}
	var c struct{ Cases []planCase }
	var r struct {
		Tables map[string][]map[string]any
	}
	for name, into := range map[string]any{"cases.json": &c, "rows.json": &r} {
		data, err := os.ReadFile(filepath.Join(dir, "query-plan", name))
		if errors.Is(err, os.ErrNotExist) {
			t.Skipf("no query plans here: set REEVE_VECTORS to a folder that holds query-plan/%s", name)
		}
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return c.Cases, r.Tables
}

const planAttributes = `
sub, allowedTags, strings, no,
sub, fewTeams,    strings, no,
sub, manyTeams,   strings, no,
sub, nothing,     strings, no,
sub, public,      strings, no,
sub, finance,     strings, no,
sub, project,     string,  no,
env, dayAgo,      time,    no,

resource, id,              string,  no,    id
resource, org,             tenant,  no,    tenant_id
resource, aBool,           bool,    no,    a_bool
resource, aString,         string,  no,    a_string
resource, aNumber,         int,     no,    a_number
resource, aDouble,         float,   yes,   a_double
resource, aOptionalString, string,  yes,   a_optional_string
resource, createdAt,       time,    yes,   created_at
resource, scope,           string,  yes,   scope
resource, owner,           string,  value, a_optional_string
resource, coOwner,         string,  value, scope
resource, tagNames,        members, no,    id, tag, resource_id, name
resource, subNames,        members, no,    id, resource_sub, resource_id, name
resource, tagIds,          members, no,    id, tag, resource_id, tag_id
resource, publicTags,      members, no,    id, tag, resource_id, tag_id, name, public
resource, labels,          members, no,    id, resource_label, resource_id, name
resource, parent,          parent,  yes,   id, parent, parent, resource_id
resource, inner,           parent,  yes,   id, parent, resource_inner, resource_id
resource, someTag,         parent,  yes,   id, tag, tag, resource_id
resource, namelessTag,     parent,  yes,   id, tag, nameless_tag, resource_id
resource, mirroredTags,    members, no,    id, mirrored_tag, resource_id, tag_id
resource, alikeTags,       members, no,    id, alike_tag, resource_id, tag_id
resource, subsNotGold,     members, no,    id, category_not_gold, resource_id, id
resource, computed,        parent,  yes,   id, computed, computed, resource_id
resource, mainCategory,    parent,  yes,   id, category, category, resource_id

parent,   aBool,   bool,   no, a_bool
parent,   aNumber, int,    no, a_number
parent,   aString, string, no, a_string
tag,      name,    string, yes, name
computed, named,   string, no, named
computed, rest,    int,    no, rest
category, name,    string, no, name
category, subs,    members, no, id, sub_category, category_id, id
`

// planViews are relations of more than one step, as one table each, and below them those that say a
// part of a condition themselves. planByView counts what needs one of these.
//
// attributes.csv says them in no other way, since a related row counts by one text: the row whose text
// is NULL is none of the list, and the list is known without it. In the corpus NULL in one row makes
// what is asked of all of them unknown, which is a question about rows (nameless_tag, eight conditions).
// The rest compares two columns of a row or of two tables (mirrored_tag, alike_tag), asks rows of
// rows (category_not_gold) or computes (computed). A policy that could say these would be SQL.
const planViews = `
CREATE VIEW resource_sub AS SELECT c.tenant_id, c.resource_id, s.name FROM category c JOIN sub_category s ON s.category_id = c.id;
CREATE VIEW resource_label AS SELECT c.tenant_id, c.resource_id, l.name FROM category c JOIN sub_category s ON s.category_id = c.id JOIN label l ON l.sub_category_id = s.id;
CREATE VIEW resource_inner AS SELECT p.tenant_id, p.resource_id, i.a_bool, i.a_number, i.a_string FROM parent p JOIN "inner" i ON i.parent_id = p.id;
CREATE VIEW nameless_tag AS SELECT * FROM tag WHERE name IS NULL;
CREATE VIEW mirrored_tag AS SELECT * FROM tag WHERE tag_id = name;
CREATE VIEW alike_tag AS SELECT t.* FROM tag t JOIN resource r ON r.tenant_id = t.tenant_id AND r.id = t.resource_id WHERE r.a_string = '' AND t.name IS NOT NULL OR replace(t.name, r.a_string, '') <> t.name;
CREATE VIEW category_not_gold AS SELECT c.tenant_id, c.resource_id, s.id FROM category c JOIN sub_category s ON s.category_id = c.id WHERE NOT EXISTS (SELECT 1 FROM label l WHERE l.sub_category_id = s.id AND l.name = 'gold');
CREATE VIEW computed AS SELECT tenant_id, id AS resource_id, 'prefix:' || id AS named, a_number % 2 AS rest FROM resource`

// planTypes are the columns that are no texts.
var planTypes = map[string]map[policy.Dialect]string{
	"a_bool":     {policy.Postgres: "boolean", policy.SQLite: "INTEGER"},
	"a_number":   {policy.Postgres: "bigint", policy.SQLite: "INTEGER"},
	"a_double":   {policy.Postgres: "double precision", policy.SQLite: "REAL"},
	"created_at": {policy.Postgres: "timestamptz", policy.SQLite: "INTEGER"},
}

func (d database) fillPlan(t *testing.T, tables map[string][]map[string]any) {
	t.Helper()
	for name, rows := range tables {
		columns := slices.Sorted(maps.Keys(rows[0]))
		var defined []string
		for _, c := range columns {
			typ := planTypes[c][d.dialect]
			if typ == "" {
				typ = "text"
			}
			defined = append(defined, c+" "+typ)
		}
		d.exec(t, `CREATE TABLE "`+name+`" (tenant_id text NOT NULL, `+strings.Join(defined, ", ")+")")
		for _, row := range rows {
			args := []any{"acme"}
			for _, c := range columns {
				args = append(args, planValue(t, c, row[c]))
			}
			d.exec(t, `INSERT INTO "`+name+`" VALUES (`+placeholders(len(args))+")", args...)
		}
	}
	for _, view := range strings.Split(planViews, ";\n") {
		d.exec(t, view)
	}
}

func planValue(t *testing.T, column string, x any) any {
	switch {
	case x == nil:
		return nil
	case column == "a_number":
		return int64(x.(float64))
	case column == "created_at":
		at, err := time.Parse(time.RFC3339Nano, x.(string))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	return x
}

var planCaller = policy.Request{
	Tenant: acme, Action: "read", Object: policy.Object{Type: "resource"}, Env: policy.Values{"dayAgo": time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)},
	Subject: policy.Subject{ID: "u1", Attributes: policy.Values{
		"allowedTags": []string{"public", "special"}, "fewTeams": []string{"set", "", "%_o"},
		"manyTeams": []string{"set", "same", "", "%_o", "X", "Y", "MIRROR", "filler-1", "filler-2", "filler-3", "filler-4"},
		"nothing":   []string{}, "public": []string{"public"}, "finance": []string{"finance"}, "project": "f1",
	}},
}

// Each condition of the corpus that a policy can say selects the rows that it should, in each
// database, and those of the row itself are decided the same. Conditions that no policy can say are
// written down, with the reason.
func TestThePublishedQueryPlans(t *testing.T) {
	cases, tables := planCases(t)
	dbs := databases(t, nil)
	for _, db := range dbs {
		db.exec(t, `DROP TABLE project`)
		db.exec(t, `DROP TABLE doc`)
		db.fillPlan(t, tables)
	}
	exact, byView, refused := map[string]int{}, map[string]int{}, map[string]int{}
	for _, c := range cases {
		text, said := planConditions[c.ID]
		why := planUnsaid[c.ID]
		if said == (why != "") {
			t.Errorf("%s: it is said, or there is a reason", c.ID)
			continue
		}
		if !said {
			if refused[c.Class]++; c.Class == "scalar" && c.Refusal != "expected" {
				t.Errorf("%s: %s", c.ID, why)
			}
			continue
		}
		rules := ""
		if text != "" {
			rules = "p, role:authenticated, *, resource, read, " + csvQuote(text) + ", allow\n"
		}
		e, err := load(t, rules+"p, role:nobody, *, resource, read, true, allow", planAttributes)
		if err != nil {
			t.Errorf("%s: %s: %v", c.ID, text, err)
			continue
		}
		p, err := e.Filter(t.Context(), planCaller)
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		want := append([]string{}, c.Expect...)
		slices.Sort(want)
		for _, db := range dbs {
			where, args, err := p.SQL(db.dialect, "r")
			if err != nil {
				t.Fatalf("%s: %v", c.ID, err)
			}
			if got := db.strings(t, `SELECT "r"."id" FROM resource AS r WHERE `+where, args...); !slices.Equal(got, want) {
				t.Errorf("%s in %s: %s\n got %v\nwant %v\n%s", c.ID, db.name, text, got, want, where)
			}
		}
		if strings.HasPrefix(c.Class, "scalar") {
			if got := planDecided(t, e, tables["resource"]); !slices.Equal(got, want) {
				t.Errorf("%s decided: %s\n got %v\nwant %v", c.ID, text, got, want)
			}
		}
		if planByView(text) {
			byView[c.Class]++
		}
		exact[c.Class]++
	}
	t.Logf("exact: %v, of which by a view that says a part of it: %v; refused: %v", exact, byView, refused)
	for class, least := range map[string]int{"scalar": 40, "scalar+principal-list": 3, "function": 42, "relation": 34, "relation+function": 12} {
		if exact[class] < least {
			t.Errorf("%d of class %s are exact, %d were", exact[class], class, least)
		}
	}
}

// planByView reports whether a view says a part of what a condition asks.
func planByView(text string) bool {
	for _, name := range []string{"namelessTag", "mirroredTags", "alikeTags", "subsNotGold", "computed"} {
		if strings.Contains(text, name) {
			return true
		}
	}
	return false
}

// planDecided returns the ids of the rows that Decide allows.
func planDecided(t *testing.T, e *policy.Engine, rows []map[string]any) []string {
	t.Helper()
	ids := []string{}
	for _, row := range rows {
		v := policy.Values{}
		for name, column := range map[string]string{"aBool": "a_bool", "aString": "a_string", "aNumber": "a_number", "aDouble": "a_double", "aOptionalString": "a_optional_string", "createdAt": "created_at", "scope": "scope", "owner": "a_optional_string", "coOwner": "scope"} {
			v[name] = planValue(t, column, row[column])
		}
		r := planCaller
		r.Object = policy.Object{Type: "resource", ID: row["id"].(string), Tenant: acme, Attributes: v}
		d, err := e.Decide(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if d.Allowed() {
			ids = append(ids, r.Object.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// The function isNull asks what is equal to NULL, and an attribute to which NULL is no value is not
// asked so.
func TestAnAttributeThatIsMissingIsNoNull(t *testing.T) {
	_, err := load(t, "p, role:authenticated, *, resource, read, \"isNull(r.obj, 'aOptionalString')\", allow", planAttributes)
	var one *policy.Error
	if !errors.As(err, &one) || !strings.Contains(one.Msg, "is never NULL") {
		t.Error(err)
	}
}

// strings returns the texts of a query, sorted.
func (d database) strings(t *testing.T, query string, args ...any) []string {
	t.Helper()
	rows, err := d.db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", d.name, err, query)
	}
	defer rows.Close()
	out := []string{}
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v\n%s", d.name, err, query)
	}
	slices.Sort(out)
	return out
}

// oneset are the ways in which two texts make "oneset".
func oneset() string {
	const whole = "oneset"
	var paths []string
	for i := range len(whole) + 1 {
		paths = append(paths, fmt.Sprintf("r.obj.aString == '%s' && r.obj.aOptionalString == '%s'", whole[:i], whole[i:]))
	}
	return strings.Join(paths, " || ")
}

// planConditions are the conditions as a policy says them; "" is that no rule is there, of what is
// never allowed. Where arithmetic over constants has one outcome, it is said as its outcome, and
// what the caller or the clock is asked for is handed over as an attribute.
var planConditions = map[string]string{
	"vf-le": "3 <= r.obj.aNumber", "vf-ge": "2 >= r.obj.aNumber", "vf-ne": "'one' != r.obj.aString", "in-empty": "r.obj.aString in r.sub.nothing",
	"like-percent": "startsWith(r.obj.aString, '100%')", "like-underscore": "contains(r.obj.aString, 'a_b')", "like-backslash": `endsWith(r.obj.aString, '\\')`, "like-bracket": "startsWith(r.obj.aString, '[SEC]')",
	"cs-eq": "r.obj.aString == 'one'", "unicode-eq": "r.obj.aString == 'héllo🚀'", "empty-string-eq": "r.obj.aString == ''", "double-threshold": "r.obj.aNumber >= 1.5",
	"nary-and": "r.obj.aBool && r.obj.aNumber >= 0 && r.obj.aString != 'one'", "double-negation": "!(!r.obj.aBool)", "optional-ne": "r.obj.aOptionalString != 'x'",
	"field-to-field": "r.obj.aString == r.obj.aOptionalString", "f2f-endswith": "endsWith(r.obj.aString, r.obj.aOptionalString)", "p-in-null-multi": "r.obj.aOptionalString in ('x', 'one_two')", "p-has": "has(r.obj, 'aOptionalString')",
	"cr-contains": `contains('s100Xdone-tail\\one-end', r.obj.aString)`, "cr-endswith": "endsWith('prefix-xaXby', r.obj.aString)", "id-eq-const": "r.obj.id == 'f1'", "id-f2f": "r.obj.aString == r.obj.id", "id-f2f-ne": "r.obj.aString != r.obj.id",
	"null-ne": "!(isNull(r.obj, 'owner'))", "vf-null-ne": "!(isNull(r.obj, 'owner'))", "null-not-eq": "!(isNull(r.obj, 'owner'))", "null-value-not-eq-const": "!(r.obj.owner == 'x')", "null-value-not-in-const": "!(r.obj.owner in ('x', 'one_two'))",
	"null-value-f2f": "r.obj.owner == r.obj.coOwner", "in-null-elem-mixed": "isNull(r.obj, 'owner') || r.obj.owner in ('x', 'one_two')", "in-null-elem-only-neg": "!(isNull(r.obj, 'owner'))",
	"not-lt": "!(r.obj.aNumber < 2)", "gt-bare": "r.obj.aNumber > 1", "le-bare": "r.obj.aNumber <= 2", "root-bare-bool": "r.obj.aBool", "root-or": "r.obj.aBool || r.obj.aNumber < 0", "not-and": "!(r.obj.aBool && r.obj.aString != 'one')",
	"not-contains": "!(contains(r.obj.aString, r.obj.aOptionalString))", "not-startswith": "!(startsWith(r.obj.aString, r.obj.aOptionalString))",

	"null-value-pv-not-exists": "!(r.obj.owner in r.sub.manyTeams)", "pv-exists": "r.obj.aOptionalString in r.sub.manyTeams", "pv-exists-unrolled": "r.obj.aOptionalString in r.sub.fewTeams",

	"ternary-cmp": "r.obj.aBool && r.obj.aNumber > 1", "ternary-negated": "!(r.obj.aBool && r.obj.aNumber > 1)", "ternary-bare": "r.obj.aBool && r.obj.aString == 'one' || !r.obj.aBool && r.obj.aNumber < 0", "ternary-value-first": "r.obj.aBool && 0 < r.obj.aNumber",
	"ternary-null-cond": "r.obj.aOptionalString != 'x' && r.obj.aNumber > 1", "arith-vf": "r.obj.aNumber > 1", "arith-sub": "r.obj.aNumber <= 3", "arith-mult-neg": "r.obj.aNumber > -1.5", "arith-div": "r.obj.aNumber == 2", "arith-both": "r.obj.aNumber < 1",
	"arith-add-ne-frac": "has(r.obj, 'aDouble')", "concat-f2f": oneset(), "p-startswith-concat": "startsWith(r.obj.aString, '100%')", "p-double-frac": "", "cast-string-double": "r.obj.aDouble == -0.6", "cast-string-bool": "r.obj.aBool",
	"cr-startswith-concat": "startsWith('xaXby-tail', r.obj.aString)", "cr-div-zero": "r.obj.aNumber != 0", "cr-div-zero-ne": "r.obj.aNumber == 0", "cr-div-zero-eq-neg": "r.obj.aNumber == 0", "cr-div-neg-zero": "r.obj.aNumber < 0",
	"arith-mod": "r.obj.computed.rest == 1", "id-concat": "r.obj.aOptionalString == r.obj.computed.named",
	"cr-div-then-add": "r.obj.aNumber != 0", "cr-div-then-add-ne": "r.obj.aNumber == 0", "size-huge-gt": "", "size-huge-lt": "has(r.obj, 'aString')", "nan-ord-ternary": "r.obj.aBool", "nan-ord-ternary-vf": "r.obj.aBool", "nan-ord-le": "", "nan-ord-inf": "r.obj.aBool",
	"hier-ancestor-ff": "r.obj.scope in ('dept', 'dept.eng')", "hier-ancestor-cf": "startsWith(r.obj.scope, 'dept.eng.')", "hier-descendent-cf": "r.obj.scope in ('dept', 'dept.eng')", "hier-overlaps-ff": "r.obj.scope in ('dept', 'dept.eng') || startsWith(r.obj.scope, 'dept.eng.')",
	"hier-meta-like": "startsWith(r.obj.scope, '50%:a_b:')", "hier-overlaps-meta": "r.obj.scope in ('50%', '50%:a_b') || startsWith(r.obj.scope, '50%:a_b:')", "hier-bracket": "startsWith(r.obj.scope, '[env]:prod:')",
	"hier-list-id": "r.obj.id == r.sub.project", "ts-window": "r.obj.createdAt < r.env.dayAgo", "ts-vf": "r.env.dayAgo > r.obj.createdAt", "ts-eq-offset": "r.obj.createdAt == '2024-06-01T02:00:00+02:00'",

	"all-on-empty": "containsAll(r.sub.public, r.obj.tagNames) && !(has(r.obj, 'namelessTag'))", "outer-attr-depth2": "'finance' in r.obj.subNames && r.obj.aBool", "lambda-in-principal": "containsAny(r.obj.tagNames, r.sub.allowedTags)", "lambda-field-to-field": "r.obj.aString in r.obj.tagNames",
	"p-hasintersection-map": "containsAny(r.obj.tagNames, ('public', 'héllo🚀', '100%_x')) && !(has(r.obj, 'namelessTag'))", "n-all-mixed-null": "!('x' in r.obj.tagNames) && !(has(r.obj, 'namelessTag'))", "n-not-all-null": "!(containsAll(r.sub.public, r.obj.tagNames))", "n-not-all-absorb": "'public' in r.obj.tagNames",
	"w1-exists-chain": "'finance' in r.obj.subNames", "w1-in-chain": "'finance' in r.obj.subNames", "w1-all-chain": "has(r.obj, 'mainCategory') && containsAll(r.sub.finance, r.obj.subNames)", "w1-not-exists-chain": "has(r.obj, 'mainCategory') && !('finance' in r.obj.subNames)",
	"w1-not-in-chain": "has(r.obj, 'mainCategory') && !('finance' in r.obj.subNames)", "w1-not-hasint-chain": "has(r.obj, 'mainCategory') && !(containsAny(r.obj.subNames, ('finance')))",
	"rel-eq-num-hop": "r.obj.parent.aNumber == 2", "rel-lt-hop": "r.obj.parent.aNumber < 2", "rel-gt-hop": "r.obj.parent.aNumber > 2", "rel-ge-hop": "r.obj.parent.aNumber >= 2", "rel-range-hop": "r.obj.parent.aNumber > 2 && r.obj.parent.aNumber < 12",
	"rel-not-bool-hop": "!r.obj.parent.aBool", "rel-contains-hop": "contains(r.obj.parent.aString, 'done')", "rel-bool-hop2": "r.obj.inner.aBool == true", "rel-startswith-hop2": "startsWith(r.obj.inner.aString, '100')", "rel-hop-and-root": "r.obj.aBool == true && contains(r.obj.parent.aString, 're')",
	"p-lambda-inner-f2f": "size(r.obj.mirroredTags) > 0", "p-lambda-f2f-like": "size(r.obj.alikeTags) > 0", "macro-depth3-all": "has(r.obj, 'mainCategory') && size(r.obj.subsNotGold) == 0",
	"in-null-elem-rel": "has(r.obj, 'namelessTag')", "in-null-elem-rel-neg": "!(has(r.obj, 'namelessTag'))", "in-var-var-neg": "!(r.obj.owner in r.obj.tagNames) && !(isNull(r.obj, 'owner') && has(r.obj, 'namelessTag'))", "macro-depth3-exists": "'gold' in r.obj.labels",
	"or-eq-exists": "r.obj.aBool || 'public' in r.obj.tagNames", "or-eq-in": "r.obj.aBool || 'public' in r.obj.tagNames", "vf-hasint": "containsAny(r.obj.tagNames, ('public', 'other'))",

	"not-empty": "!(size(r.obj.tagIds) == 0)", "vf-size": "0 < size(r.obj.tagIds)", "size-threshold": "size(r.obj.tagIds) > 1", "size-filter-count": "size(r.obj.publicTags) == 1 && !(has(r.obj, 'namelessTag'))", "w2-outer-relation": "size(r.obj.mainCategory.subs) == 1 && size(r.obj.publicTags) > 0",
	"w1-size-frac-chain": "size(r.obj.mainCategory.subs) >= 1.5", "w1-size-frac-le-chain": "size(r.obj.mainCategory.subs) <= 1.5", "p-arith-in-lambda": "'public' in r.obj.tagNames && r.obj.aNumber > 1", "w1-size-chain": "size(r.obj.mainCategory.subs) > 0", "w1-size-zero-chain": "size(r.obj.mainCategory.subs) == 0",
	"p-deep-nest":           "!(r.obj.aBool && (r.obj.aNumber > 1 || startsWith(r.obj.aString, '100%')) || !r.obj.aBool && ('public' in r.obj.tagNames || r.obj.aString in r.obj.tagNames)) && (r.obj.aBool || !(has(r.obj, 'namelessTag')))",
	"w1-ternary-chain-cond": "has(r.obj, 'mainCategory') && ('finance' in r.obj.subNames && r.obj.aBool || !('finance' in r.obj.subNames) && !r.obj.aBool)",
}

// planUnsaid are the conditions that no policy says, and why.
var planUnsaid = map[string]string{
	"null-eq-missing": "an attribute that is missing is no NULL, and isNull of it does not load",

	"p-timestamp": "a time in a column of texts is none: declare a column of times", "cast-int-double": "no kind is cast into another", "cast-double-string": "no kind is cast into another",

	"map-as-condition": "a list is no truth", "map-eq-list": "related rows have no order",

	"p-index": "related rows have no first one", "index-scalar-list": "related rows have no first one",
}
