package impact

import (
	"cmp"
	"slices"
	"time"
)

// Grant is a g row: in a tenant, or in all, who has a role.
type Grant struct {
	Who, Role string // "user:alice" or "role:editor", "role:viewer"
	Tenant    string // * is all

	// Start and End are when the row begins and ends to hold, in UTC; zero for none.
	Start, End time.Time
}

// Covers reports whether a row gives all that another gives, whenever that does.
func (g Grant) Covers(o Grant) bool {
	return g.Who == o.Who && g.Role == o.Role && g.Tenant == o.Tenant &&
		(g.Start.IsZero() || !o.Start.IsZero() && !o.Start.Before(g.Start)) && (g.End.IsZero() || !o.End.IsZero() && !o.End.After(g.End))
}

// timeOf returns a moment of a period, zero for none.
func (p period) timeOf(unix int64) time.Time {
	if unix == always.start || unix == always.end {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

// Grants returns the g rows, sorted and each once.
func (p *Policy) Grants() []Grant {
	var list []Grant
	for _, g := range p.grants {
		list = append(list, Grant{Who: g.member, Role: g.role, Tenant: g.tenant, Start: g.during.timeOf(g.during.start), End: g.during.timeOf(g.during.end)})
	}
	slices.SortFunc(list, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Who, b.Who), cmp.Compare(a.Role, b.Role), a.Start.Compare(b.Start), a.End.Compare(b.End))
	})
	return slices.Compact(list)
}
