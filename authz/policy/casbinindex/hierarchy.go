package casbinindex

import (
	"fmt"
	"slices"

	"github.com/casbin/casbin/v2/constant"
	"github.com/casbin/casbin/v2/model"

	"github.com/reevehq/reeve/internal/hint"
)

// roleAt is a name in a domain.
type roleAt struct{ domain, name string }

func (r roleAt) String() string {
	if r.domain == "" {
		return hint.Quote(r.name)
	}
	return hint.Quote(r.name) + " in " + hint.Quote(r.domain)
}

// sortBySubject orders the rules of a model whose effect is subjectPriority, as Casbin does: those
// of whom a role is granted to stand before those of the role. How far a name is from a root
// is counted along the longest way. Casbin agrees where there is one root; with several it
// takes the root that a map happens to yield last, with a cycle it does not end, and neither
// does it in any useful time where many ways lead to a name.
func sortBySubject(m model.Model) error {
	if m["e"]["e"].Value != constant.SubjectPriorityEffect {
		return nil
	}
	g := m["g"]["g"]
	if g == nil {
		return fmt.Errorf("%w: e: subjectPriority needs the roles of g: define g under [role_definition]", ErrInvalid)
	}
	levels, err := subjectLevels(g.Policy)
	if err != nil {
		return err
	}
	for key, a := range m["p"] {
		domain := slices.Index(a.Tokens, key+"_"+constant.DomainIndex)
		level := func(rule []string) int {
			at := roleAt{name: rule[0]}
			if domain >= 0 {
				at.domain = rule[domain]
			}
			return levels[at]
		}
		slices.SortStableFunc(a.Policy, func(x, y []string) int { return level(y) - level(x) })
	}
	return nil
}

// subjectLevels counts how many links each name is away from a name that has no role, at most.
func subjectLevels(rows [][]string) (map[roleAt]int, error) {
	members := map[roleAt][]roleAt{}
	roles := map[roleAt]int{} // how many links of a name are not followed yet
	var all []roleAt
	for _, row := range rows {
		if len(row) < 2 {
			return nil, fmt.Errorf("%w: g: a row of %d values, 2 are needed", ErrInvalid, len(row))
		}
		domain := ""
		if len(row) > 2 {
			domain = row[2]
		}
		member, role := roleAt{domain, row[0]}, roleAt{domain, row[1]}
		for _, r := range []roleAt{member, role} {
			if _, known := roles[r]; !known {
				roles[r] = 0
				all = append(all, r)
			}
		}
		members[role] = append(members[role], member)
		roles[member]++
	}
	levels := make(map[roleAt]int, len(all))
	var ready []roleAt
	for _, r := range all {
		if roles[r] == 0 {
			ready = append(ready, r)
		}
	}
	for n := 0; n < len(ready); n++ {
		for _, member := range members[ready[n]] {
			levels[member] = max(levels[member], levels[ready[n]]+1)
			if roles[member]--; roles[member] == 0 {
				ready = append(ready, member)
			}
		}
	}
	if len(ready) < len(all) {
		for _, r := range all {
			if roles[r] > 0 && reaches(members, r) {
				return nil, fmt.Errorf("%w: g: the role %s is granted to itself: with subjectPriority roles form no cycle", ErrInvalid, r)
			}
		}
	}
	return levels, nil
}

// reaches reports whether a name is its own member, near or far.
func reaches(members map[roleAt][]roleAt, from roleAt) bool {
	seen := map[roleAt]bool{}
	list := slices.Clone(members[from])
	for n := 0; n < len(list); n++ {
		if list[n] == from {
			return true
		}
		if !seen[list[n]] {
			seen[list[n]] = true
			list = append(list, members[list[n]]...)
		}
	}
	return false
}
