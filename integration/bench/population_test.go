package bench

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

// population is a policy of a number of rules: tenants of 100, 10 roles to a tenant, 10 documents
// to a role, and a user for each role.
type population struct {
	rules int
	kind  kind
}

// kind is a kind of rules.
type kind string

const (
	exact     kind = "exact"     // a document, by its name
	routes    kind = "routes"    // what begins like a route
	condition kind = "condition" // a document, for its owner
)

const (
	rulesPerTenant = 100
	docsPerRole    = 10
)

// query is one request.
type query struct {
	tenant, user, object string
	id                   tenant.ID
	values               policy.Values // of the object
	casbin               []any         // the query as Casbin is asked
	allowed              bool
}

// rule i is for role r of tenant t and document d.
func parts(i int) (t, r, d int) {
	t = i / rulesPerTenant
	return t, i % rulesPerTenant / docsPerRole, i % docsPerRole
}

// asked is how many queries there are: so many that what they touch of a large policy is
// in no processor's near cache.
const asked = 1 << 16

// queries returns requests at random that are all allowed, or all denied.
func (w population) queries(allowed bool) []query {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]query, asked)
	for i := range all {
		t, r, d := parts(random.IntN(w.rules))
		q := query{tenant: fmt.Sprintf("t%d", t), user: fmt.Sprintf("u%d-%d", t, r), allowed: allowed}
		q.id = tenant.MustParse(q.tenant)
		if !allowed {
			r = (r + 1) % (rulesPerTenant / docsPerRole)
		}
		q.object = fmt.Sprintf("d%d-%d", r, d)
		if w.kind == routes {
			q.object = fmt.Sprintf("/r%d/d%d/%d/parts", r, d, random.IntN(1000))
		}
		q.casbin = []any{q.user, q.tenant, q.object, "read"}
		if w.kind == condition {
			q.values = policy.Values{"owner": q.user}
			q.casbin = append(q.casbin, map[string]any(q.values))
		}
		all[i] = q
	}
	return all
}

// files are the population as a policy of Reeve's.
func (w population) files(b *testing.B) fs.FS {
	var text strings.Builder
	for i := range w.rules {
		t, r, d := parts(i)
		switch w.kind {
		case exact:
			fmt.Fprintf(&text, "p, role:r%d, t%d, doc:d%d-%d, read, true, allow\n", r, t, r, d)
		case routes:
			fmt.Fprintf(&text, "p, role:r%d, t%d, /r%d/d%d/*, GET, true, allow\n", r, t, r, d)
		case condition:
			fmt.Fprintf(&text, "p, role:r%d, t%d, doc:d%d-%d, read, r.obj.owner == r.sub.id, allow\n", r, t, r, d)
		}
		if d == 0 {
			fmt.Fprintf(&text, "g, user:u%d-%d, role:r%d, t%d\n", t, r, r, t)
		}
	}
	standard, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		b.Fatal(err)
	}
	return fstest.MapFS{
		"model.conf": {Data: standard}, "policy.csv": {Data: []byte(text.String())},
		"attributes.csv": {Data: []byte("doc, owner, string, no, owner\n")},
	}
}

// model is the population's Casbin model.
func (w population) model() string {
	rule, request, match := "sub, dom, obj, act", "sub, dom, obj, act", "r.obj == p.obj"
	switch w.kind {
	case routes:
		match = "keyMatch2(r.obj, p.obj)"
	case condition:
		rule, request = "sub, dom, obj, act, cond", "sub, dom, obj, act, doc"
	}
	matcher := "r.dom == p.dom && " + match + " && r.act == p.act && g(r.sub, p.sub, r.dom)"
	if w.kind == condition {
		matcher += " && eval(p.cond)"
	}
	return "[request_definition]\nr = " + request + "\n[policy_definition]\np = " + rule +
		"\n[role_definition]\ng = _, _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = " + matcher + "\n"
}

// rows are the population as rules of Casbin's.
func (w population) rows() (p, g [][]string) {
	for i := range w.rules {
		t, r, d := parts(i)
		row := []string{fmt.Sprintf("r%d", r), fmt.Sprintf("t%d", t), fmt.Sprintf("d%d-%d", r, d), "read"}
		switch w.kind {
		case routes:
			row[2] = fmt.Sprintf("/r%d/d%d/*", r, d)
		case condition:
			row = append(row, "r.doc.owner == r.sub")
		}
		p = append(p, row)
		if d == 0 {
			g = append(g, []string{fmt.Sprintf("u%d-%d", t, r), fmt.Sprintf("r%d", r), fmt.Sprintf("t%d", t)})
		}
	}
	return p, g
}

// csv is the population as a policy file of Casbin's.
func (w population) csv() string {
	var text strings.Builder
	p, g := w.rows()
	for _, row := range p {
		fmt.Fprintf(&text, "p, %s\n", strings.Join(row, ", "))
	}
	for _, row := range g {
		fmt.Fprintf(&text, "g, %s\n", strings.Join(row, ", "))
	}
	return text.String()
}
