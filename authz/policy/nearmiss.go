package policy

import (
	"slices"
	"strings"

	"github.com/reevehq/reeve/internal/lookup"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/hint"
)

// How far a clause that fails puts a rule away: the condition least, since the rule is
// meant for this caller, action and object; the tenant most.
const (
	farCondition = 1 << iota
	farSubject
	farAction
	farObject
	farTenant
)

// nearMisses returns the allow rules that came nearest, best first and then in the order of the
// files. A rule that fails in more than two ways besides its condition is about something
// else, and so is one for another object that fails in anything more.
func (s *snapshot) nearMisses(r *Request, w *rolePaths) []NearMiss {
	var near [MaxNearMisses]struct{ far, rule int }
	n := 0
	for i := range s.rules {
		far := s.far(i, r, w)
		if far == 0 {
			continue
		}
		at := n
		for at > 0 && near[at-1].far > far {
			at--
		}
		if at == len(near) {
			continue
		}
		n = min(n+1, len(near))
		copy(near[at+1:], near[at:])
		near[at].far, near[at].rule = far, i
	}
	var misses []NearMiss
	for _, m := range near[:n] {
		misses = append(misses, s.nearMiss(m.rule, m.far, r, w))
	}
	return misses
}

// far returns the clauses in which an allow rule fails, as the sum of their distances, or 0
// for a rule that is no near miss.
func (s *snapshot) far(i int, q *Request, w *rolePaths) (far int) {
	r := &s.rules[i]
	action := s.names.words.Text(r.action)
	if s.reasons[i].Effect != Allow || r.action != 0 && validMethod(action) != (q.Object.Route != "") {
		return 0 // a word is no action on a route, nor a method one on a type
	}
	failed := 0
	fail := func(holds bool, distance int) {
		if !holds {
			far |= distance
			failed++
		}
	}
	tooFar := func() bool { return failed > 2 || failed > 1 && far&farObject != 0 }
	fail(r.tenant == 0 || s.names.tenants.Text(r.tenant) == q.Tenant.String(), farTenant)
	fail(r.action == 0 || action == string(q.Action), farAction)
	fail(s.covers(r, &q.Object), farObject)
	if tooFar() || far&farTenant != 0 && s.reasons[i].File != PolicyFile {
		return 0
	}
	fail(w.has[r.subject], farSubject)
	if tooFar() {
		return 0
	}
	// A condition about another object means nothing.
	if far&farObject == 0 && r.when != 0 && condition.Eval(s.conditions[r.when], q.values()) != condition.True {
		far |= farCondition
	}
	return far
}

// covers reports whether a rule's target covers the object; see lookup.shapes.
func (s *snapshot) covers(r *rule, o *Object) bool {
	name, rest := o.ID, s.names.objects.Text(r.rest)
	if o.Route != "" {
		name = o.Route
	}
	switch {
	case r.shape == coversAll:
		return true
	case s.names.words.Text(r.typ) != o.Type:
		return false
	case r.shape == coversType:
		return true
	case r.shape == coversOne:
		return rest == name && name != ""
	}
	return strings.HasPrefix(name, rest) && name != ""
}

func (s *snapshot) nearMiss(i, far int, q *Request, w *rolePaths) NearMiss {
	r := s.rule(i, s.names.name)
	m := NearMiss{Reason: s.reasons[i], Path: w.to(r.Subject)}
	for _, c := range []struct {
		far        int
		clause     Clause
		wants, has string
	}{
		{farTenant, ClauseTenant, r.Tenant, q.Tenant.String()},
		{farAction, ClauseAction, r.Action, string(q.Action)},
		{farObject, ClauseObject, r.Object, q.Object.name()},
		{farSubject, ClauseSubject, r.Subject, q.Subject.name()},
		{farCondition, ClauseCondition, r.Condition, ""},
	} {
		if far&c.far == 0 {
			continue
		}
		if len(m.Failed) == 0 {
			m.Wants, m.Has = c.wants, c.has
		}
		m.Failed = append(m.Failed, c.clause)
	}
	if far&farCondition != 0 {
		m.Condition = partOf(s.conditions[s.rules[i].when], q)
	}
	return m
}

// unruled says that no rule has the action, when that is so; see [Explanation.Unruled]. Actions
// that stand in other tenants' own files alone are not named.
func (s *snapshot) unruled(r *Request) string {
	if r.Object.Route != "" || s.ruled.has(s.names.words, r.Action, r.Object.Type) {
		return ""
	}
	var others []string
	for i := range s.rules {
		q := &s.rules[i]
		ours := q.tenant == 0 || s.names.tenants.Text(q.tenant) == r.Tenant.String() || s.reasons[i].File == PolicyFile
		action := s.names.words.Text(q.action)
		if ours && s.names.words.Text(q.typ) == r.Object.Type && !slices.Contains(others, action) {
			others = append(others, action)
		}
	}
	text := "no rule about " + r.Object.Type + " has the action " + string(r.Action)
	if len(others) == 0 {
		return text
	}
	return text + ": those of " + r.Object.Type + " are " + hint.List(others)
}

// ruled are the pairs of a type and an action that some rule has, 0 for every one.
type ruled map[[2]uint32]struct{}

func newRuled(rules []rule) ruled {
	set := ruled{}
	for i := range rules {
		if r := &rules[i]; !r.isRoute() {
			set[[2]uint32{r.typ, r.action}] = struct{}{}
		}
	}
	return set
}

func (s ruled) has(words *lookup.Symbols, action Action, typ string) bool {
	t, a := words.Find(typ), words.Find(string(action))
	for _, pair := range [...][2]uint32{{t, a}, {t, 0}, {0, a}, {0, 0}} {
		if _, ok := s[pair]; ok {
			return true
		}
	}
	return false
}
