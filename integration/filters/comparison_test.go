//go:build unix

package filters_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
)

// answers are who is asked beside the engine.
type answers struct {
	dbs    []database
	walled *walled
	stock  *stock
	agreed *int // answers of Casbin
}

func everybody(t *testing.T, docs []doc) answers {
	t.Helper()
	return answers{databases(t, docs), newWalled(t, docs), newStock(t, docs), new(int)}
}

// selects holds a condition about doc, for alice, against the rows in every database.
func selects(t *testing.T, a answers, docs []doc, text string) []string {
	t.Helper()
	rules := "p, role:authenticated, *, doc, read, " + csvQuote(text) + ", allow" + grants
	e, err := load(t, rules, attributes)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: policy.Values{
		"dept": "é", "level": int64(1), "ratio": 1.5, "staff": true, "regions": []string{"alice", "é"}}}, Action: "read", Object: policy.Object{Type: "doc"}, Env: policy.Values{"ip": "z", "hour": 2}}
	p, err := e.Filter(t.Context(), r)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	a.stock.load(t, rules)
	want, oracle := []string{}, a.stock.ask(r)
	for _, d := range docs {
		request := r
		if request.Object = d.object(); request.Object.Tenant != acme {
			continue
		}
		got, err := e.Decide(t.Context(), request)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got.Allowed() {
			want = append(want, d.id)
		}
		if limited(d, text) {
			continue
		}
		if stock, err := oracle.allows(d); err == nil {
			*a.agreed++
			if stock != got.Allowed() {
				t.Errorf("%s, doc %s: Casbin says %t", text, d.id, stock)
			}
		}
	}
	slices.Sort(want)
	a.walled.same(t, e, r, want, text)
	for _, db := range a.dbs {
		if got, err := db.ids(t, p); err != nil || !slices.Equal(got, want) {
			where, _, _ := p.SQL(db.dialect, "d")
			t.Errorf("%s, %s:\n got %q %v\nwant %q\n%s", db.name, text, got, err, want, where)
		}
	}
	return want
}

// byHand are the comparisons that a guard is there for.
var byHand = []string{
	"r.obj.owner < 'b'", "r.obj.reviewer >= 'Z'", // byte order
	"endsWith(r.obj.owner, '')", "endsWith(r.obj.owner, 'bb')", "endsWith('xalice', r.obj.owner)", "contains(r.obj.owner, '')", "contains(r.obj.owner, '%')", "contains('x_alice', r.obj.owner)", "endsWith(r.obj.owner, 'E')", // bytes, and no patterns
	"r.obj.size == r.obj.parts", "r.obj.size > r.obj.parts", "r.obj.size != 1", "r.obj.size < 2", "r.obj.size > 2", // beyond 2⁵³
	"r.obj.score < 1.5", "r.obj.score > 1.5", "r.obj.score != 1.5", "r.obj.score == r.obj.score", "r.obj.score >= r.obj.size", // not finite
	"r.obj.due < '2026-11-22T22:00:00Z'", "r.obj.due > '2026-11-22T22:00:00Z'", "r.obj.due != r.obj.made", // beyond the years
	"r.obj.owner == r.obj.reviewer", "startsWith(r.obj.owner, r.obj.reviewer)", "endsWith(r.obj.owner, r.obj.reviewer)", "contains(r.obj.owner, r.obj.reviewer)", // longer than 4 KiB
	"r.obj.owner in r.obj.tags", "'alice' in r.obj.tags", "'x' in r.obj.tags", "containsAny(r.obj.tags, ('alice', 'x'))", "containsAll(r.sub.regions, r.obj.tags)", // NULL, and too many
	"'alice' in r.obj.members", "'x' in r.obj.members", "r.obj.owner in r.obj.members", "'lead' in r.obj.leads",
	"size(r.obj.tags) > 0", "size(r.obj.tags) == 1", "size(r.obj.tags) <= 4096", "size(r.obj.members) > 0", "size(r.obj.members) == 0", "size(r.obj.members) >= 2", "size(r.obj.members) == 4096", "size(r.obj.members) > 4096", "size(r.obj.leads) == 1", "size(r.obj.project.members) < 2", "size(r.obj.project.members) == 0", "r.obj.public || size(r.obj.members) > 0", "r.obj.public || size(r.obj.leads) < 2", // of any length
	"r.obj.project.owner == 'alice'", "r.obj.project.owner != 'x'", "has(r.obj, 'project')", "'alice' in r.obj.project.members", // of another tenant
	"r.obj.reviewer != 'alice'", "r.obj.reviewer == r.obj.project.status", "r.obj.locked == true", "r.obj.public == r.obj.locked",
}

// NULL <> ALL('{}') is true in Postgres, and NULL NOT IN () in SQLite.
func TestNullIsNotOutsideAnEmptyList(t *testing.T) {
	docs := []doc{
		{id: "null and none", tenant: "acme", status: "s", tags: []string{}},
		{id: "text and none", tenant: "acme", status: "s", owner: "alice", tags: []string{}},
		{id: "null and null", tenant: "acme", status: "s"},
		{id: "text and null", tenant: "acme", status: "s", owner: "alice"},
	}
	a := everybody(t, docs)
	for text, want := range map[string][]string{
		"!(r.obj.owner in r.obj.tags)":    {"text and none"},
		"!(r.obj.reviewer in r.obj.tags)": {"null and none", "text and none"}, // to which NULL is a value
		"!(r.obj.owner in r.obj.members)": {"text and none", "text and null"},
		"!('x' in r.obj.tags)":            {"null and none", "text and none"},
	} {
		if got := selects(t, a, docs, text); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// Of a caller NULL may be a value too: an object is equal to it where its column is NULL, and to a
// caller who has another value, or none, it is not.
func TestNullOfACallerIsAValue(t *testing.T) {
	docs := []doc{
		{id: "null", tenant: "acme", status: "s"},
		{id: "bob's", tenant: "acme", status: "s", reviewer: "bob", owner: "bob"},
		{id: "alice's", tenant: "acme", status: "s", reviewer: "alice", owner: "alice"},
	}
	a := everybody(t, docs)
	all := []string{"alice's", "bob's", "null"}
	for _, c := range []struct {
		rule              string
		null, bob, nobody []string
	}{
		{"r.obj.reviewer == r.sub.nick, allow", []string{"null"}, []string{"bob's"}, nil},
		{"r.obj.reviewer != r.sub.nick, allow", []string{"alice's", "bob's"}, []string{"alice's", "null"}, nil},
		{"r.obj.owner == r.sub.nick, allow", nil, []string{"bob's"}, nil},
		{"r.obj.owner != r.sub.nick, allow", []string{"alice's", "bob's"}, []string{"alice's"}, nil},
		{"r.obj.reviewer == r.sub.nick, deny", []string{"alice's", "bob's"}, []string{"alice's", "null"}, nil},
		{"r.obj.reviewer != r.sub.nick, deny", []string{"null"}, []string{"bob's"}, nil},
		{"isNull(r.sub, 'nick') || r.obj.owner == r.sub.nick, allow", all, []string{"bob's"}, nil},
	} {
		at := strings.LastIndex(c.rule, ", ")
		condition, effect := c.rule[:at], c.rule[at+2:]
		rules := "p, role:authenticated, *, doc, read, " + csvQuote(condition) + ", " + effect
		if effect == "deny" {
			rules += "\np, role:authenticated, *, doc, read, true, allow"
		}
		e, err := load(t, rules, attributes+"\nsub, nick, string, value,\n")
		if err != nil {
			t.Fatalf("%s: %v", rules, err)
		}
		for i, values := range []policy.Values{{"nick": nil}, {"nick": "bob"}, {}} {
			want := append([]string{}, [][]string{c.null, c.bob, c.nobody}[i]...)
			slices.Sort(want)
			r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: values}, Action: "read", Object: policy.Object{Type: "doc"}}
			decided := []string{}
			for _, d := range docs {
				request := r
				request.Object = d.object()
				got, err := e.Decide(t.Context(), request)
				if err != nil {
					t.Fatal(err)
				}
				if got.Allowed() {
					decided = append(decided, d.id)
				}
			}
			if slices.Sort(decided); !slices.Equal(decided, want) {
				t.Errorf("%s of %v: decided %q, want %q", c.rule, values, decided, want)
			}
			p, err := e.Filter(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			for _, db := range a.dbs {
				if got, err := db.ids(t, p); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s, %s of %v: %q %v, want %q", db.name, c.rule, values, got, err, want)
				}
			}
			a.walled.same(t, e, r, want, c.rule)
		}
	}
}

// Two texts that are both longer than a condition compares are unknown, also where one of them is
// the caller's, and a constant in the filter.
func TestComparisonOfTwoLongTextsIsUnknown(t *testing.T) {
	long := strings.Repeat("x", 4097)
	docs := []doc{
		{id: "long", tenant: "acme", status: long, owner: long, reviewer: long},
		{id: "longer", tenant: "acme", status: long + "y", owner: long + "y", reviewer: long + "y"},
		{id: "most", tenant: "acme", status: long[1:], owner: long[1:], reviewer: long[1:]},
		{id: "short", tenant: "acme", status: "s", owner: "s"},
	}
	dbs := databases(t, docs)
	for text, want := range map[string][]string{
		"r.obj.owner == r.sub.dept":             {},
		"r.obj.owner != r.sub.dept":             {"most", "short"},
		"r.obj.reviewer == r.sub.dept":          {},
		"r.obj.reviewer != r.sub.dept":          {"most", "short"}, // to which NULL is a value
		"r.obj.status < r.sub.dept":             {"most", "short"},
		"r.obj.status >= r.sub.dept":            {},
		"!(r.obj.status == r.sub.dept)":         {"most", "short"},
		"startsWith(r.obj.status, r.sub.dept)":  {},
		"!(contains(r.sub.dept, r.obj.status))": {"short"},
		"startsWith(r.sub.dept, r.obj.status)":  {"most"},
		"r.obj.owner == r.obj.status":           {"most", "short"},
		"r.obj.owner in ('s') || r.obj.public":  {"short"},
	} {
		e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(text)+", allow", attributes)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: policy.Values{"dept": long}}, Action: "read", Object: policy.Object{Type: "doc"}}
		for _, d := range docs {
			request := r
			request.Object = d.object()
			if got, err := e.Decide(t.Context(), request); err != nil || got.Allowed() != slices.Contains(want, d.id) {
				t.Errorf("%s, doc %s: decided %v, %v", text, d.id, got.Allowed(), err)
			}
		}
		p, err := e.Filter(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, db := range dbs {
			if got, err := db.ids(t, p); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %s: %q, want %q, %v", db.name, text, got, want, err)
			}
		}
	}
}

// A condition's part about the caller alone decides beside its part about the object, wherever it
// stands: alice is staff, and of level 1.
func TestComparisonOfTheCallerAloneDecides(t *testing.T) {
	docs := []doc{
		{id: "public", tenant: "acme", status: "s", public: true, owner: "x"},
		{id: "private", tenant: "acme", status: "s", public: false, owner: "x"},
		{id: "bob's", tenant: "acme", status: "s", public: false, owner: "bob"},
		{id: "nobody's", tenant: "acme", status: "s"},
	}
	a := everybody(t, docs)
	for text, want := range map[string][]string{
		"r.sub.staff && r.obj.public || r.obj.owner == 'bob'":               {"bob's", "public"},
		"r.sub.level > 5 && r.obj.public || r.obj.owner == 'bob'":           {"bob's"},
		"(r.sub.level > 5 || r.obj.public) && r.obj.owner == 'x'":           {"public"},
		"(r.sub.staff || r.obj.public) && r.obj.owner == 'x'":               {"private", "public"},
		"!(r.sub.level > 5 || r.obj.public) || r.obj.owner == 'bob'":        {"bob's", "private"},
		"!(r.sub.staff || r.obj.public) || r.obj.owner == 'bob'":            {"bob's"},
		"!(r.sub.staff && r.obj.public) && r.obj.owner == 'x'":              {"private"},
		"!(r.sub.level > 5 && r.obj.public) && (r.obj.owner != 'bob')":      {"private", "public"},
		"r.sub.id == 'alice' && r.sub.level < 2 && r.obj.public":            {"public"},
		"r.sub.level > 5 && r.obj.public":                                   {},
		"r.obj.owner == 'x' && r.sub.id == 'bob'":                           {},
		"!(r.sub.staff || r.obj.public)":                                    {},
		"r.obj.code != r.sub.dept || r.obj.public":                          {"public"}, // a text that is no uuid
		"(r.sub.id == 'bob' && r.sub.staff && r.obj.public) || r.sub.staff": {"bob's", "nobody's", "private", "public"},
	} {
		if got := selects(t, a, docs, text); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// Rules of several objects, callers, effects and actions stand beside each other: each counts for what
// it says and for nothing else.
func TestComparisonOfRulesBesideOthers(t *testing.T) {
	docs := []doc{
		{id: "a/1", tenant: "acme", status: "s", owner: "alice", public: true},
		{id: "a/b/2", tenant: "acme", status: "s", owner: "é", public: false},
		{id: "a0", tenant: "acme", status: "s", owner: "bob", public: true, size: int64(1)},
		{id: "a:3", tenant: "acme", status: "s", size: int64(2)},
		{id: "it's", tenant: "acme", status: "it's", reviewer: `a\b`, size: int64(3)},
	}
	a := everybody(t, docs)
	const open = "p, role:authenticated, *, doc, read, true, allow\n"
	for rules, want := range map[string][]string{
		open: {"a/1", "a/b/2", "a0", "a:3", "it's"},
		"p, role:authenticated, *, doc:a/*, read, true, allow":                                                                                                                                     {"a/1", "a/b/2"},
		"p, role:authenticated, *, doc:a/*, read, r.obj.public, allow":                                                                                                                             {"a/1"},
		"p, role:authenticated, *, doc:a:*, read, true, allow\np, user:alice, *, doc:a0, read, true, allow\np, user:bob, *, doc:a/1, read, true, allow":                                            {"a0", "a:3"},
		open + "p, role:authenticated, *, doc:a/*, read, true, deny":                                                                                                                               {"a0", "a:3", "it's"},
		open + "p, role:authenticated, *, doc:a/*, read, r.obj.owner == r.sub.id, deny":                                                                                                            {"a/b/2", "a0", "a:3", "it's"},
		open + "p, role:authenticated, *, doc:a0, read, true, deny\np, user:bob, *, doc:a/1, read, true, deny":                                                                                     {"a/1", "a/b/2", "a:3", "it's"},
		open + "p, role:authenticated, *, doc:a0, read, r.obj.owner == 'alice', deny":                                                                                                              {"a/1", "a/b/2", "a0", "a:3", "it's"},
		open + "p, user:bob, *, doc, read, true, deny":                                                                                                                                             {"a/1", "a/b/2", "a0", "a:3", "it's"},
		open + "p, user:alice, *, doc, read, true, deny":                                                                                                                                           {},
		open + "p, role:authenticated, *, doc, read, r.obj.public, deny":                                                                                                                           {"a/b/2"}, // of the others it is not known
		"p, role:authenticated, *, doc, read, r.obj.public, allow\np, role:authenticated, *, doc, write, true, allow\np, role:authenticated, *, doc, write, true, deny":                            {"a/1", "a0"},
		"p, role:authenticated, *, doc, *, r.obj.public, allow\np, role:authenticated, *, doc, read, r.obj.public, deny":                                                                           {},
		"p, role:authenticated, *, doc, read, r.obj.owner == r.sub.id, allow\np, user:bob, *, doc, read, r.obj.owner == r.sub.dept, allow":                                                         {"a/1"},
		"p, user:bob, *, doc, read, r.obj.owner == r.sub.id, allow\np, role:authenticated, *, doc, read, r.obj.owner == r.sub.dept, allow":                                                         {"a/b/2"},
		"p, role:authenticated, *, doc, read, r.sub.level > 5 && r.obj.public, allow\np, role:authenticated, *, doc, read, r.sub.level > 0 && r.obj.owner == 'é', allow":                           {"a/b/2"},
		"p, role:authenticated, *, doc, read, (r.sub.level > 5 || r.obj.public) && r.obj.size == 1, allow\np, user:bob, *, doc, read, (r.sub.level > 0 || r.obj.public) && r.obj.size == 1, allow": {"a0"},
		"p, role:authenticated, *, doc, read, (r.sub.level > 5 || r.obj.public) && r.obj.size == 2, allow\np, user:bob, *, doc, read, (r.sub.level > 0 || r.obj.public) && r.obj.size == 2, allow": {},
		"p, role:authenticated, *, doc, read, r.obj.size < r.sub.ratio, allow":                                                                                                                     {"a0"}, // 1.5
		"p, role:authenticated, *, doc, read, r.obj.size <= r.sub.ratio, allow":                                                                                                                    {"a0"},
		"p, role:authenticated, *, doc, read, r.obj.size > r.sub.ratio, allow":                                                                                                                     {"a:3", "it's"},
		"p, role:authenticated, *, doc, read, r.obj.size >= r.sub.ratio, allow":                                                                                                                    {"a:3", "it's"},
		"p, role:authenticated, *, doc, read, r.obj.size == r.sub.ratio, allow":                                                                                                                    {},
		"p, role:authenticated, *, doc, read, r.obj.size != r.sub.ratio, allow":                                                                                                                    {"a0", "a:3", "it's"},
		`p, role:authenticated, *, doc, read, r.obj.status == 'it\'s', allow`:                                                                                                                      {"it's"},
		`p, role:authenticated, *, doc, read, r.obj.reviewer == 'a\\b', allow`:                                                                                                                     {"it's"},
		`p, role:authenticated, *, doc, read, r.obj.reviewer == 'a\\\\b', allow`:                                                                                                                   {},
		"p, role:viewer, *, doc, read, r.obj.public, allow\np, role:editor, acme, doc, read, r.obj.size == 3, allow":                                                                               {"a/1", "a0", "it's"},
		"p, role:viewer, globex, doc, read, true, allow\np, role:editor, acme, doc, read, r.obj.size == 3, allow":                                                                                  {"it's"},
	} {
		e, err := load(t, rules+grants, attributes)
		if err != nil {
			t.Errorf("%s: %v", rules, err)
			continue
		}
		r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: policy.Values{"dept": "é", "level": int64(1), "ratio": 1.5}}, Action: "read", Object: policy.Object{Type: "doc"}, Env: policy.Values{}}
		a.stock.load(t, rules+grants)
		decided, oracle := []string{}, a.stock.ask(r)
		for _, d := range docs {
			request := r
			request.Object = d.object()
			got, err := e.Decide(t.Context(), request)
			if err != nil {
				t.Fatalf("%s: %v", rules, err)
			}
			if got.Allowed() {
				decided = append(decided, d.id)
			}
			if stock, err := oracle.allows(d); err == nil && stock != got.Allowed() {
				t.Errorf("%s, doc %s: Casbin says %t", rules, d.id, stock)
			}
		}
		if !slices.Equal(decided, want) {
			t.Errorf("%s: decided %q, want %q", rules, decided, want)
		}
		p, err := e.Filter(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, db := range a.dbs {
			if got, err := db.ids(t, p); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, %s: %q %v, want %q", db.name, rules, got, err, want)
			}
		}
		a.walled.same(t, e, r, want, rules)
	}
}

// A row whose text is NULL is none of a list, and is not counted; nor is one of another tenant.
func TestNullIsNotCounted(t *testing.T) {
	dbs := databases(t, []doc{{id: "1", tenant: "acme", status: "s"}, {id: "2", tenant: "acme", status: "s"}, {id: "3", tenant: "acme", status: "s"}})
	for _, db := range dbs {
		db.exec(t, "CREATE TABLE doc_note (doc_id text, tenant_id text, note text)")
		db.exec(t, "INSERT INTO doc_note VALUES ('1', 'acme', NULL), ('1', 'acme', NULL), ('2', 'acme', 'a'), ('2', 'acme', NULL), ('2', 'acme', 'a'), ('3', 'acme', 'b'), ('3', 'globex', 'c'), (NULL, 'acme', 'd')")
	}
	for text, want := range map[string][]string{
		"size(r.obj.notes) == 0": {"1"}, "size(r.obj.notes) > 0": {"2", "3"}, "size(r.obj.notes) == 1": {"3"}, "size(r.obj.notes) == 2": {"2"}, "size(r.obj.notes) >= 2": {"2"},
		"!(size(r.obj.notes) >= 2)": {"1", "3"}, "size(r.obj.notes) != 2": {"1", "3"}, "r.obj.public || size(r.obj.notes) > 0": {"2", "3"}, "size(r.obj.notes) <= 1 || r.obj.public": {"1", "3"},
	} {
		e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(text)+", allow", attributes+"doc, notes, members, no, id, doc_note, doc_id, note\n")
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		p, err := e.Filter(t.Context(), policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, db := range dbs {
			if got, err := db.ids(t, p); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %s: %q, want %q, %v", db.name, text, got, want, err)
			}
		}
	}
}

// In SQLite a column may hold a value of any type, which is none of the attribute's.
func TestAValueOfAnotherTypeIsNotSelected(t *testing.T) {
	docs := []doc{{id: "right", tenant: "acme", status: "s", owner: "b", size: int64(5), public: true, score: 1.5, tags: []string{"a"}, code: "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}}
	lite := databases(t, docs)[1]
	lite.exec(t, `INSERT INTO doc (id, tenant_id, status, owner, size, public, score, tags, code) VALUES
		('wrong', 'acme', 's', X'62', 'many', 2, 'x', 'no json', 'no uuid'), ('list', 'acme', 's', X'7a', X'05', 'true', X'00', '["a", 1]', ''), ('object', 'acme', 's', X'00', '5x', -1, '', '{"a":"a"}', 'ABCDEF00-0000-0000-0000-000000000000')`)
	for _, text := range []string{
		"r.obj.owner != 'a'", "r.obj.owner > 'a'", "r.obj.size > 1", "r.obj.size != 1", "r.obj.public", "r.obj.public != false", "r.obj.score > 0", "r.obj.score != 0",
		"'a' in r.obj.tags", "!('b' in r.obj.tags)", "r.obj.code != '00000000-0000-0000-0000-000000000000'", "has(r.obj, 'code')", "has(r.obj, 'owner')", "has(r.obj, 'public')",
		"startsWith(r.obj.owner, '')", "r.obj.owner in ('b', 'z')", "!(r.obj.owner in ('x', 'y'))", "!(r.obj.size in (1, 2))",
	} {
		e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(text)+", allow", attributes)
		if err != nil {
			t.Fatal(err)
		}
		p, err := e.Filter(t.Context(), policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := lite.ids(t, p); err != nil || !slices.Equal(got, []string{"right"}) {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

// A text with NUL is one to SQLite, whole. No text of PostgreSQL has it: none is equal to it, and its
// order and its beginning are a typed error.
func TestComparisonOfATextWithNULIsOfTheWholeText(t *testing.T) {
	const nul = "a\x00b"
	docs := []doc{{id: "a", tenant: "acme", status: "s", owner: "a", tags: []string{"a"}}, {id: "b", tenant: "acme", status: "s", owner: "b"}, {id: "null", tenant: "acme", status: "s"}}
	dbs := databases(t, docs)
	more := []doc{{id: "nul", tenant: "acme", status: "s", owner: nul, tags: []string{nul}}, {id: "longer", tenant: "acme", status: "s", owner: nul + "\x00", tags: []string{"x", nul}}}
	dbs[1].addDocs(t, more)
	for text, refused := range map[string]bool{
		"r.obj.owner == r.sub.dept": false, "r.obj.owner != r.sub.dept": false, "r.obj.owner in r.sub.regions": false, "!(r.obj.owner in r.sub.regions)": false, "r.sub.dept in r.obj.tags": false,
		"!(r.sub.dept in r.obj.tags)": false, "containsAny(r.obj.tags, r.sub.regions)": false, "containsAll(r.obj.tags, r.sub.regions)": false, "containsAll(r.sub.regions, r.obj.tags)": false,
		"r.obj.owner < r.sub.dept": true, "r.obj.owner >= r.sub.dept": true, "startsWith(r.obj.owner, r.sub.dept)": true, "endsWith(r.obj.owner, r.sub.dept)": true, "contains(r.obj.owner, r.sub.dept)": true,
		"!(startsWith(r.obj.owner, r.sub.dept))": true, "startsWith(r.sub.dept, r.obj.owner)": true, "!(contains(r.sub.dept, r.obj.owner))": true,
	} {
		e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(text)+", allow", attributes)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: policy.Values{"dept": nul, "regions": []string{nul}}}, Action: "read", Object: policy.Object{Type: "doc"}}
		p, err := e.Filter(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for i, there := range [][]doc{docs, append(docs[:3:3], more...)} {
			want := []string{}
			for _, d := range there {
				request := r
				request.Object = d.object()
				if got, err := e.Decide(t.Context(), request); err != nil {
					t.Fatal(err)
				} else if got.Allowed() {
					want = append(want, d.id)
				}
			}
			slices.Sort(want)
			got, err := dbs[i].ids(t, p)
			switch {
			case i == 0 && refused:
				if !errors.Is(err, policy.ErrPredicate) {
					t.Errorf("%s: %s: %q, %v", dbs[i].name, text, got, err)
				}
			case err != nil || !slices.Equal(got, want):
				t.Errorf("%s: %s: %q, want %q, %v", dbs[i].name, text, got, want, err)
			}
		}
	}
}

// SQLite has no NaN: it stores NULL in its place, so that the attribute is not there. Postgres has
// one, which is there and compares with nothing.
func TestNaNIsNullInSQLite(t *testing.T) {
	dbs := databases(t, []doc{{id: "nan", tenant: "acme", status: "s", score: math.NaN()}, {id: "one", tenant: "acme", status: "s", score: 1.0}})
	for text, want := range map[string][2][]string{
		"r.obj.score == r.obj.score": {{"one"}, {"one"}},
		"r.obj.score > 0":            {{"one"}, {"one"}},
		"r.obj.score != 1":           {{}, {}},
		"!(r.obj.score == 1)":        {{}, {}},
		"has(r.obj, 'score')":        {{"one"}, {"one"}},
		"!(has(r.obj, 'score'))":     {{}, {"nan"}},
	} {
		e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(text)+", allow", attributes)
		if err != nil {
			t.Fatal(err)
		}
		p, err := e.Filter(t.Context(), policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}})
		if err != nil {
			t.Fatal(err)
		}
		for i, db := range dbs {
			if got, err := db.ids(t, p); err != nil || !slices.Equal(got, want[i]) {
				t.Errorf("%s: %s: %q, want %q, %v", db.name, text, got, want[i], err)
			}
		}
	}
}

// Each form of comparison, and its opposite, on every row. Each meets the values that a guard keeps
// out. It takes longest, and so is last: where a test above fails, it is not needed (-failfast).
func TestEachComparisonSelectsWhatIsAllowed(t *testing.T) {
	docs := rows(rand.New(rand.NewPCG(1, 2)), 48)
	a := everybody(t, docs)
	var all []string
	for _, text := range byHand {
		all = append(all, text, "!("+text+")")
	}
	wanted := 256
	if testneed.Soak() {
		wanted = 800
	}
	for seed := uint64(0); len(all) < wanted; seed++ {
		text := gen{rand.New(rand.NewPCG(seed, 11))}.leaf()
		if e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(text)+", allow", attributes); err != nil || slices.Contains(all, text) || text == "has(r.obj, 'score')" {
			_ = e // no database can be asked it, or it was
			continue
		}
		all = append(all, text, "!("+text+")")
	}
	for _, text := range all {
		if selects(t, a, docs, text); t.Failed() {
			t.Fatalf("%s is the first condition that differs", text)
		}
	}
	t.Logf("%d conditions of %d rows, Casbin answers %d", len(all), len(docs), *a.agreed)
	if *a.agreed < len(all)*len(docs)/2 {
		t.Errorf("Casbin answers only %d of %d: it is no oracle", *a.agreed, len(all)*len(docs))
	}
}
