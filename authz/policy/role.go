package policy

import (
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// maxDepth is how many g rows Casbin follows from a caller to a role. It says no beyond,
// without a word, so a longer chain is refused.
const maxDepth = 10

// grant is one g row: who has the role, in one tenant or in all.
type grant struct {
	who, role string
	tenant    string
	file      string
	line, col int
}

// readGrant reads a g row; only is as in readRule.
func readGrant(file string, only tenant.ID, r row, p *problems) (grant, bool) {
	if len(r.fields) != 4 {
		p.add(file, r.line, 1, "%d values, 4 are needed: g, who, role, tenant", len(r.fields))
		return grant{}, false
	}
	before := len(p.list)
	bad := func(i int, why string) {
		if why != "" {
			p.add(file, r.line, r.fields[i].col, "%s", why)
		}
	}
	who, role := r.fields[1].text, r.fields[2].text
	bad(1, checkName(who))
	bad(2, checkName(role))
	if strings.HasPrefix(role, "user:") {
		bad(2, "a user is not a role: write role:…")
	}
	for i, name := range []string{who, role} {
		if name == anyone || name == authenticated {
			bad(i+1, quote(name)+" is built in: it stands in p rows only")
		}
	}
	bad(3, checkTenant(r.fields[3].text, only))
	return grant{who, role, r.fields[3].text, file, r.line, r.fields[1].col}, len(p.list) == before
}

// names numbers the users and roles that a policy mentions. Others have no number and
// need none: a decision stores nothing about them (casbin's g() remembers every subject).
type names struct {
	users, roles map[string]int32
}

// The numbers of the built-in roles.
const (
	anyoneID int32 = iota
	authenticatedID
)

func newNames() *names {
	n := &names{users: map[string]int32{}, roles: map[string]int32{}}
	n.id(anyone)
	n.id(authenticated)
	return n
}

// id returns the number of user:… or role:…, a new one when there is none.
func (n *names) id(s string) int32 {
	space, name, _ := strings.Cut(s, ":")
	m := n.roles
	if space == "user" {
		m = n.users
	}
	id, ok := m[name]
	if !ok {
		id = int32(len(n.users) + len(n.roles))
		m[name] = id
	}
	return id
}
