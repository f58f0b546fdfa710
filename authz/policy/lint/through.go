package lint

import (
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// maxThrough is how many allow rules are looked through for deny rules that hit other roles.
const maxThrough = 1 << 18

// lookAtThrough finds deny rules for a role that is not allowed what they deny, while roles that have it are:
// "viewers delete nothing" takes it from admins, who are viewers.
func (l *linter) lookAtThrough() {
	having := map[string]map[string]bool{} // the roles that have a role, near or far
	for _, g := range l.grants {
		if !strings.HasPrefix(g.member, "role:") {
			continue
		}
		for _, role := range append([]string{g.role}, l.rolesOf(g.role, g.dom)...) {
			if having[role] == nil {
				having[role] = map[string]bool{}
			}
			having[role][g.member] = true
		}
	}
	if len(having) == 0 {
		return
	}
	about := map[string][]*ruleRow{} // allow rules
	for _, r := range l.allowed.rules {
		about[r.about()] = append(about[r.about()], r)
	}
	looked := 0
	for _, r := range l.rules {
		if r.allow || r.sub == anyone || r.sub == authenticated || len(having[r.sub]) == 0 || r.target.isAll() {
			continue
		}
		own := l.subjects(r.sub, r.dom)
		knows, reached := false, map[string]bool{}
		for _, s := range about[r.about()] {
			if looked++; looked > maxThrough {
				return
			}
			if slices.Contains(own, s.sub) {
				knows = knows || s.sub == r.sub
				if l.meets(r, s) {
					reached = nil
					break
				}
			} else if having[r.sub][s.sub] && l.meets(r, s) {
				reached[s.sub] = true
			}
		}
		if knows && len(reached) > 0 {
			l.at("RV151", policy.SeverityNote, &r.row, atSubject, "delete the rule, or write role:authenticated where everybody is meant",
				"%s is not allowed this anyway, so that the rule takes it from roles that have %s alone: %s", r.sub, r.sub, listOf(reached))
		}
	}
}

// meets reports whether two rules have a request in common, whoever asks.
func (l *linter) meets(r, s *ruleRow) bool {
	return meet(r.act, s.act) && meet(r.dom, s.dom) && (r.target.covers(s.target) || s.target.covers(r.target))
}

// lookAtGrants finds g rows that give what another one gives.
func (l *linter) lookAtGrants() {
	by := map[string][]*grantRow{}
	for _, g := range l.grants {
		if g.start.IsZero() && g.end.IsZero() {
			by[g.member] = append(by[g.member], g)
		}
	}
	for _, g := range l.grants {
		if len(by[g.member]) > maxBeside {
			continue
		}
		for _, o := range by[g.member] {
			if o == g || !within(g.dom, o.dom) || o.role != g.role && !slices.Contains(l.rolesOf(o.role, g.dom), g.role) {
				continue
			}
			l.at("RV109", policy.SeverityNote, &g.row, -1, "delete it, or delete the other where it is too much", "the row changes nothing: by %s %s has %s already: %s", o.position(), g.member, g.role, strings.TrimLeft(o.line.Text, " \t"))
			break
		}
	}
}
