// Package impact says what a policy lets whom do, of every request there can be and not of one:
// which requests two policies decide differently, who may do something, what somebody may do,
// and whether a sentence holds of all.
//
//	before, err := impact.New(oldBundle)
//	after, err := impact.New(newBundle)
//	report, err := impact.Diff(before, after)
//
// A request is a caller, a tenant, an object, an action and attributes. Requests of which no rule
// of the policies tells one from the other are one: each user and each role that is named, each
// tenant, each action and each object pattern, and beside them whoever and whatever is not named.
// So the answer to a question about all requests is a finite list of [Cell]s, and it is exact:
// each request that changes is in exactly one of them. Conditions stay as they are written, and a
// cell has a request in it, its [Cell.Witness], for which both engines were asked.
//
// Where it cannot be decided whether a condition is ever true, the cell is there and says
// [Cell.May].
package impact

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
)

const (
	everything    = "*"
	anyone        = "role:anyone"
	authenticated = "role:authenticated"
)

// Policy is a policy that questions can be asked of. It does not change.
type Policy struct {
	engine     *policy.Engine
	rules      []rule
	attributes map[string]condition.Attribute // by type and name
	rows       map[row]int32                  // number of the rule
	scopes     map[string]*scope              // by tenant, * for all
	grants     []grant
	granted    map[at][]held
	ends       map[string][]string // the members of roles by rows with times, by tenant
	schema     *condition.Schema

	reverse sync.Once
	members map[at][]string // the members of roles by rows

	subjects                          map[string][]int32 // rules
	types, tenants, actions, grantees map[string]bool    // that rows name
}

// rule is a p row.
type rule struct {
	policy.Rule
	target target
	expr   condition.Expr
	cond   uint32 // number of the condition
}

// row is the content of a rule, wherever it stands.
type row struct{ sub, dom, obj, act, cond, effect string }

func rowOf(r *policy.Rule) row {
	return row{r.Subject, r.Tenant, r.Object, r.Action, r.Condition, r.Effect.String()}
}

// grant is a g row.
type grant struct {
	member, role, tenant string
	during               period
}

// held is a role, and when a row gives it.
type held struct {
	role   string
	during period
}

// at is a name in a tenant.
type at struct{ tenant, name string }

// New loads a policy. The error is that of [policy.LoadBundle].
func New(b *policy.Bundle) (*Policy, error) {
	engine, err := policy.LoadBundle(b, policy.Options{Clock: noon})
	if err != nil {
		return nil, err
	}
	p := &Policy{engine: engine, attributes: map[string]condition.Attribute{}, scopes: map[string]*scope{everything: newScope()}, granted: map[at][]held{}, ends: map[string][]string{},
		types: map[string]bool{}, tenants: map[string]bool{}, subjects: map[string][]int32{}, actions: map[string]bool{}, grantees: map[string]bool{}}
	declared := engine.Attributes()
	for _, a := range declared {
		p.attributes[a.Type+"."+a.Name] = a
		if a.Type != "sub" && a.Type != "env" {
			p.types[a.Type] = true
		}
	}
	schema, err := condition.NewSchema(declared)
	if err != nil {
		return nil, fmt.Errorf("impact: %w", err)
	}
	p.schema = schema
	conditions := condition.NewCompiler(schema)
	rows := engine.Rules()
	p.rules, p.rows = make([]rule, len(rows)), make(map[row]int32, len(rows))
	for i, r := range rows {
		t := targetOf(r.Object)
		id, bad := conditions.Compile(r.Condition, t.conditions())
		if bad != nil {
			return nil, fmt.Errorf("impact: %s:%d: %w", r.File, r.Line, bad)
		}
		p.rules[i] = rule{Rule: r, target: t, cond: id}
		p.rows[rowOf(&r)] = int32(i)
		in := p.scopes[r.Tenant]
		if in == nil {
			in = newScope()
			p.scopes[r.Tenant] = in
		}
		in.rules[t] = append(in.rules[t], int32(i))
		p.tenants[r.Tenant], p.actions[r.Action] = true, true
		p.subjects[r.Subject] = append(p.subjects[r.Subject], int32(i))
		if typ := t.typ(); typ != "" {
			p.types[typ] = true
		}
	}
	exprs := conditions.Exprs()
	for i := range p.rules {
		p.rules[i].expr = exprs[p.rules[i].cond]
	}
	for _, row := range engine.Grants() {
		g := grant{row.Member, row.Role, row.Tenant, periodOf(row)}
		p.grants = append(p.grants, g)
		p.tenants[g.tenant], p.grantees[g.member] = true, true
		here := at{g.tenant, g.member}
		p.granted[here] = append(p.granted[here], held{g.role, g.during})
		if g.during != always && !slices.Contains(p.ends[g.tenant], g.member) {
			p.ends[g.tenant] = append(p.ends[g.tenant], g.member)
		}
	}
	return p, nil
}

// Engine returns what decides by the policy, at noon of 2000-01-01 (UTC) unless a request says
// another time.
func (p *Policy) Engine() *policy.Engine { return p.engine }

func noon() time.Time { return time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC) }
