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
	bundle     *policy.Bundle
	rules      []rule
	attributes map[string]condition.Attribute // by type and name
	scopes     map[string]*scope              // by tenant, * for all
	grants     []policy.Grant                 // those of one member in one tenant side by side
	held       []held                         // by grant
	granted    map[at]span                    // of held
	ends       map[string][]string            // the members of roles by rows with times, by tenant
	schema     *condition.Schema

	reverse sync.Once
	members map[at][]string // the members of roles by rows

	subjects                map[string][]int32 // rules
	types, tenants, actions map[string]bool    // that rows name
}

// rule is a p row.
type rule struct {
	*policy.Rule
	target target
	expr   condition.Expr
}

// held is a role, and when a row gives it.
type held struct {
	role   string
	during period
}

// at is a name in a tenant.
type at struct{ tenant, name string }

// span is a part of a list.
type span struct{ from, to int32 }

// New loads a policy. The error is that of [policy.LoadBundle].
func New(b *policy.Bundle) (*Policy, error) {
	engine, err := policy.LoadBundle(b, policy.Options{Clock: noon})
	if err != nil {
		return nil, err
	}
	p := &Policy{engine: engine, bundle: b, attributes: map[string]condition.Attribute{}, scopes: map[string]*scope{everything: {}}, ends: map[string][]string{},
		types: map[string]bool{}, tenants: map[string]bool{}, subjects: map[string][]int32{}, actions: map[string]bool{}}
	declared := engine.Attributes()
	for _, a := range declared {
		p.attributes[a.Type+"."+a.Name] = a
		if a.Type != "sub" && a.Type != "env" {
			p.types[a.Type] = true
		}
	}
	if p.schema, err = condition.NewSchema(declared); err != nil {
		return nil, fmt.Errorf("impact: %w", err)
	}
	p.readRules()
	p.readGrants()
	return p, nil
}

func (p *Policy) readRules() {
	rows, conditions := p.engine.Rules(), p.engine.Conditions()
	p.rules = make([]rule, len(rows))
	for i := range rows {
		r := &rows[i]
		t := targetOf(r.Object)
		p.rules[i] = rule{r, t, conditions[i]}
		in := p.scopes[r.Tenant]
		if in == nil {
			in = &scope{}
			p.scopes[r.Tenant] = in
		}
		in.of, in.list = p, append(in.list, int32(i))
		p.tenants[r.Tenant], p.actions[r.Action] = true, true
		p.subjects[r.Subject] = append(p.subjects[r.Subject], int32(i))
		if typ := t.typ(); typ != "" {
			p.types[typ] = true
		}
	}
}

func (p *Policy) readGrants() {
	p.grants = p.engine.Grants()
	p.held, p.granted = make([]held, len(p.grants)), make(map[at]span, len(p.grants))
	for from, to := 0, 0; from < len(p.grants); from = to {
		here := at{p.grants[from].Tenant, p.grants[from].Member}
		for to < len(p.grants) && p.grants[to].Member == here.name && p.grants[to].Tenant == here.tenant {
			g := &p.grants[to]
			if p.held[to] = (held{g.Role, periodOf(g)}); p.held[to].during != always && !slices.Contains(p.ends[g.Tenant], g.Member) {
				p.ends[g.Tenant] = append(p.ends[g.Tenant], g.Member)
			}
			to++
		}
		p.granted[here] = span{int32(from), int32(to)}
		if from == 0 || p.grants[from-1].Tenant != here.tenant {
			p.tenants[here.tenant] = true
		}
	}
}

// grantedTo returns the roles that a name has by rows of a tenant.
func (p *Policy) grantedTo(name at) []held {
	s := p.granted[name]
	return p.held[s.from:s.to]
}

// Engine returns what decides by the policy, at noon of 2000-01-01 (UTC) unless a request says
// another time.
func (p *Policy) Engine() *policy.Engine { return p.engine }

func noon() time.Time { return time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC) }
