package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/reevehq/reeve/internal/lookup"
	"github.com/reevehq/reeve/internal/policycsv"
	"github.com/reevehq/reeve/tenant"
)

// maxDepth is how many g rows Casbin follows from a caller to a role. It says no beyond,
// without a word, so a longer chain is refused.
const maxDepth = 10

// link is one g row: a member of a role, in one tenant or in all. Links are sorted by place,
// then by member, then as the files have them.
type link struct {
	domain       uint32 // the tenant's number, 0 for all
	member, role uint32
	file         uint32 // of the snapshot's files
	line, col    uint32
	times        uint32 // of the snapshot's periods: 0 is always
}

// sortedLinks returns links by domain, then by member, then as they are.
func sortedLinks(links []link) []link {
	type key struct {
		at uint64
		i  int
	}
	keys := make([]key, len(links))
	for i := range links {
		keys[i] = key{uint64(links[i].domain)<<32 | uint64(links[i].member), i}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.at != b.at {
			return cmp.Compare(a.at, b.at)
		}
		return cmp.Compare(a.i, b.i)
	})
	sorted := make([]link, len(links))
	for to, k := range keys {
		sorted[to] = links[k.i]
	}
	return sorted
}

// edgesOf returns links as closures are computed of them.
func edgesOf(links []link) []lookup.Edge {
	edges := make([]lookup.Edge, len(links))
	for i, l := range links {
		edges[i] = lookup.Edge{Domain: l.domain, Name: l.member, Role: l.role}
	}
	return edges
}

// readGrant reads a g row, with times or without; only is as in readRule.
func (l *loader) readGrant(file string, only tenant.ID, r *policycsv.Line) {
	before := len(l.p.list)
	for i := 1; i < len(r.Fields); i++ {
		if at, why := grantFault(r.Fields, i, only); why != "" {
			l.p.add(grantCodes[i], file, r.Number, r.Column(r.Fields[i], at), "%s", why)
		}
	}
	if len(l.p.list) == before && l.ceiling != nil && !only.IsZero() {
		if why := l.ceiling.roleAbove(only, r.Fields[2].Text); why != "" {
			l.p.add(CodeCeilingAbove, file, r.Number, r.Fields[2].Col, "%s", why)
		}
	}
	if len(l.p.list) == before {
		l.distinct(CodeGrantTenant, file, r, 3)
	}
	if len(l.p.list) > before {
		return
	}
	member, role := r.Fields[1].Text, r.Fields[2].Text
	times := uint32(0)
	if len(r.Fields) == len(timedGrantValues) {
		if p := periodOf(r.Fields[4].Text, r.Fields[5].Text); p != always {
			l.periods = append(l.periods, p)
			times = uint32(len(l.periods) - 1)
		}
	}
	l.links = append(l.links, link{
		domain: l.names.addTenant(r.Fields[3].Text), member: l.names.addName(member), role: l.names.addName(role),
		file: uint32(len(l.files) - 1), line: uint32(r.Number), col: uint32(r.Fields[1].Col), times: times,
	})
}

// grantHint is nameHint for a g row, in which no name stands for everybody and a user is no role.
func grantHint(s, why string, role bool) (at int, better string) {
	at, better = nameHint(s, why)
	if strings.Contains(better, anyone) || strings.Contains(better, authenticated) {
		return at, why + ": no grant is for everybody: write p rows for role:anyone or role:authenticated"
	}
	if role {
		better, _, _ = strings.Cut(better, " or user:")
	}
	return at, better
}

// grantFault is ruleFault for a g row.
func grantFault(f []policycsv.Field, i int, only tenant.ID) (at int, why string) {
	text := f[i].Text
	switch i {
	case 1, 2:
		if why = checkName(text); why != "" {
			return grantHint(text, why, i == 2)
		}
		if i == 2 && strings.HasPrefix(text, "user:") {
			return 0, "a user is not a role: write role:…"
		}
		if text == anyone || text == authenticated {
			return 0, quote(text) + " is built in: it stands in p rows only"
		}
	case 3:
		if why = checkTenant(text, only); why != "" {
			return tenantHint(text, why)
		}
	case 4, 5:
		return 0, timeFault(text)
	}
	return 0, ""
}
