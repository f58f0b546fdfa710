package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/tenant"
)

// listedAttributes are testAttributes with doc as a type that is listed.
const listedAttributes = testAttributes + `
doc, id,  string, no, id
doc, org, tenant, no, tenant_id
`

func filter(t testing.TB, e *policy.Engine, r policy.Request) policy.Predicate {
	t.Helper()
	p, err := e.Filter(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAFilterSelectsWhatIsAllowed(t *testing.T) {
	t.Parallel()
	wanted := testneed.Scale(60_000, 30)
	compared, selected, none, all, filters := 0, 0, 0, 0, 0
	for seed := uint64(0); compared < wanted; seed++ {
		g := newGen(seed)
		var rows []string
		// Rules for who is in it, about the object in any case, so that few filters are of nothing or everything.
		for _, about := range []string{"(r.obj.size < 2 || %s) && (r.obj.public || r.obj.status != 'paid' || %s)", "r.obj.owner == r.sub.id && (%s || %s)"} {
			rows = append(rows, "p, role:authenticated, *, doc, *, "+csvQuote(fmt.Sprintf(about, g.condition("doc", 1), g.condition("doc", 1)))+", allow")
		}
		rows = append(rows, "p, role:authenticated, *, doc, *, "+csvQuote("r.obj.score > 0 && "+g.condition("doc", 1))+", deny")
		for _, row := range rows {
			if strings.Contains(row, "ipMatch(r.obj") {
				rows = nil
				break
			}
		}
		others := g.rows()
		if seed%3 > 0 {
			others = nil
		}
		for _, row := range others {
			if !strings.Contains(row, "ipMatch(r.obj") {
				rows = append(rows, row)
			}
		}
		e, err := policy.Load(folder(map[string]string{"policy.csv": strings.Join(rows, "\n"), "attributes.csv": listedAttributes}), policy.Options{})
		if err != nil {
			if !strings.Contains(err.Error(), "objects of doc are listed") && !strings.Contains(err.Error(), "no rule") {
				t.Fatal(err)
			}
			continue
		}
		for range 10 {
			r := g.request()
			if r.Tenant.IsZero() {
				r.Tenant = acme
			}
			r.Action, r.Object = pick[policy.Action](g, "read", "write"), policy.Object{Type: "doc"}
			p, err := e.Filter(t.Context(), r)
			if errors.Is(err, policy.ErrMisused) && strings.Contains(err.Error(), "no file of the policy") {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			filters++
			if p.None() {
				none++
			}
			if p.All() {
				all++
			}
			for range 20 {
				o := g.request().Object
				if o.Type != "doc" || o.ID == "" {
					continue
				}
				for _, name := range []string{"owner", "status", "size", "score", "public", "tags"} {
					if g.IntN(6) == 0 {
						delete(o.Attributes.(policy.Values), name)
					}
				}
				o.Tenant = r.Tenant
				request := r
				request.Object = o
				want := decide(t, e, request).Allowed()
				if got := p.Match(o); got != want {
					t.Fatalf("seed %d: the filter says %t, Decide %t\n%+v\n%s", seed, got, want, request, strings.Join(rows, "\n"))
				}
				compared++
				if want {
					selected++
				}
				o.Tenant = pick(g, tenant.ID{}, tenant.MustParse("other"))
				if p.Match(o) {
					t.Fatal("an object of another tenant, or of none, is selected")
				}
			}
		}
	}
	t.Logf("%d objects, %d selected; %d filters, %d of nothing, %d of everything", compared, selected, filters, none, all)
	if selected < compared/10 || selected > compared*9/10 || none+all > filters*6/10 {
		t.Errorf("the generator does not exercise filters: %d objects, %d selected, %d filters, %d of nothing, %d of everything", compared, selected, filters, none, all)
	}
}

func TestTheZeroPredicateSelectsNothing(t *testing.T) {
	var p policy.Predicate
	if !p.None() || p.All() || p.Match(policy.Object{}) || p.Match(policy.Object{Type: "doc", ID: "1", Tenant: acme}) {
		t.Error("the zero Predicate selects something")
	}
	text, args, err := p.SQL(policy.Postgres, "d")
	if err != nil || text != "FALSE" || len(args) > 0 {
		t.Errorf("SQL is %q, %v, %v", text, args, err)
	}
}

func TestAFilterIsOfATypeThatIsListedAndOfATenant(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"policy.csv": "p, role:authenticated, *, doc, read, true, allow\np, role:authenticated, *, note, read, true, allow", "attributes.csv": listedAttributes}))
	about := func(o policy.Object) policy.Request {
		return policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: o}
	}
	for name, c := range map[string]struct {
		r    policy.Request
		want error
	}{
		"a type that is not listed":     {about(policy.Object{Type: "note"}), policy.ErrNotListed},
		"a type that nothing names":     {about(policy.Object{Type: "dco"}), policy.ErrMisused},
		"an object":                     {about(policy.Object{Type: "doc", ID: "1", Tenant: acme}), policy.ErrMisused},
		"a route":                       {about(policy.Route("/a")), policy.ErrMisused},
		"an anonymous caller of no one": {policy.Request{Action: "read", Object: policy.Object{Type: "doc"}}, policy.ErrRequest},
		"a method":                      {policy.Request{Tenant: acme, Action: "GET", Object: policy.Object{Type: "doc"}}, policy.ErrRequest},
	} {
		if p, err := e.Filter(t.Context(), c.r); !errors.Is(err, c.want) || !p.None() {
			t.Errorf("%s: %v, selects nothing: %t; want %v", name, err, p.None(), c.want)
		}
	}
	if p, err := (&policy.Engine{}).Filter(t.Context(), about(policy.Object{Type: "doc"})); !errors.Is(err, policy.ErrNotLoaded) || !p.None() {
		t.Errorf("an engine without a policy: %v", err)
	}
}

func TestAnAttributeOfAnotherTypeIsAnErrorOfTheFilter(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"policy.csv": "p, role:authenticated, *, doc, read, r.sub.level > 1 || r.obj.public, allow\np, role:authenticated, *, doc, write, true, allow", "attributes.csv": listedAttributes}))
	r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: policy.Values{"level": "2"}}, Action: "read", Object: policy.Object{Type: "doc"}}
	if p, err := e.Filter(t.Context(), r); !errors.Is(err, policy.ErrRequest) || !p.None() {
		t.Errorf("a misfit: %v", err)
	}
	r.Action = "write"
	if p := filter(t, e, r); !p.All() {
		t.Error("a misfit that no rule asks for changes the filter")
	}
}

func TestAFilterHasAtMostSoManyComparisons(t *testing.T) {
	rules := func(n int) *policy.Engine {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "p, role:authenticated, *, doc, read, r.obj.size == %d && r.obj.score == %d.5, allow\n", i, i)
		}
		return mustLoad(t, folder(map[string]string{"policy.csv": b.String(), "attributes.csv": listedAttributes}))
	}
	r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}}
	if p := filter(t, rules(128), r); p.None() {
		t.Error("256 comparisons select nothing")
	}
	if p, err := rules(129).Filter(t.Context(), r); !errors.Is(err, policy.ErrFilterTooLarge) || !p.None() {
		t.Errorf("258 comparisons: %v", err)
	}
}

// Objects that rules name one by one are one comparison, however many they are.
func TestRulesAboutSingleObjectsAreOneList(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "p, user:alice, *, doc:%d, read, true, allow\n", i)
	}
	b.WriteString("p, user:alice, *, doc:7, read, true, deny\np, user:alice, *, doc:x/*, read, true, allow\n")
	e := mustLoad(t, folder(map[string]string{"policy.csv": b.String(), "attributes.csv": listedAttributes}))
	p := filter(t, e, policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}})
	text, args, err := p.SQL(policy.Postgres, "d")
	const want = `("d"."tenant_id" = $1::text AND ("d"."id" = ANY($2::text[]) OR ("d"."id" COLLATE "C" >= $3::text AND "d"."id" COLLATE "C" < $4::text)) AND ("d"."id" <> ALL($5::text[]) AND "d"."id" IS NOT NULL))`
	if err != nil || text != want || len(args) != 5 {
		t.Errorf("%s\n%v, %v\nwant %s", text, args, err, want)
	}
	for id, want := range map[string]bool{"1": true, "7": false, "999": true, "1000": false, "x/1": true, "x": false, "x0": false} {
		if p.Match(policy.Object{Type: "doc", ID: id, Tenant: acme}) != want {
			t.Errorf("doc:%s is not %t", id, want)
		}
	}
}

// manyListed is a policy of n rules about doc for other roles, and of 20 for role:me.
func manyListed(n int) string {
	var b strings.Builder
	for i := range n - 20 {
		switch i % 3 {
		case 0:
			fmt.Fprintf(&b, "p, role:r%d, *, doc, read, r.obj.size == %d, allow\n", i%5000, i)
		case 1:
			fmt.Fprintf(&b, "p, user:u%d, *, doc:%d, read, true, allow\n", i%5000, i)
		default:
			fmt.Fprintf(&b, "p, role:r%d, *, doc:%d/*, read, true, deny\n", i%5000, i)
		}
	}
	for i := range 20 {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "p, role:me, *, doc, read, r.obj.owner == r.sub.id && r.obj.size == %d, allow\n", i)
		case 1:
			fmt.Fprintf(&b, "p, role:me, *, doc:me%d, read, true, allow\n", i)
		case 2:
			fmt.Fprintf(&b, "p, role:me, *, doc:me%d/*, read, true, allow\n", i)
		default:
			fmt.Fprintf(&b, "p, role:me, *, doc, read, r.obj.status == 's%d', deny\n", i)
		}
	}
	return b.String()
}

var aboutMe = policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Roles: policy.RoleNames{"me"}}, Action: "read", Object: policy.Object{Type: "doc"}}

// A filter reads the caller's own rules: what it allocates does not grow with those of others.
func TestAFilterReadsTheRulesOfTheCallerAlone(t *testing.T) {
	var before float64
	for _, n := range []int{1_000, 100_000} {
		e := mustLoad(t, folder(map[string]string{"policy.csv": manyListed(n), "attributes.csv": listedAttributes}))
		if read := policy.RulesRead(e, aboutMe); read != 20 {
			t.Errorf("%d rules: %d are read, 20 are the caller's", n, read)
		}
		allocs := testing.AllocsPerRun(20, func() { filter(t, e, aboutMe) })
		if before != 0 && allocs > before+1 || allocs > 80 {
			t.Errorf("%d rules: %v allocations, %v at a hundredth of them", n, allocs, before)
		}
		before = allocs
	}
}

func BenchmarkFilter(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		e := mustLoad(b, folder(map[string]string{"policy.csv": manyListed(n), "attributes.csv": listedAttributes}))
		b.Run(fmt.Sprintf("%d rules, 20 the caller's", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				filter(b, e, aboutMe)
			}
		})
		b.Run(fmt.Sprintf("%d rules, 20 the caller's, with SQL", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := filter(b, e, aboutMe).SQL(policy.Postgres, "d"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestWhatNoDatabaseCanBeAskedDoesNotLoadForATypeThatIsListed(t *testing.T) {
	const attributes = `
sub, level, int, yes,
doc, id, string, no, id
doc, org, tenant, no, tenant_id
doc, owner, string, no, owner
doc, ip, string, no, ip
doc, hidden, string, no,
doc, tags, strings, no, tags
doc, seen, strings, no, seen
doc, size, int, no, size
doc, due, time, yes, due
doc, project, parent, yes, project_id, project, projects, id
doc, team, parent, yes, team_id, project, projects, id
project, owner, string, no, owner
project, secret, string, no,
project, notes, strings, no,
`
	for text, want := range map[string]string{
		"r.obj.hidden == 'x'":                        "r.obj.hidden has no column",
		"true == true && r.obj.owner == 'x'":         "",
		"r.obj.owner == 'x'":                         "",
		"ipMatch(r.obj.ip, '10.0.0.0/8')":            "ipMatch asks of an object",
		"ipMatch(r.env.ip, '10.0.0.0/8')":            "",
		"containsAny(r.obj.tags, r.obj.seen)":        "two lists of the object",
		"containsAny(r.obj.tags, r.sub.roles)":       "",
		"size(r.obj.tags) > 1":                       "",
		"size(r.obj.project.notes) == 0":             "has no column",
		"r.obj.due < r.obj.size":                     "of kind time and r.obj.size of kind int",
		"r.obj.due < r.env.time":                     "",
		"r.obj.project.owner == r.obj.team.owner":    "of two parents",
		"r.obj.project.owner == r.obj.owner":         "",
		"r.obj.project.secret == 'x'":                "has no column",
		"has(r.obj, 'project')":                      "",
		"!(r.obj.size > 1 && r.obj.hidden == 'x')":   "has no column",
		"r.sub.level > 1 && !(r.obj.owner in ('a'))": "",
	} {
		_, err := policy.Load(folder(map[string]string{"policy.csv": `p, role:a, *, doc, read, "` + text + `", allow`, "attributes.csv": attributes}), policy.Options{})
		if strings.HasPrefix(text, "true ==") {
			continue
		}
		var one *policy.Error
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (!errors.As(err, &one) || one.Code != policy.CodeRuleFilter || !strings.Contains(one.Msg, want)):
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
	for rows, want := range map[string]string{
		"doc, org, tenant, no, tenant_id":                                       "their id has no column",
		"doc, id, string, no, id\ndoc, org, tenant, no,":                        "cannot name the column",
		"doc, id, string, no, id\ndoc, org, tenant, yes, t":                     "write no",
		"doc, id, string, no, id\nsub, org, tenant, no, t":                      "objects of \"sub\" are not listed",
		"doc, id, string, no, id\ndoc, a, tenant, no, t\ndoc, b, tenant, no, t": "declared already",
	} {
		if _, err := policy.Load(folder(map[string]string{"policy.csv": fine, "attributes.csv": rows}), policy.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", rows, err, want)
		}
	}
}

func TestTheTimeOfAFilterIsThatOfItsRequest(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"policy.csv": "p, role:authenticated, *, doc, read, r.env.time > 100, allow", "attributes.csv": listedAttributes}))
	r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}, Env: policy.Values{"time": 100}}
	if p := filter(t, e, r); !p.None() {
		t.Error("selects objects before the time")
	}
	r.Env = nil
	if p := filter(t, e, r); !p.All() || time.Now().Unix() < 100 {
		t.Error("selects nothing after the time")
	}
}
