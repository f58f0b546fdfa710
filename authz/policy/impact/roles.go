package impact

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/ascii"
)

// r.sub.roles is no value of the request: it follows from the caller, the tenant, the g rows of a
// policy and, where these have times, from when the request is decided. So a condition that asks
// for it is another one by the g rows of each policy, wherever these differ.

func isRoles(a *condition.Attribute) bool {
	return a.Part() == condition.PartSubject && a.Name == condition.SubRoles
}

func asksRoles(e condition.Expr) bool {
	for a := range e.Attributes() {
		if isRoles(a) {
			return true
		}
	}
	return false
}

// of returns the policy of one side.
func (p *pair) of(in side) *Policy {
	if in == before {
		return p.old
	}
	return p.new
}

// rolesOf answers for r.sub.roles by the rows of a side.
type rolesOf func(side) (list []string, known bool)

// eval returns the value of a condition.
func (p *pair) eval(n int32, at condition.Lookup, roles rolesOf) condition.Truth {
	return p.evalPart(n, p.conds[n].expr, at, roles)
}

// evalPart returns the value of a part of a condition.
func (p *pair) evalPart(n int32, e condition.Expr, at condition.Lookup, roles rolesOf) condition.Truth {
	c := &p.conds[n]
	if !c.roles {
		return condition.Eval(e, at)
	}
	return condition.Eval(e, func(a *condition.Attribute) (condition.Value, []string) {
		if !isRoles(a) {
			return at(a)
		}
		list, known := roles(c.in)
		if !known {
			return condition.Value{}, nil
		}
		return condition.Strings(), list
	})
}

// rolesAt returns what r.sub.roles is of a caller in a tenant at a time, by the rows of a side.
func (p *pair) rolesAt(s policy.Subject, tenant string, in side, unix int64) []string {
	if s.ID == "" {
		return nil
	}
	of := p.of(in)
	names := namesOf(s)
	for i := 0; i < len(names); i++ {
		for _, dom := range domains(tenant) {
			for _, h := range of.grantedTo(at{dom, names[i]}) {
				if h.during.start < unix && unix < h.during.end && !slices.Contains(names, h.role) {
					names = append(names, h.role)
				}
			}
		}
	}
	var roles []string
	for _, n := range names[1:] {
		roles = append(roles, strings.TrimPrefix(n, "role:"))
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// namesOf returns the user of a session and its roles.
func namesOf(s policy.Subject) []string {
	names := []string{"user:" + s.ID}
	if s.Roles != nil {
		for i := range s.Roles.Len() {
			names = append(names, "role:"+s.Roles.At(i))
		}
	}
	return names
}

// domains returns the tenants whose rows count in a tenant; "" is one that no row names.
func domains(tenant string) []string {
	if tenant == "" || tenant == everything {
		return []string{everything}
	}
	return []string{everything, tenant}
}

// hasEnds reports whether rows with times count in a tenant.
func (p *pair) hasEnds(tenant string) bool {
	for _, of := range p.sides {
		for _, dom := range domains(tenant) {
			if of != nil && len(of.ends[dom]) > 0 {
				return true
			}
		}
	}
	return false
}

// moments returns when rows with times begin and end in a tenant.
func (p *pair) moments(tenant string) (list []float64) {
	for _, of := range p.sides {
		if of == nil {
			continue
		}
		for _, dom := range domains(tenant) {
			for _, name := range of.ends[dom] {
				for _, h := range of.grantedTo(at{dom, name}) {
					for _, unix := range [...]int64{h.during.start, h.during.end} {
						if unix != always.start && unix != always.end {
							list = append(list, float64(unix))
						}
					}
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// turnedAt reports whether g rows of a tenant differ.
func (p *pair) turnedAt(tenant string) bool {
	return len(p.turned[everything]) > 0 || tenant != "" && len(p.turned[tenant]) > 0
}

// membersOf returns the names with a row for a role, by tenant and role.
func (p *Policy) membersOf() map[at][]string {
	p.reverse.Do(func() {
		p.members = map[at][]string{}
		for _, g := range p.grants {
			here := at{g.Tenant, g.Role}
			p.members[here] = append(p.members[here], g.Member)
		}
	})
	return p.members
}

// maxRoles is of how many roles every set is tried as those of a session.
const maxRoles = 9

// maxCallers is how many users are tried whose g rows make a difference.
const maxCallers = 32

// callers is which sessions tell apart all that conditions say of r.sub.roles.
type callers struct {
	roles []string // without "role:", sorted
	users []string
	all   bool // whether they are all that there is to try
}

// callersFor returns the sessions for conditions that compare r.sub.roles with some texts, and with
// attributes if pairs: with
// each role that is one of them or has one of them by some g row, and one role of each list that
// callers have to have. A role that has none of them makes no difference.
func (p *pair) callersFor(w Who, tenant string, texts []string, pairs bool) callers {
	near := map[string]bool{} // names that have one of the texts as a role
	var todo []string
	add := func(name string) {
		if !near[name] {
			near[name] = true
			todo = append(todo, name)
		}
	}
	for _, s := range texts {
		if isRole(s) {
			add("role:" + s)
		}
	}
	special := map[string]bool{}
	for _, dom := range domains(tenant) {
		for _, name := range p.turned[dom] {
			special[name] = true
		}
		for _, of := range p.sides {
			if of != nil {
				for _, name := range of.ends[dom] {
					special[name] = true
				}
			}
		}
	}
	if pairs { // what somebody gains or loses may be what an attribute says
		for name := range special {
			for _, of := range p.sides {
				if of == nil {
					continue
				}
				names := []string{name}
				for i := 0; i < len(names); i++ {
					for _, dom := range domains(tenant) {
						for _, h := range of.grantedTo(at{dom, names[i]}) {
							if !slices.Contains(names, h.role) {
								names = append(names, h.role)
								add(h.role)
							}
						}
					}
				}
			}
		}
	}
	c := callers{all: true}
	for i := 0; i < len(todo); i++ {
		for _, of := range p.sides {
			if of == nil {
				continue
			}
			for _, dom := range domains(tenant) {
				for _, name := range of.membersOf()[at{dom, todo[i]}] {
					if strings.HasPrefix(name, "role:") {
						add(name)
					}
				}
			}
		}
	}
	for _, list := range w.Any {
		one := false
		for _, n := range list {
			switch {
			case near[n] || !strings.HasPrefix(n, "role:"):
			case one || slices.ContainsFunc(p.closure(tenant, n, both), func(n string) bool { return slices.Contains(w.None, n) }):
				continue
			default:
				one = true
			}
			if strings.HasPrefix(n, "role:") {
				near[n] = true
			}
		}
	}
	for _, n := range slices.Sorted(maps.Keys(near)) {
		c.roles = append(c.roles, strings.TrimPrefix(n, "role:"))
	}
	for _, n := range slices.Sorted(maps.Keys(special)) {
		id, is := strings.CutPrefix(n, "user:")
		if !is {
			continue
		}
		if len(c.users) == maxCallers {
			c.all = false
			break
		}
		c.users = append(c.users, id)
	}
	return c
}

// sets returns the sets of roles that are tried, the smallest first.
func (c *callers) sets() (list []policy.RoleNames) {
	n := len(c.roles)
	if n <= maxRoles {
		for mask := range 1 << n {
			var set policy.RoleNames
			for i, r := range c.roles {
				if mask>>i&1 != 0 {
					set = append(set, r)
				}
			}
			list = append(list, set)
		}
		slices.SortStableFunc(list, func(a, b policy.RoleNames) int { return cmp.Compare(len(a), len(b)) })
		return list
	}
	c.all = false
	list = append(list, nil)
	for i := range c.roles {
		list = append(list, policy.RoleNames{c.roles[i]})
	}
	for i := range min(n, 4*maxRoles) {
		for j := range i {
			list = append(list, policy.RoleNames{c.roles[j], c.roles[i]})
		}
	}
	for i := range c.roles {
		list = append(list, slices.Concat(c.roles[:i], c.roles[i+1:]))
	}
	return append(list, slices.Clone(c.roles))
}

// isRole reports whether a session may have a role of the name.
func isRole(name string) bool {
	return name != "" && len(name) <= 128 && ascii.All(name, func(b byte) bool {
		return ascii.IsLower(b) || ascii.IsUpper(b) || ascii.IsDigit(b) || b == '.' || b == '_' || b == '-'
	})
}
