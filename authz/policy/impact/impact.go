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
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/policycsv"
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
	grants     []grant
	attributes map[string]condition.Attribute // by type and name
}

// rule is a p row.
type rule struct {
	policy.Rule
	target target
	expr   condition.Expr
}

// grant is a g row.
type grant struct{ who, role, tenant string }

// New loads a policy. The error is that of [policy.LoadBundle].
func New(b *policy.Bundle) (*Policy, error) {
	engine, err := policy.LoadBundle(b, policy.Options{Clock: noon})
	if err != nil {
		return nil, err
	}
	p := &Policy{engine: engine, attributes: map[string]condition.Attribute{}}
	declared := engine.Attributes()
	for _, a := range declared {
		p.attributes[a.Type+"."+a.Name] = a
	}
	schema, err := condition.NewSchema(declared)
	if err != nil {
		return nil, fmt.Errorf("impact: %w", err)
	}
	conditions := condition.NewCompiler(schema)
	rows := engine.Rules()
	p.rules = make([]rule, len(rows))
	numbers := make([]uint32, len(rows))
	for i, r := range rows {
		t := targetOf(r.Object)
		id, bad := conditions.Compile(r.Condition, t.typ())
		if bad != nil {
			return nil, fmt.Errorf("impact: %s:%d: %w", r.File, r.Line, bad)
		}
		numbers[i], p.rules[i] = id, rule{Rule: r, target: t}
	}
	exprs := conditions.Exprs()
	for i := range p.rules {
		p.rules[i].expr = exprs[numbers[i]]
	}
	for _, name := range b.Files() {
		if name == policy.ModelFile || name == policy.AttributesFile {
			continue
		}
		content, _ := b.Content(name)
		if !strings.Contains(content, "g") {
			continue
		}
		for _, line := range policycsv.Parse(content).Lines() {
			if f := line.Fields; line.Kind == policycsv.Row && len(f) == 4 && f[0].Text == "g" {
				p.grants = append(p.grants, grant{f[1].Text, f[2].Text, f[3].Text})
			}
		}
	}
	return p, nil
}

// Engine returns what decides by the policy, at noon of 2000-01-01 (UTC) unless a request says
// another time.
func (p *Policy) Engine() *policy.Engine { return p.engine }

func noon() time.Time { return time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC) }
