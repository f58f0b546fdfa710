package history

import (
	"fmt"
	"slices"
	"time"
)

// Rules are what the instances promise.
type Rules struct {
	// Lease is how late a change may be for an instance that did not make it: that of a
	// cachestore.Store, and 0 without one. For the instance that made it, it is never late.
	Lease time.Duration

	// Window is for how long after a rollback an instance that does not know of a change may
	// answer as the older state does: until one that knows has met the server.
	Window time.Duration

	// Grace is how long a refresh token may be repeated.
	Grace time.Duration

	// RotateGrace is how long requests by the former id of a session go on after a Move that is
	// Graced.
	RotateGrace time.Duration

	// Granted says that the states of sessions are those of their user, whom Regrant gives a new
	// one. The first one of everybody, step 1, has the role.
	Granted bool

	// Late is how long after its return a call without an answer may still arrive, at a
	// session that began meanwhile.
	Late time.Duration

	// Share is of how many changes of one user an instance remembers each. Beyond, a
	// rollback may end all sessions of the user.
	Share int

	// Slack is what Lease and Window must leave out because the machine was busy.
	Slack time.Duration
}

// Wrong is an allow that must not be: a call that did something, and what had ended that.
type Wrong struct {
	What   string // "revoked", "role", "suspended", "blocked", "adopted", "refresh", "cut off" or "made up"
	Call   Call
	Ending Call          // what was acknowledged before, zero for "cut off" and "made up"
	Late   time.Duration // after that had returned, and after a rollback of it was over
	Before []Call        // the last changes of the session, its user and its tenant
}

func (w Wrong) String() string {
	return fmt.Sprintf("%s: %s let a %s through %v after a %s by %s (step %d, saw %d, role %v; invoked at %v)",
		w.What, w.Call.By, w.Call.Kind, w.Late, w.Ending.Kind, w.Ending.By, w.Ending.Made, w.Call.Saw, w.Call.Needs, w.Call.Invoked)
}

// Verdict is what is wrong with a history.
type Verdict struct {
	Wrong []Wrong

	// Window are the allows by an older state, after a rollback, by an instance that did not
	// know better and while it might.
	Window []Wrong

	Refused []Refused

	// Latest is how long after a change the last call was that it was too early for, of those
	// that may be.
	Latest time.Duration
}

// Widest returns how long after its rollback the last call of Window was.
func (v Verdict) Widest() (widest time.Duration) {
	for _, w := range v.Window {
		widest = max(widest, w.Late)
	}
	return widest
}

// Unexplained returns the refusals of live sessions that have no reason.
func (v Verdict) Unexplained() (all []Refused) {
	for _, r := range v.Refused {
		if r.Why == Unexplained {
			all = append(all, r)
		}
	}
	return all
}

// Judge judges the calls so far.
func (l *Log) Judge(rules Rules) Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	j := &judge{Rules: rules, model: newModel(l.calls, rules.Granted), rollbacks: l.rollbacks, losses: l.losses, cuts: l.cuts, told: map[string]bool{}}
	j.findWitnesses(l.calls)
	j.findGone(l.calls)
	for _, c := range l.calls {
		if c.Answer == Done {
			j.allowed(c)
		} else {
			j.refused(c)
		}
	}
	return j.verdict
}

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
		if !l.ends(end) {
			continue
		}
		if end.Kind == Move && end.Graced && c.Kind == Act {
			end.Returned += j.RotateGrace
		}
		consider(end, end.By)
	}
	if l.next != nil {
		for _, end := range l.next.ending {
			if end.Kind != Move && l.next.ends(end) {
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
	made := j.sessions[c.Session]
	consider := func(end Call, by string) {
		if made.since <= c.Invoked && end.Returned <= made.since {
			return // a matter of the call that made the session
		}
		late, window := j.late(end, by, false, c)
		// An instance that has not adopted the sign-in knows of its session alone that it has ended.
		// Of one that has, nobody else may know in time.
		at, knows := s.seen[by]
		if knows = knows && at <= end.Invoked; !knows || by != c.By {
			window = window || j.swept(end, c) || !knows && j.undone(end, c)
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
			if l.ends(end) {
				consider(end, end.By)
			}
		}
	}
	for _, group := range [][]Call{j.users[owner{c.Tenant, c.User}], j.tenants[c.Tenant], j.everyone} {
		for _, end := range group {
			if end.Kind != RevokeOthers && end.Answer == Done && end.Invoked >= s.issued {
				consider(end, end.By)
			}
		}
	}
	for _, end := range j.signedOut[c.SignIn] {
		if !j.undone(end, c) && !j.swept(end, c) {
			consider(end, "")
		}
	}
	if found == nil && excused != nil {
		j.verdict.Window = append(j.verdict.Window, *excused)
	}
	return found
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

// suspended judges whether the tenant of a call was suspended before it.
func (j *judge) suspended(c Call) {
	j.stopped("suspended", Suspend, j.lastStatus(c.Tenant, c.Returned), j.witnesses[c.Tenant], c)
}

// blocked judges whether the user of a call was blocked in its tenant before it.
// Of a session that began after the block, it is the sign-in that is wrong.
func (j *judge) blocked(c Call) {
	of := owner{c.Tenant, c.User}
	last := lastOf(j.blocks[of], c.Returned)
	if l := j.sessions[c.Session]; l != nil && c.Kind != Create && c.Kind != Adopt && c.To == "" {
		last = slices.DeleteFunc(slices.Clone(last), func(b Call) bool { return l.from > b.Returned })
	}
	j.stopped("blocked", Block, last, j.barred[of], c)
}

// stopped judges a call by the last of calls that stop and let on. Of an instance that has said
// that it was stopped, among the witnesses, it is known that it knows.
func (j *judge) stopped(what string, stop Kind, last, witnesses []Call, c Call) {
	for _, s := range last {
		if s.Kind != stop || s.Answer != Done {
			continue
		}
		saw := slices.ContainsFunc(witnesses, func(w Call) bool {
			return w.By == c.By && w.Invoked >= s.Invoked && w.Returned < c.Invoked
		})
		late, window := j.late(s, s.By, saw, c)
		window = window || stop == Block && s.By != c.By && !saw && j.swept(s, c) // nobody whom it asks knows
		w := Wrong{What: what, Call: c, Ending: s, Late: late}
		switch {
		case late < 0:
		case window:
			j.verdict.Window = append(j.verdict.Window, w)
		default:
			j.wrong(w)
			return
		}
	}
}

// refreshed judges whether the token of a refresh had been used up before it. A refresh asks
// the store, so there is no lease.
func (j *judge) refreshed(l *life, c Call) {
	var excused *Wrong
	for _, r := range l.calls {
		if r.Kind != Refresh || r.Answer != Done {
			continue
		}
		late := c.Invoked - r.Returned
		if late <= 0 || r.Presented < c.Presented || r.Presented == c.Presented && late <= j.Grace+j.Slack {
			continue
		}
		w := &Wrong{What: "refresh", Call: c, Ending: r, Late: late}
		if since, window := j.late(r, r.By, false, c); window {
			w.Late, excused = since, w
			continue
		}
		j.wrong(*w)
		return
	}
	if excused != nil {
		j.verdict.Window = append(j.verdict.Window, *excused)
	}
}

// older judges whether a call acted by an older state of the session, or by one that has not
// the role that it needs.
func (j *judge) older(l *life, c Call) {
	if c.Saw == 0 {
		return
	}
	state, made := l.states[c.Saw]
	if !made {
		j.wrong(Wrong{What: "made up", Call: c})
		return
	}
	if c.Needs && !state.Role {
		j.wrong(Wrong{What: "role", Call: c, Ending: state})
		return
	}
	if highest := l.highest(c.By, c.Invoked); c.Saw < highest {
		// With a lease the newer state may have been read and outdated at the same time.
		newer := l.states[highest]
		if j.Lease == 0 || c.Invoked-newer.Returned > j.lease() {
			j.wrong(Wrong{What: "role", Call: c, Ending: newer, Late: c.Invoked - newer.Returned})
			return
		}
	}
	var excused *Wrong
	for _, newer := range l.states {
		if newer.Answer != Done || newer.Made <= c.Saw {
			continue
		}
		late, window := j.late(newer, newer.By, false, c)
		w := &Wrong{What: "role", Call: c, Ending: newer, Late: late}
		switch {
		case late < 0:
		case window:
			excused = w
		default:
			j.wrong(*w)
			return
		}
	}
	if excused != nil {
		j.verdict.Window = append(j.verdict.Window, *excused)
	}
}
