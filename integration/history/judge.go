package history

import (
	"slices"
	"time"
)

// judge judges one history.
type judge struct {
	Rules
	*model
	rollbacks []Rollback
	losses    []Loss
	cuts      []Cut
	gone      map[string][]Call // the calls by which a session was said to have ended
	signedOut map[string][]Call // the calls by which a sign-in at a provider was
	barred    map[owner][]Call  // the calls by which a user was said to be blocked
	witnesses map[string][]Call // the calls by which a tenant was said to be suspended
	told      map[string]bool   // the refusals that are in the verdict
	verdict   Verdict
}

func (j *judge) findWitnesses(calls []Call) {
	j.witnesses, j.barred = map[string][]Call{}, map[owner][]Call{}
	for _, c := range calls {
		if c.Answer == Blocked && c.To == "" {
			of := owner{c.Tenant, c.User}
			j.barred[of] = append(j.barred[of], c)
		}
		if c.Answer == Inactive {
			j.witnesses[c.Tenant] = append(j.witnesses[c.Tenant], c)
		}
	}
}

func (j *judge) findGone(calls []Call) {
	j.gone, j.signedOut = map[string][]Call{}, map[string][]Call{}
	for _, c := range calls {
		switch {
		case c.Answer != Ended || j.familyLost(c):
		case c.Kind == Adopt:
			j.signedOut[c.SignIn] = append(j.signedOut[c.SignIn], c)
		case c.Kind == Act || !j.graced(c):
			j.gone[c.Session] = append(j.gone[c.Session], c)
		}
	}
}

// graced reports whether the session of a call may only be asked with, since it has, or may have,
// a successor.
func (j *judge) graced(c Call) bool {
	l := j.sessions[c.Session]
	return l != nil && slices.ContainsFunc(l.calls, func(m Call) bool { return m.Kind == Move && m.Graced && m.Invoked < c.Returned })
}

// familyLost tells whether c is a refresh that may have been refused since its family was lost.
// The session stays as it is then: see session.RefreshStep.
func (j *judge) familyLost(c Call) bool {
	return c.Kind == Refresh && slices.ContainsFunc(j.losses, func(l Loss) bool { return l.At <= c.Returned })
}

// allowed judges a call that did something.
func (j *judge) allowed(c Call) {
	switch c.Kind {
	case Act:
		for _, cut := range j.cuts {
			if (cut.Who == "" || cut.Who == c.By) && c.Invoked > cut.From+j.lease() && c.Returned < cut.Till {
				j.wrong(Wrong{What: "cut off", Call: c, Late: c.Invoked - cut.From})
			}
		}
	case List, RevokeOthers, Update, Move, Refresh:
	case Create:
		j.suspended(c)
		j.blocked(c)
		if l := j.sessions[c.Session]; j.Granted && l != nil {
			j.older(l, c)
		}
		return
	case Adopt:
		if worst := j.over(c); worst != nil {
			j.wrong(*worst)
			return
		}
	default:
		return // it ends something or is about no session
	}
	l := j.sessions[c.Session]
	if l == nil {
		return // whose beginning was not acknowledged
	}
	if worst := j.latest(l, c); worst != nil {
		j.wrong(*worst)
		return
	}
	j.blocked(c)
	switch c.Kind {
	case List, RevokeOthers: // work in every status
	case Move:
		j.suspended(c)
		if c.To != "" {
			into := c
			into.Tenant = c.To
			j.suspended(into)
			j.blocked(into)
		}
	case Refresh:
		j.suspended(c)
		j.refreshed(l, c)
	default:
		j.suspended(c)
	}
	j.older(l, c)
}

func (j *judge) wrong(w Wrong) {
	if l := j.sessions[w.Call.Session]; l != nil {
		w.Before = j.before(l, w.Call)
	}
	j.verdict.Wrong = append(j.verdict.Wrong, w)
}

// lease is the bound for an instance that was told of a change by another.
func (j *judge) lease() time.Duration {
	if j.Lease == 0 {
		return 0
	}
	return j.Lease + j.Slack
}

// latest judges whether a session had ended before a call. A session ends once: the ending
// that leaves the least excuse is the one that counts.
func (j *judge) latest(l *life, c Call) *Wrong {
	var found, excused *Wrong
	consider := func(end Call, by string) {
		late, window := j.late(end, by, false, c)
		if late < 0 {
			return
		}
		w := &Wrong{What: "revoked", Call: c, Ending: end, Late: late}
		switch {
		case window && (excused == nil || excused.Late > late):
			excused = w
		case !window && (found == nil || found.Late < late):
			found = w
		}
	}
	for _, end := range l.ending {
		if !j.ends(l, end) {
			continue
		}
		if end.Kind == Move && end.Graced && c.Kind == Act {
			end.Returned += j.RotateGrace
		}
		consider(end, end.By)
	}
	if l.next != nil {
		for _, end := range l.next.ending {
			if end.Kind != Move && j.ends(l.next, end) {
				consider(end, end.By) // with the successor
			}
		}
	}
	for _, end := range j.gone[l.id] {
		if !j.undone(end, c) { // nobody remembers whom it has found gone
			consider(end, "")
		}
	}
	if found == nil && excused != nil {
		j.verdict.Window = append(j.verdict.Window, *excused)
	}
	return found
}

// over judges whether a sign-in at a provider had been ended before a call that adopted it: with a
// session that it had, or with all of the user's since it was issued.
func (j *judge) over(c Call) *Wrong {
	var found, excused *Wrong
	s := j.signIns[c.SignIn]
	since := j.sessions[c.Session].since
	for _, l := range s.lives { // one that has moved to an id that nobody was told is as old
		if l.mayHaveMoved(c.Returned) {
			since = min(since, l.since)
		}
	}
	consider := func(end Call, by string) {
		if since < c.Returned && end.Returned <= since {
			return // a matter of the call that was first answered with the session, perhaps by a later token
		}
		late, window := j.late(end, by, false, c)
		if since, swept := j.sweptOfLate(end, c); swept && late >= 0 && by != c.By { // nobody whom it asks knows
			late, window = since, true
		}
		w := &Wrong{What: "adopted", Call: c, Ending: end, Late: late}
		switch {
		case late < 0:
		case window:
			excused = w
		default:
			found = w
		}
	}
	for _, l := range s.lives {
		for l.rotated != nil {
			l = l.rotated
		}
		for _, end := range l.ending {
			born := Call{Invoked: l.from, Returned: l.since}
			if end.Kind == Revoke && (j.undone(born, end) || j.swept(born, end)) {
				continue // of a session that may have been lost, which ends nothing else
			}
			if end.Kind == Revoke && l.mayHaveMoved(end.Invoked) {
				continue // of a former id, whose session goes on by one that nobody was told
			}
			if j.ends(l, end) {
				consider(end, end.By)
			}
		}
	}
	for _, end := range j.named[s.name] {
		if s.name != "" && end.Answer == Done {
			consider(end, end.By) // at whatever time
		}
	}
	for _, group := range [][]Call{j.users[owner{c.Tenant, c.User}], j.persons[s.person], j.tenants[c.Tenant], j.everyone} {
		for _, end := range group {
			if end.Kind != RevokeOthers && end.Answer == Done && end.Invoked >= c.Issued {
				consider(end, end.By)
			}
		}
	}
	for _, end := range j.signedOut[c.SignIn] {
		if s.name == "" && c.Issued > end.Issued { // a later token, which says when the user has signed in
			continue
		}
		if !j.undone(end, c) && !j.swept(end, c) {
			consider(end, "")
		}
	}
	if found == nil && excused != nil {
		j.verdict.Window = append(j.verdict.Window, *excused)
	}
	return found
}

// ends reports whether a call that may have ended a session has. One of a person does in the tenants
// of which the store knows that the provider has signed the user in.
func (j *judge) ends(l *life, c Call) bool {
	return l.ends(c) && (c.Kind != RevokePerson || slices.ContainsFunc(l.claims[c.Issuer], func(claim Call) bool {
		return claim.Returned <= c.Invoked && !j.undone(claim, c) && !j.swept(claim, c)
	}))
}

// sweptOfLate is swept while those who know may not have seen it, and how long after the loss that is.
func (j *judge) sweptOfLate(change, then Call) (since time.Duration, swept bool) {
	for _, l := range j.losses {
		if change.Invoked <= l.Till && then.Returned >= l.At && then.Invoked <= l.Till+j.Loss+j.Slack {
			return max(0, then.Invoked-l.Till), true
		}
	}
	return 0, false
}

// swept reports whether what a call has changed may have been lost without a trace before another
// one returned.
func (j *judge) swept(change, then Call) bool {
	return slices.ContainsFunc(j.losses, func(l Loss) bool { return change.Invoked <= l.Till && then.Returned >= l.At })
}

// undone reports whether a rollback came between two calls that undid what the first one saw.
func (j *judge) undone(first, then Call) bool {
	for _, r := range j.rollbacks {
		if first.Invoked <= r.Up && then.Returned >= r.Down {
			return true
		}
	}
	return false
}

// late returns how long after a change, which the instance by made, a call that contradicts it
// was invoked: less than 0 when that may be. window says that a rollback accounts for it, which
// it never does for an instance that knows of the change; it is then counted from there.
func (j *judge) late(change Call, by string, knows bool, c Call) (late time.Duration, window bool) {
	late = c.Invoked - change.Returned
	bound := time.Duration(0)
	if by != c.By {
		bound = j.lease()
	}
	if late <= bound {
		j.verdict.Latest = max(j.verdict.Latest, late)
		return -1, false
	}
	for _, r := range j.rollbacks {
		if by != c.By && !knows && r.From <= change.Returned && change.Invoked <= r.Up && c.Returned >= r.Down && c.Invoked <= r.Up+j.Window+j.Slack {
			return max(0, c.Invoked-r.Up), true
		}
	}
	return late, false
}
