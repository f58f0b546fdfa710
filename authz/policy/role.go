package policy

import (
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// maxDepth is how many g rows Casbin follows from a caller to a role. It says no beyond,
// without a word, so a longer chain is refused.
const maxDepth = 10

// link is one g row: who has the role, in one tenant or in all. Links are sorted by place,
// then by who, then as the files have them.
type link struct {
	place     uint32 // the tenant's number, 0 for all
	who, role uint32
	file      uint32 // of the snapshot's files
	line, col uint32
}

// readGrant reads a g row; only is as in readRule.
func (l *loader) readGrant(file string, only tenant.ID, r row) {
	if len(r.fields) != 4 {
		l.p.add(file, r.line, 1, "%d values, 4 are needed: g, who, role, tenant", len(r.fields))
		return
	}
	before := len(l.p.list)
	bad := func(i int, why string) {
		if why != "" {
			l.p.add(file, r.line, r.fields[i].col, "%s", why)
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
	if len(l.p.list) > before {
		return
	}
	l.links = append(l.links, link{
		place: l.names.addTenant(r.fields[3].text), who: l.names.addWho(who), role: l.names.addWho(role),
		file: uint32(len(l.files) - 1), line: uint32(r.line), col: uint32(r.fields[1].col),
	})
}
