package impact

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// state is how one policy decides for some callers about some objects, as far as conditions do
// not say: it allows where always, or where one of allow is true, unless one of deny is true or
// unknown. The zero state denies.
type state struct {
	always      bool
	allow, deny []int32 // numbers of conditions, sorted
}

func (s state) denies() bool { return !s.always && len(s.allow) == 0 }

func (s state) equal(t state) bool {
	return s.always == t.always && slices.Equal(s.allow, t.allow) && slices.Equal(s.deny, t.deny)
}

// guard is where one policy denies and the other allows.
type guard struct {
	denies, allows state
	wider          bool // whether the policy after allows
	open           bool // whether it holds wherever it may
}

func (g guard) key() string { return fmt.Sprint(g.denies, g.allows, g.wider, g.open) }

// conds returns the numbers of the conditions.
func (g guard) conds() []int32 {
	all := slices.Concat(g.allows.allow, g.allows.deny, g.denies.allow, g.denies.deny)
	slices.Sort(all)
	return slices.Compact(all)
}

func (g guard) holds(p *pair, at condition.Lookup, roles rolesOf) bool {
	return g.open || g.allows.holds(p, at, roles) && !g.denies.holds(p, at, roles)
}

func (s state) holds(p *pair, at condition.Lookup, roles rolesOf) bool {
	allowed := s.always
	for _, n := range s.allow {
		allowed = allowed || p.eval(n, at, roles) == condition.True
	}
	for _, n := range s.deny {
		allowed = allowed && p.eval(n, at, roles) == condition.False
	}
	return allowed
}

// text returns the guard as policies write conditions, "" for always.
func (g guard) text(p *pair) string {
	denies, allows := g.denies, g.allows
	without := func(list, other []int32) []int32 {
		return slices.DeleteFunc(slices.Clone(list), func(n int32) bool { return slices.Contains(other, n) })
	}
	// A request that the policy which allows does not deny, the other need not deny either.
	denies.deny = without(denies.deny, allows.deny)
	if len(denies.deny) == 0 {
		allows.allow = without(allows.allow, denies.allow)
	}
	var parts []string
	if text := p.anyText(allows.allow, !allows.always && len(allows.allow) > 0 && (len(allows.deny) > 0 || !denies.denies())); text != "" && !allows.always {
		parts = append(parts, text)
	}
	for _, n := range allows.deny {
		parts = append(parts, "!("+p.conds[n].text+")")
	}
	if !denies.denies() {
		parts = append(parts, p.notText(denies)...)
	}
	return strings.Join(parts, " && ")
}

// notText returns what it takes that a state denies.
func (p *pair) notText(s state) []string {
	if len(s.deny) == 0 {
		var parts []string
		for _, n := range s.allow {
			parts = append(parts, "not "+p.wrapped(n))
		}
		return parts
	}
	denied := p.anyText(s.deny, false)
	if s.always {
		return []string{p.anyText(s.deny, true)}
	}
	return []string{"(not (" + p.anyText(s.allow, false) + ") || " + denied + ")"}
}

func (p *pair) wrapped(n int32) string {
	return "(" + p.conds[n].text + ")"
}

// anyText returns that one of some conditions holds, in parentheses where it stands within &&.
func (p *pair) anyText(list []int32, within bool) string {
	var parts []string
	for _, n := range list {
		text := p.conds[n].text
		if len(list) > 1 && p.conds[n].wrap {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	text := strings.Join(parts, " || ")
	if within && (len(list) > 1 || len(list) == 1 && p.conds[list[0]].expr.Op() == condition.OpOr) {
		text = "(" + text + ")"
	}
	return text
}
