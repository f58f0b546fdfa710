package policy

import "strings"

// How far a clause that fails puts a rule away: the condition least, since the rule is
// meant for this caller, action and object; the tenant most.
const (
	farCondition = 1 << iota
	farSubject
	farAction
	farObject
	farTenant
)

// misses returns the allow rules that came nearest, best first and then in the order of the
// files. A rule that fails in more than two ways besides its condition is about something
// else, and so is one for another object that fails in anything more.
func (s *snapshot) misses(r *Request, w *ways) []Miss {
	var near [MaxMisses]struct{ far, rule int }
	n := 0
	for i := range s.rules {
		far := s.rules[i].far(r, w)
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
	var misses []Miss
	for _, m := range near[:n] {
		misses = append(misses, s.rules[m.rule].miss(m.far, r, w))
	}
	return misses
}

// far returns the clauses in which an allow rule fails, as the sum of their distances, or 0
// for a rule that is no near miss.
func (r *rule) far(q *Request, w *ways) (far int) {
	if r.Effect != Allow || r.Action != everything && validMethod(r.Action) != (q.Object.Route != "") {
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
	fail(r.Tenant == everything || r.Tenant == q.Tenant.String(), farTenant)
	fail(r.Action == everything || r.Action == string(q.Action), farAction)
	fail(r.target.covers(&q.Object), farObject)
	if tooFar() || far&farTenant != 0 && r.File != policyFile {
		return 0
	}
	_, known := w.step[r.Subject]
	fail(known, farSubject)
	if tooFar() {
		return 0
	}
	// What a condition says of another object means nothing.
	if far&farObject == 0 && r.when != nil && r.when.eval(q) != yes {
		far |= farCondition
	}
	return far
}

// covers reports whether the target covers the object; see targets.find.
func (t *target) covers(o *Object) bool {
	name := o.ID
	if o.Route != "" {
		name = o.Route
	}
	switch {
	case t.shape == coversAll:
		return true
	case t.typ != o.Type:
		return false
	case t.shape == coversType:
		return true
	case t.shape == coversOne:
		return t.rest == name && name != ""
	}
	return strings.HasPrefix(name, t.rest) && name != ""
}

func (r *rule) miss(far int, q *Request, w *ways) Miss {
	m := Miss{Reason: r.reasons[0], Path: w.to(r.Subject)}
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
		m.Condition = r.when.part(q)
	}
	return m
}
