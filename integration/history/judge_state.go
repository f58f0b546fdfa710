package history

import (
	"slices"
)

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
		if since, swept := j.sweptOfLate(s, c); swept && late >= 0 && stop == Block && s.By != c.By && !saw { // likewise
			late, window = since, true
		}
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
