package policy

import (
	"slices"
	"strings"
)

// rolesOf returns what r.sub.roles is: the roles that the caller has in the tenant, near and far,
// sorted and each once. Roles of the session that the policy does not mention are among them,
// since an object may.
func (s *snapshot) rolesOf(r *Request, q *query) []string {
	if r.Subject.ID == "" {
		return nil
	}
	var room [64]uint32
	var roles []string
	for _, id := range s.caller(room[:0], r, q) {
		if id == s.names.anyone || id == s.names.authenticated || s.names.isUser(id) {
			continue
		}
		roles = append(roles, strings.TrimPrefix(s.names.name(id), "role:"))
	}
	if r.Subject.Roles != nil {
		for i := range r.Subject.Roles.Len() {
			roles = append(roles, r.Subject.Roles.At(i))
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}
