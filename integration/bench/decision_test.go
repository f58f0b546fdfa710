package bench

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/cedar-policy/cedar-go"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

// question is one request about the world of a given size: tenants with 100 rules each,
// 10 roles to a tenant, 10 documents to a role, and a user for each role.
type question struct {
	tenant, user, object string
	allowed              bool
}

const (
	rulesPerTenant = 100
	docsPerRole    = 10
)

// rule i is for role r of tenant t and document d.
func parts(i int) (t, r, d int) {
	t = i / rulesPerTenant
	return t, i % rulesPerTenant / docsPerRole, i % docsPerRole
}

// questions returns requests at random, half of them allowed.
func questions(rules int) []question {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]question, 4096)
	for i := range all {
		t, r, d := parts(random.IntN(rules))
		q := question{tenant: fmt.Sprintf("t%d", t), user: fmt.Sprintf("u%d-%d", t, r), allowed: i%2 == 0}
		if !q.allowed {
			r = (r + 1) % (rulesPerTenant / docsPerRole)
		}
		q.object = fmt.Sprintf("d%d-%d", r, d)
		all[i] = q
	}
	return all
}

var sizes = []int{1_000, 10_000, 100_000, 1_000_000}

// BenchmarkDecision asks exact rules with tenants and roles, hits and misses at random.
func BenchmarkDecision(b *testing.B) {
	for _, rules := range sizes {
		asked := questions(rules)
		base := 0.0
		for _, peer := range []struct {
			name string
			make func(b *testing.B, rules int) func(q *question) bool
			most int // rules; more would take minutes to set up or ask
		}{
			{"reeve", reeveDecision, 1_000_000},
			{"reeve's index of the Casbin model", indexDecision, 1_000_000},
			{"casbin", casbinDecision, 100_000},
			{"cedar-go", cedarDecision, 10_000},
		} {
			if rules > peer.most {
				continue
			}
			b.Run(fmt.Sprintf("rules=%d/%s", rules, peer.name), func(b *testing.B) {
				decide := peer.make(b, rules)
				for i := range 64 {
					if q := &asked[i]; decide(q) != q.allowed {
						b.Fatalf("%+v: the other answer", *q)
					}
				}
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					decide(&asked[i&4095])
					i++
				}
				report(b, &base)
			})
		}
	}
}

// report reports the cost as a multiple of the first caller's.
func report(b *testing.B, base *float64) {
	cost := float64(b.Elapsed()) / float64(b.N)
	if *base == 0 {
		*base = cost
		return
	}
	b.ReportMetric(cost / *base, "×reeve")
}

func reeveDecision(b *testing.B, rules int) func(q *question) bool {
	engine, err := policy.Load(reeveFiles(b, rules), policy.Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, ids := context.Background(), map[string]tenant.ID{}
	for t := range rules / rulesPerTenant {
		id := tenant.MustParse(fmt.Sprintf("t%d", t))
		ids[id.String()] = id
	}
	return func(q *question) bool {
		d, err := engine.Decide(ctx, policy.Request{
			Tenant:  ids[q.tenant],
			Subject: policy.Subject{ID: q.user},
			Action:  "read",
			Object:  policy.Object{Type: "doc", ID: q.object},
		})
		return err == nil && d.Allowed()
	}
}

func reeveFiles(b *testing.B, rules int) fs.FS {
	var text strings.Builder
	for i := range rules {
		t, r, d := parts(i)
		fmt.Fprintf(&text, "p, role:r%d, t%d, doc:d%d-%d, read, true, allow\n", r, t, r, d)
		if d == 0 {
			fmt.Fprintf(&text, "g, user:u%d-%d, role:r%d, t%d\n", t, r, r, t)
		}
	}
	standard, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		b.Fatal(err)
	}
	return fstest.MapFS{"model.conf": {Data: standard}, "policy.csv": {Data: []byte(text.String())}, "attributes.csv": {}}
}

func casbinDecision(b *testing.B, rules int) func(q *question) bool {
	e := casbinEnforcer(b, rules)
	return func(q *question) bool {
		ok, err := e.Enforce(q.user, q.tenant, q.object, "read")
		return err == nil && ok
	}
}

func indexDecision(b *testing.B, rules int) func(q *question) bool {
	index, err := policy.NewIndex(casbinEnforcer(b, rules).GetModel())
	if err != nil {
		b.Fatal(err)
	}
	return func(q *question) bool {
		ok, err := index.Enforce(q.user, q.tenant, q.object, "read")
		return err == nil && ok
	}
}

func casbinEnforcer(b *testing.B, rules int) *casbin.Enforcer {
	b.Helper()
	m, err := model.NewModelFromString(`
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.dom == p.dom && r.obj == p.obj && r.act == p.act && g(r.sub, p.sub, r.dom)
`)
	if err != nil {
		b.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		b.Fatal(err)
	}
	var p, g [][]string
	for i := range rules {
		t, r, d := parts(i)
		p = append(p, []string{fmt.Sprintf("r%d", r), fmt.Sprintf("t%d", t), fmt.Sprintf("d%d-%d", r, d), "read"})
		if d == 0 {
			g = append(g, []string{fmt.Sprintf("u%d-%d", t, r), fmt.Sprintf("r%d", r), fmt.Sprintf("t%d", t)})
		}
	}
	if _, err := e.AddPolicies(p); err != nil {
		b.Fatal(err)
	}
	if _, err := e.AddGroupingPolicies(g); err != nil {
		b.Fatal(err)
	}
	return e
}

func cedarDecision(b *testing.B, rules int) func(q *question) bool {
	var text strings.Builder
	entities := cedar.EntityMap{}
	for i := range rules {
		t, r, d := parts(i)
		fmt.Fprintf(&text, "permit(principal in Role::\"t%d/r%d\", action == Action::\"read\", resource == Doc::\"t%d/d%d-%d\");\n", t, r, t, r, d)
		if d == 0 {
			user := cedar.NewEntityUID("User", cedar.String(fmt.Sprintf("t%d/u%d-%d", t, t, r)))
			role := cedar.NewEntityUID("Role", cedar.String(fmt.Sprintf("t%d/r%d", t, r)))
			entities[user] = cedar.Entity{UID: user, Parents: cedar.NewEntityUIDSet(role)}
		}
	}
	set, err := cedar.NewPolicySetFromBytes("bench.cedar", []byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	action := cedar.NewEntityUID("Action", "read")
	return func(q *question) bool {
		decision, _ := cedar.Authorize(set, entities, cedar.Request{
			Principal: cedar.NewEntityUID("User", cedar.String(q.tenant+"/"+q.user)),
			Action:    action,
			Resource:  cedar.NewEntityUID("Doc", cedar.String(q.tenant+"/"+q.object)),
		})
		return decision == cedar.Allow
	}
}
