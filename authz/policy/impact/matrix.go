package impact

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// Matrix says what each role is allowed of all that rules are about.
type Matrix struct {
	Roles   []string // "anonymous", "role:authenticated" and those that rows name, sorted
	Columns []Column
	Access  [][]Access // by column, then by role
}

// Column is an object and an action as rules write them. Of a pattern it is about what no narrower
// rule is about, and of * as an action about those that no rule names.
type Column struct{ Object, Action string }

// Access is the permission of a role.
type Access struct {
	Effect    policy.Effect
	Condition string // under which it is allowed; "" for always, and for never
}

// String returns "allow", "deny" or "if" and the condition.
func (a Access) String() string {
	if a.Condition != "" {
		return "if " + a.Condition
	}
	return a.Effect.String()
}

// Matrix returns who may do what in a tenant, by the roles of a session alone; "" is a tenant that no
// row names. Conditions are not weighed.
func (p *Policy) Matrix(tenant string) (Matrix, error) {
	if err := (Question{Tenant: tenant}).validate(); err != nil {
		return Matrix{}, fmt.Errorf("%w", err)
	}
	pair := newPair(nil, p)
	names := map[string]bool{authenticated: true}
	columns := map[Column]target{}
	for i := range p.rules {
		r := &p.rules[i]
		if r.Tenant != everything && r.Tenant != tenant {
			continue
		}
		columns[Column{r.Object, r.Action}] = r.target
		if strings.HasPrefix(r.Subject, "role:") && r.Subject != anyone {
			names[r.Subject] = true
		}
	}
	for _, g := range p.grants {
		if g.Tenant == everything || g.Tenant == tenant {
			names[g.Role] = true
			if strings.HasPrefix(g.Member, "role:") {
				names[g.Member] = true
			}
		}
	}
	delete(names, authenticated)
	m := Matrix{Roles: append([]string{"anonymous", authenticated}, slices.Sorted(maps.Keys(names))...)}
	m.Columns = slices.SortedFunc(maps.Keys(columns), func(a, b Column) int {
		return cmp.Or(cmp.Compare(isTyped(a), isTyped(b)), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Action, b.Action))
	})
	known, ends := make([]map[string]bool, len(m.Roles)), make([]map[string][]period, len(m.Roles))
	for i, role := range m.Roles {
		known[i] = map[string]bool{anyone: true}
		if i > 0 {
			known[i][authenticated] = true
		}
		if i > 1 {
			for _, n := range pair.closure(tenant, role, both) {
				known[i][n] = true
			}
			ends[i], _ = pair.paths(tenant, role, after)
		}
	}
	m.Access = make([][]Access, len(m.Columns))
	for i, c := range m.Columns {
		var rules []pairRule
		for t := range columns[c].above {
			for _, r := range pair.rulesAt(nil, tenant, t) {
				if r.act == everything || r.act == c.Action {
					rules = append(rules, r)
				}
			}
		}
		m.Access[i] = make([]Access, len(m.Roles))
		for j := range m.Roles {
			m.Access[i][j] = pair.access(pair.rulesFor(rules, known[j], ends[j]))
		}
	}
	return m, nil
}

func isTyped(c Column) int {
	if c.Object[0] == '/' || strings.HasPrefix(c.Object, "route:/") {
		return 0
	}
	return 1
}

// rulesFor returns the rules that are for a caller who has some names, and some roles for a time:
// a rule for one of these asks for the time.
func (p *pair) rulesFor(rules []pairRule, names map[string]bool, ends map[string][]period) (own []pairRule) {
	for _, r := range rules {
		if names[r.sub] {
			own = append(own, r)
			continue
		}
		for _, during := range ends[r.sub] {
			cond, ok := p.during(r.cond, during)
			if !ok && !r.deny {
				continue
			}
			timed := r
			timed.cond = cond
			own = append(own, timed)
		}
	}
	return own
}

// access returns what some rules let a caller do.
func (p *pair) access(rules []pairRule) Access {
	var s state
	for _, r := range rules {
		switch {
		case r.deny && r.cond == 0:
			return Access{}
		case r.deny:
			s.deny = append(s.deny, r.cond)
		case r.cond == 0:
			s.always = true
		default:
			s.allow = append(s.allow, r.cond)
		}
	}
	s = s.normal(false)
	s.allow, s.deny = slices.Compact(s.allow), slices.Compact(s.deny)
	if s.denies() {
		return Access{}
	}
	return Access{policy.Allow, guard{allows: s}.text(p)}
}
