//go:build unix

package filters_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
)

// callerAttributes are of each kind that compares, and of such to which NULL is a value.
const callerAttributes = `
sub, code, uuid,   yes,
sub, nick, string, value,
sub, num,  int,    value,
sub, flag, bool,   value,
sub, at,   time,   value,
sub, key,  uuid,   value,
sub, rate, float,  value,
`

// oddCallers have values at the ends of their kinds and beyond, of other spellings, and NULL.
var oddCallers = []policy.Values{
	{"code": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "nick": "6BA7B810-9dad-11d1-80b4-00c04fd430c8", "num": int64(1795384800), "flag": true, "at": time.Unix(1795384800, 0), "key": [16]byte{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}, "rate": 2.0,
		"regions": []string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "x", "x", "FFFFFFFF-ffff-ffff-ffff-ffffffffffff"}, "level": int64(1 << 53), "ratio": 5e-324, "since": policy9999, "dept": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
	{"code": "6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "nick": nil, "num": nil, "flag": nil, "at": nil, "key": nil, "rate": nil, "regions": []string{}, "level": int64(-(1 << 53)), "ratio": math.Copysign(0, -1), "since": policy1, "dept": "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}"},
	{"code": "x", "num": int64(math.MaxInt64), "flag": false, "at": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "key": "", "rate": math.NaN(), "regions": []string{"alice", "alice"}, "level": int64(math.MinInt64), "ratio": math.MaxFloat64, "since": time.Unix(1795384800, 999)},
	{"num": int64(-62135596800), "at": policy1, "rate": 1e300, "ratio": math.Inf(1), "level": int64(253402300799), "since": time.Unix(-1, 999999999), "nick": "", "flag": false},
	{"num": int64(253402300800), "at": policy9999, "rate": -0.5, "ratio": 9007199254740993.0, "level": int64(253402300800)},
}

// besideCallers are comparisons of columns with values of a caller of another kind or spelling, and of
// columns of two tables.
func besideCallers() (all []string) {
	for _, op := range []string{" == ", " != ", " < ", " <= ", " > ", " >= "} {
		for _, p := range [][2]string{
			{"r.obj.size", "'2026-11-22T22:00:00Z'"}, {"r.obj.score", "'2026-11-22T22:00:00Z'"}, {"r.obj.size", "r.sub.since"}, {"r.obj.parts", "r.sub.at"}, {"r.obj.due", "r.sub.level"}, {"r.obj.made", "r.sub.num"},
			{"r.obj.due", "1795384800"}, {"r.obj.made", "1795384800"}, {"r.obj.due", "r.sub.at"}, {"r.obj.made", "r.sub.at"}, {"r.obj.score", "r.sub.level"}, {"r.obj.score", "r.sub.num"}, {"r.obj.size", "r.sub.ratio"}, {"r.obj.parts", "r.sub.rate"},
			{"r.obj.score", "r.sub.rate"}, {"r.obj.size", "r.sub.num"}, {"r.obj.parts", "r.sub.num"}, {"r.obj.parts", "9007199254740991"}, {"r.obj.owner", "r.sub.nick"}, {"r.obj.reviewer", "r.sub.nick"}, {"r.obj.project.status", "r.sub.nick"},
			{"r.obj.project.size", "r.sub.num"}, {"r.obj.project.size", "r.obj.parts"}, {"r.obj.project.owner", "r.obj.owner"},
		} {
			all = append(all, p[0]+op+p[1], p[1]+op+p[0])
		}
	}
	for _, op := range []string{" == ", " != "} {
		for _, p := range [][2]string{{"r.obj.code", "r.sub.code"}, {"r.obj.code", "r.sub.key"}, {"r.obj.owner", "r.sub.code"}, {"r.obj.reviewer", "r.sub.key"}, {"r.obj.code", "r.sub.nick"}, {"r.obj.code", "r.sub.dept"}, {"r.obj.public", "r.sub.flag"}, {"r.obj.locked", "r.sub.flag"}, {"r.obj.id", "r.sub.nick"}} {
			all = append(all, p[0]+op+p[1])
		}
	}
	return append(all, "r.obj.code in r.sub.regions", "r.sub.code in r.obj.tags", "r.sub.key in r.obj.tags", "r.sub.key in r.obj.members", "r.sub.nick in r.obj.tags", "r.sub.nick in r.obj.members", "r.obj.code in r.obj.tags", "r.obj.code in r.obj.members",
		"containsAll(r.obj.tags, r.sub.regions)", "containsAll(r.obj.members, r.sub.regions)", "containsAny(r.obj.members, r.sub.regions)", "r.obj.reviewer in r.sub.regions", "r.obj.reviewer in r.obj.members", "r.obj.project.owner in r.obj.tags",
		"r.obj.owner in r.obj.project.members", "r.obj.project.status in r.obj.members", "startsWith(r.obj.project.owner, r.obj.owner)", "startsWith(r.sub.nick, r.obj.owner)", "endsWith(r.obj.reviewer, r.sub.nick)", "contains(r.obj.reviewer, r.obj.project.status)")
}

// Values of a caller at the ends of their kinds, beyond them, of another kind than the column's, in
// another spelling or NULL are compared alike: by a check, in both databases and by row-level security.
func TestEachValueOfACallerIsComparedAlike(t *testing.T) {
	docs := rows(rand.New(rand.NewPCG(1, 2)), 48)
	dbs, walled := databases(t, docs), newWalled(t, docs)
	some, compared := 0, 0
	for i, one := range besideCallers() {
		forms := []string{one, "!(" + one + ")", "r.obj.public || " + one}
		if !testneed.Soak() {
			forms = forms[i%3 : i%3+1]
		}
		for _, text := range forms {
			e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(text)+", allow", attributes+callerAttributes)
			if err != nil {
				continue // neither of two kinds that have no order is less
			}
			for i, values := range oddCallers {
				r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: values}, Action: "read", Object: policy.Object{Type: "doc"}}
				p, err := e.Filter(t.Context(), r)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				want := []string{}
				for _, d := range docs {
					request := r
					if request.Object = d.object(); request.Object.Tenant != acme {
						continue
					}
					decided, err := e.Decide(t.Context(), request)
					if err != nil {
						t.Fatalf("%s: %v", text, err)
					}
					if decided.Allowed() {
						want = append(want, d.id)
					}
					if decided.Allowed() != p.Match(request.Object) {
						t.Errorf("%s, caller %d: doc %s is matched otherwise", text, i, d.id)
					}
				}
				if compared++; len(want) > 0 {
					some++
				}
				slices.Sort(want)
				walled.same(t, e, r, want, fmt.Sprint(text, ", caller ", i))
				for _, db := range dbs {
					if got, err := db.ids(t, p); err != nil || !slices.Equal(got, want) {
						t.Errorf("%s: %s, caller %d:\n got %q, %v\nwant %q", db.name, text, i, got, err, want)
					}
				}
			}
		}
	}
	if t.Logf("%d filters, %d of which select something", compared, some); compared < 1000 || some < compared/2 {
		t.Errorf("%d filters, %d of which select something", compared, some)
	}
}
