//go:build unix

package filters_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

var acme = tenant.MustParse("acme")

// attributes declares a type of every kind, in each meaning of NULL.
const attributes = `
sub, dept,    string,  yes,
sub, level,   int,     yes,
sub, ratio,   float,   yes,
sub, staff,   bool,    yes,
sub, regions, strings, yes,
sub, since,   time,    yes,

doc, id,       string,  no,    id
doc, org,      tenant,  no,    tenant_id
doc, owner,    string,  yes,   owner
doc, status,   string,  no,    status
doc, reviewer, string,  value, reviewer
doc, size,     int,     yes,   size
doc, parts,    int,     value, parts
doc, score,    float,   yes,   score
doc, public,   bool,    yes,   public
doc, locked,   bool,    value, locked
doc, tags,     strings, yes,   tags
doc, due,      time,    yes,   due
doc, made,     time,    value, made
doc, code,     uuid,    yes,   code
doc, members,  members, no,    id, doc_member, doc_id, user_id
doc, leads,    members, no,    id, doc_member, doc_id, user_id, role, lead
doc, project,  parent,  yes,   project_id, project, project, id

project, owner,   string,  yes,   owner
project, status,  string,  value, status
project, size,    int,     yes,   size
project, members, members, no,    id, project_member, project_id, user_id
`

// doc is a row. A nil field is NULL.
type doc struct {
	id, tenant                       string
	owner, status, reviewer, project any
	size, parts, score               any
	public, locked                   any
	tags                             any // []string, with "\x00NULL" for an element that is NULL
	due, made                        any
	code                             any
	members, leads                   []string
}

const nullElement = "\x00NULL"

type project struct {
	id, tenant          string
	owner, status, size any
	members             []string
}

var projects = []project{
	{"p1", "acme", "alice", "open", int64(1), []string{"alice", "bob"}},
	{"p2", "acme", nil, nil, nil, nil},
	{"p3", "acme", "", "closed", int64(1 << 62), []string{"é", ""}},
	{"p4", "globex", "alice", "open", int64(1), []string{"alice"}},
}

var texts = []string{"", "alice", "Alice", "bob", "draft", "Draft", "paid", "%", "_", "a/b", "a/", "a0", "'", `"`, `\`, "$1", "?", "é", "e\u0301", "ß", "ﬀ", "ff", "😀", "\ufffd", "Z", "z", "ä", " ", "editor"}

// rows returns hostile rows: at random, so that each column meets each value, and some by hand.
func rows(g *rand.Rand, n int) []doc {
	long := strings.Repeat("x", 4097)
	text := func(null int) any {
		switch i := g.IntN(40); {
		case i < null:
			return nil
		case i == 39:
			return long
		case i == 38:
			return long[:4096]
		case i < 20:
			return texts[g.IntN(7)]
		}
		return texts[g.IntN(len(texts))]
	}
	list := func() any {
		switch g.IntN(10) {
		case 0:
			return nil
		case 1:
			return []string{}
		case 2:
			return []string{"alice", nullElement}
		}
		out := []string{}
		for range 1 + g.IntN(3) {
			out = append(out, texts[g.IntN(len(texts))])
		}
		return out
	}
	ints := []any{nil, int64(0), int64(1), int64(2), int64(2), int64(3), int64(-1), int64(1 << 53), int64(1<<53 + 1), int64(-(1 << 53)), int64(-(1 << 53) - 1), int64(1 << 62), int64(math.MinInt64)}
	floats := []any{nil, 0.0, math.Copysign(0, -1), 1.0, 1.5, 2.0, 0.1, -0.5, math.NaN(), math.Inf(1), math.Inf(-1), 5e-324, math.MaxFloat64, float64(1 << 53), 9007199254740994.0}
	bools := []any{nil, true, false}
	times := []any{nil, time.Unix(0, 0), time.Unix(1795384800, 0), time.Unix(1795384800, 1000), time.Unix(-1, 999999000), policy1, policy9999, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(0, 12, 31, 23, 59, 59, 0, time.UTC)}
	uuids := []any{nil, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"}
	parents := []any{nil, "p1", "p1", "p2", "p3", "p4", "none"}
	one := func(of []any) any { return of[g.IntN(len(of))] }
	few := func() []string {
		var out []string
		for _, member := range []string{"alice", "bob", "é", "editor"} {
			if g.IntN(3) == 0 {
				out = append(out, member)
			}
		}
		return out
	}
	var out []doc
	for i := range n {
		d := doc{
			id: fmt.Sprint(i), tenant: "acme", owner: text(6), status: text(1), reviewer: text(12), project: one(parents),
			size: one(ints), parts: one(ints), score: one(floats), public: one(bools), locked: one(bools),
			tags: list(), due: one(times), made: one(times), code: one(uuids), members: few(), leads: nil,
		}
		if i%3 == 0 {
			d.id = []string{"a/", "a/b/", "a:", "x", "é/", "A/", "a0", "$1"}[g.IntN(8)] + fmt.Sprint(i)
		}
		for _, member := range d.members {
			if g.IntN(2) == 0 {
				d.leads = append(d.leads, member)
			}
		}
		switch i {
		case 1:
			d.tags = manyTexts(4096)
		case 2:
			d.tags = manyTexts(4097)
		case 4:
			d.members, d.leads = manyTexts(4097), nil
		case 5:
			d.members, d.leads = manyTexts(4096), nil
		case 7, 8:
			d.tenant = "globex"
		case 10:
			d.tags, d.owner, d.reviewer = []string{}, nil, nil // NULL <> ALL('{}') is true
		case 11:
			d.owner, d.reviewer = long, long
		}
		out = append(out, d)
	}
	return out
}

var (
	policy1    = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	policy9999 = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
)

func manyTexts(n int) []string {
	out := []string{"alice"}
	for i := range n - 1 {
		out = append(out, fmt.Sprint("m", i))
	}
	return out
}

// object is a row as the service gives it.
func (d doc) object() policy.Object {
	o := policy.Object{Type: "doc", ID: d.id, Tenant: tenant.MustParse(d.tenant)}
	v := policy.Values{"members": d.members, "leads": d.leads}
	for name, x := range map[string]any{
		"owner": d.owner, "status": d.status, "reviewer": d.reviewer, "size": d.size, "parts": d.parts, "score": d.score,
		"public": d.public, "locked": d.locked, "due": d.due, "made": d.made, "code": d.code,
	} {
		v[name] = x
	}
	if d.members == nil {
		v["members"] = []string{}
	}
	if d.leads == nil {
		v["leads"] = []string{}
	}
	if list, ok := d.tags.([]string); ok && !hasNull(list) {
		v["tags"] = list
	}
	for _, p := range projects {
		if p.id == d.project && p.tenant == d.tenant {
			below := policy.Values{"owner": p.owner, "status": p.status, "size": p.size, "members": p.members}
			if p.members == nil {
				below["members"] = []string{}
			}
			v["project"] = below
		}
	}
	o.Attributes = v
	return o
}

func hasNull(list []string) bool {
	for _, s := range list {
		if s == nullElement {
			return true
		}
	}
	return false
}

// jsonList is a list as SQLite holds it.
func jsonList(x any) any {
	list, ok := x.([]string)
	if !ok {
		return x
	}
	out := make([]any, len(list))
	for i, s := range list {
		if out[i] = s; s == nullElement {
			out[i] = nil
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return string(b)
}
