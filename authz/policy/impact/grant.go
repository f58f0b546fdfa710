package impact

import (
	"cmp"
	"slices"
)

// Grant is a g row: in a tenant, or in all, who has a role.
type Grant struct {
	Who, Role string // "user:alice" or "role:editor", "role:viewer"
	Tenant    string // * is all
}

// Grants returns the g rows, sorted and each once.
func (p *Policy) Grants() []Grant {
	var list []Grant
	for _, g := range p.grants {
		list = append(list, Grant{Who: g.who, Role: g.role, Tenant: g.tenant})
	}
	slices.SortFunc(list, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Who, b.Who), cmp.Compare(a.Role, b.Role))
	})
	return slices.Compact(list)
}
