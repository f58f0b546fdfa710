package policy

import "time"

// Grant is one g row of a policy: a member has a role in a tenant.
type Grant struct {
	Member string // "user:alice", "role:admin"
	Role   string // "role:editor"
	Tenant string // a tenant's id, or "*" for all

	// Start and End are when the row holds: after the one and before the other. Zero is none.
	Start, End time.Time

	File string
	Line int
}

// Grants returns every g row, those for all tenants first. The slice is the caller's.
func (e *Engine) Grants() []Grant {
	s := e.snapshot()
	if s == nil {
		return nil
	}
	grants, name := make([]Grant, len(s.links)), s.names.texts()
	for i, l := range s.links {
		p := s.periods[l.times]
		grants[i] = Grant{
			Member: name(l.member), Role: name(l.role), Tenant: orEverything(s.names.tenants, l.domain),
			Start: p.start(), End: p.end(), File: s.files[l.file], Line: int(l.line),
		}
	}
	return grants
}
