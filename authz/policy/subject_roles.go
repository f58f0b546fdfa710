package policy

import "slices"

// tellRoles gives a request what r.sub.roles is, unless it has it.
func (s *snapshot) tellRoles(r *Request, q *query) {
	if r.roles == nil {
		roles := s.rolesOf(r, q)
		r.roles = &roles
	}
}

// rolesOf returns what r.sub.roles is: the roles that the caller has in the tenant, near and far,
// sorted and each once. Roles of the session that the policy does not mention are among them,
// since an object may.
func (s *snapshot) rolesOf(r *Request, q *query) []string {
	if r.Subject.ID == "" {
		return nil
	}
	var room [64]uint32
	names, own := s.caller(room[:0], r, q), 0
	if r.Subject.Roles != nil {
		own = r.Subject.Roles.Len()
	}
	roles := make([]string, 0, len(names)+own)
	for _, id := range names {
		if id == s.names.anyone || id == s.names.authenticated || s.names.isUser(id) {
			continue
		}
		roles = append(roles, s.names.roles.Text(id))
	}
	for i := range own {
		roles = append(roles, r.Subject.Roles.At(i))
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}
