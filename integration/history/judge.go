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
	What   string // "revoked", "role", "suspended", "refresh", "cut off" or "made up"
	Call   Call
	Ending Call          // what was acknowledged before, zero for "cut off" and "made up"
	Late   time.Duration // after that had returned, and after a rollback of it was over
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
	j := &judge{Rules: rules, model: newModel(l.calls), rollbacks: l.rollbacks, losses: l.losses, cuts: l.cuts, told: map[string]bool{}}
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
	witnesses map[string][]Call // the calls by which a tenant was said to be suspended
	told      map[string]bool   // the refusals that are in the verdict
	verdict   Verdict
}

func (j *judge) findWitnesses(calls []Call) {
	j.witnesses = map[string][]Call{}
	for _, c := range calls {
		if c.Answer == Inactive {
			j.witnesses[c.Tenant] = append(j.witnesses[c.Tenant], c)
		}
	}
}

func (j *judge) findGone(calls []Call) {
	j.gone = map[string][]Call{}
	for _, c := range calls {
		if c.Answer == Ended && !j.familyLost(c) {
			j.gone[c.Session] = append(j.gone[c.Session], c)
		}
	}
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
		return
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
	switch c.Kind {
	case List, RevokeOthers: // work in every status
	case Move:
		j.suspended(c)
		if c.To != "" {
			into := c
			into.Tenant = c.To
			j.suspended(into)
		}
	case Refresh:
		j.suspended(c)
		j.refreshed(l, c)
	default:
		j.suspended(c)
	}
	j.older(l, c)
}

func (j *judge) wrong(w Wrong) { j.verdict.Wrong = append(j.verdict.Wrong, w) }

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
		if l.ends(end) {
			consider(end, end.By)
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
	for _, s := range j.lastStatus(c.Tenant, c.Returned) {
		if s.Kind != Suspend || s.Answer != Done {
			continue
		}
		saw := slices.ContainsFunc(j.witnesses[c.Tenant], func(w Call) bool {
			return w.By == c.By && w.Invoked >= s.Invoked && w.Returned < c.Invoked
		})
		late, window := j.late(s, s.By, saw, c)
		w := Wrong{What: "suspended", Call: c, Ending: s, Late: late}
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
