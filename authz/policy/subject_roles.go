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
// each once. Roles of the session that the policy does not mention are among them, since an object
// may. Roles that the policy mentions are told apart by their numbers, which is faster than by their
// names.
func (s *snapshot) rolesOf(r *Request, q *query) []string {
	if r.Subject.ID == "" {
		return nil
	}
	var room [64]uint32
	names, own := s.caller(room[:0], r, q), 0
	if r.Subject.Roles != nil {
		own = r.Subject.Roles.Len()
	}
	slices.Sort(names)
	names = slices.Compact(names)
	roles := make([]string, 0, len(names)+own)
	for _, id := range names {
		if !s.isEverybody(id) && !s.names.isUser(id) {
			roles = append(roles, s.names.roles.Text(id))
		}
	}
	known := len(roles)
	for i := range own {
		name := r.Subject.Roles.At(i)
		if id := s.names.roles.Find(name); id == 0 || s.isEverybody(id) {
			roles = append(roles, name)
		}
	}
	slices.Sort(roles[known:])
	return slices.Compact(roles)
}

// isEverybody reports whether a number is that of role:anyone or role:authenticated.
func (s *snapshot) isEverybody(id uint32) bool {
	return id == s.names.anyone || id == s.names.authenticated
}
