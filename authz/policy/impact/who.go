package impact

import (
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// Callers says who a [Who] is about at all.
type Callers uint8

// The callers. Those who are signed in have a session.
const (
	Everyone Callers = iota + 1
	SignedIn
	Anonymous
)

// A Who stands for callers by the names that they have: the user, the roles of the session, and the
// roles that follow from both by the g rows without times that both policies have. A role of a row
// with times is a condition.
type Who struct {
	Callers Callers
	Any     [][]string // of each list at least one
	None    []string   // none of these

	exact *policy.Subject // the one session that is meant, nil for each that fits
}

// String says it in words: "role:editor or role:author, unless role:guest".
func (w Who) String() string {
	text := map[Callers]string{Everyone: "everyone", SignedIn: "everyone signed in", Anonymous: "anonymous callers"}[w.Callers]
	for i, names := range w.Any {
		list := strings.Join(names, " or ")
		switch {
		case i == 0:
			text = list
		case len(w.Any[0]) > 1 || len(names) > 1:
			text += "; and " + list
		default:
			text += " and " + list
		}
	}
	if len(w.None) > 0 {
		text += ", without " + strings.Join(w.None, ", ")
	}
	return text
}

// names reports whether callers who have the names are some of them.
func (w Who) has(anonymous bool, names []string) bool {
	if anonymous && w.Callers == SignedIn || !anonymous && w.Callers == Anonymous {
		return false
	}
	for _, list := range w.Any {
		if !slices.ContainsFunc(list, func(n string) bool { return slices.Contains(names, n) }) {
			return false
		}
	}
	return !slices.ContainsFunc(w.None, func(n string) bool { return slices.Contains(names, n) })
}

// names returns the names that a caller has in a tenant by the rows of both policies.
func (p *pair) names(s policy.Subject, tenant string) []string {
	if s.ID == "" {
		return nil
	}
	names := p.closure(tenant, "user:"+s.ID, both)
	if s.Roles != nil {
		for i := range s.Roles.Len() {
			for _, n := range p.closure(tenant, "role:"+s.Roles.At(i), both) {
				if !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
		}
	}
	return names
}

// session returns the roles with which the user of an id is one of w, and whether they can be.
// The user of no id is anonymous.
func (p *pair) session(w Who, id, tenant string) (roles policy.RoleNames, ok bool) {
	if id == "" {
		return nil, w.Callers != SignedIn && len(w.Any) == 0
	}
	if w.Callers == Anonymous {
		return nil, false
	}
	barred := func(names []string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(w.None, n) })
	}
	names := p.closure(tenant, "user:"+id, both)
	if barred(names) {
		return nil, false
	}
	for _, list := range w.Any {
		if slices.ContainsFunc(list, func(n string) bool { return slices.Contains(names, n) }) {
			continue
		}
		found := false
		for _, n := range list {
			role, is := strings.CutPrefix(n, "role:")
			if !is {
				continue
			}
			if more := p.closure(tenant, n, both); !barred(more) {
				roles, names, found = append(roles, role), append(names, more...), true
				break
			}
		}
		if !found {
			return nil, false
		}
	}
	return roles, true
}
