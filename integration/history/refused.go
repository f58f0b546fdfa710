package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Reason says why a live session was refused.
type Reason string

// The reasons.
const (
	// OutcomeUnknown: a call without an answer may have ended the session, changed it, or
	// suspended its tenant.
	OutcomeUnknown Reason = "unknown outcome"

	// Lost: it was created, changed or let in again after the state that the store fell back
	// to. A session that cannot be put back is dead, not older.
	Lost Reason = "lost by the fault"

	// OverShare: its user changed more than is remembered one by one, before a rollback.
	OverShare Reason = "over the share"

	Unexplained Reason = "unexplained"
)

// Refused is the first refusal of a live session, of each kind.
type Refused struct {
	Call   Call
	Why    Reason
	Before []Call // where it is unexplained: the last changes of the session, its user and its tenant
}

func (r Refused) String() string {
	return fmt.Sprintf("%s: %s answers a %s of a live session %q (step %d; invoked at %v)",
		r.Why, r.Call.By, r.Call.Kind, r.Call.Answer, r.Call.Saw, r.Call.Invoked)
}

// refused judges a call that was refused.
func (j *judge) refused(c Call) {
	l := j.sessions[c.Session]
	if l == nil || l.born.Returned > c.Invoked || c.Answer == Unknown || c.Answer == Nothing {
		return
	}
	switch c.Kind {
	case Act, List, Update, Move:
	case Refresh:
		if !l.honest(c) {
			return
		}
	default:
		return
	}
	key := l.id + string(c.Answer)
	if j.told[key] {
		return
	}
	why, live := j.why(l, c)
	if !live {
		return
	}
	j.told[key] = true
	r := Refused{Call: c, Why: why}
	if why == Unexplained {
		r.Before = j.before(l, c)
	}
	j.verdict.Refused = append(j.verdict.Refused, r)
}

// before returns what was last done, by the end of a call, that might bear on a session.
func (j *judge) before(l *life, c Call) []Call {
	all := slices.Clone(j.everyone)
	if s := j.signIns[c.SignIn]; s != nil {
		all = append(all, s.calls...)
	}
	for _, group := range [][]Call{{l.born}, l.calls, l.ending, j.users[l.owner], j.blocks[l.owner], j.grants[l.owner], j.tenants[l.owner.tenant], j.statuses[l.owner.tenant]} {
		all = append(all, group...)
	}
	all = slices.DeleteFunc(all, func(other Call) bool {
		return other.Invoked > c.Returned || other.Invoked != c.Invoked && (other.Kind == Act || other.Kind == List) && (other.Answer == Done || other.Answer == Inactive)
	})
	slices.SortStableFunc(all, func(a, b Call) int { return cmp.Compare(a.Invoked, b.Invoked) })
	all = slices.Compact(all)
	return all[max(0, len(all)-20):]
}

// honest reports whether a refresh presented the newest token.
func (l *life) honest(c Call) bool {
	for _, r := range l.calls {
		if r.Kind == Refresh && r.Answer == Done && r.Presented >= c.Presented && r.Invoked < c.Returned && r.Invoked != c.Invoked {
			return false
		}
	}
	return true
}

// why returns why a session was refused, and false when it was not known to be live.
func (j *judge) why(l *life, c Call) (Reason, bool) {
	unknown := false
	for _, end := range l.ending {
		if end.Invoked == c.Invoked && end.By == c.By || !l.mayEnd(end, c.Returned, j.Late) {
			continue
		}
		if end.Answer != Unknown {
			return "", false
		}
		unknown = true
	}
	live, sure := j.status(c)
	if !live {
		return "", false
	}
	if c.Answer == Forbidden {
		has, known := l.role(j.model, c, j.lease())
		if !has {
			return "", false
		}
		sure = sure && known
	}
	for _, u := range l.calls { // a change that may have been made, and then was lost
		unknown = unknown || u.Answer == Unknown && u.Kind == Update && u.Invoked < c.Returned
	}
	for _, u := range j.grants[l.owner] {
		unknown = unknown || u.Answer == Unknown && u.Invoked < c.Returned
	}
	switch {
	case unknown && c.Answer != Inactive || !sure:
		return OutcomeUnknown, true
	case c.Answer == Reused:
		return Unexplained, true // a false alarm, which no fault excuses
	case j.lost(l, c):
		return Lost, true
	case j.overShare(l, c):
		return OverShare, true
	}
	return Unexplained, true
}

// status reports whether the tenant of a call may have been active throughout, and whether
// that is sure.
func (j *judge) status(c Call) (live, sure bool) {
	last := j.lastStatus(c.Tenant, c.Returned)
	if len(last) == 0 {
		return false, false
	}
	if last[0].Kind == Suspend {
		for _, s := range last {
			if s.Answer == Done {
				return false, false
			}
		}
		return true, false // it may still be active
	}
	for _, a := range last {
		if a.Answer == Done && a.Returned <= c.Invoked {
			return true, true
		}
	}
	return false, false // it was activated at the same time, or that may have failed
}

// role reports whether a session had the role throughout a call, and whether that is known.
func (l *life) role(m *model, c Call, lease time.Duration) (has, known bool) {
	state, changes := l.born, l.calls
	if m.granted {
		state, changes = l.states[1], m.grants[l.owner]
	}
	known = true
	for _, u := range changes {
		if u.Kind != Update && u.Kind != Regrant && u.Kind != StaleTenant || u.Invoked >= c.Returned {
			continue
		}
		switch {
		case u.Answer == Unknown:
			known = false
		case u.Answer == Done && u.Returned+lease <= c.Invoked:
			if u.Made > state.Made { // the operator and the user may be at it at once
				state = u
			}
			known = true
		case u.Answer == Done:
			return false, false // at the same time
		}
	}
	return state.Role, known
}

// lost reports whether a fault may have lost what a refused session rests on. Sessions that
// began after a rollback, before epochs were put back, end with them.
func (j *judge) lost(l *life, c Call) bool {
	latest := append([]time.Duration{l.born.Returned}, l.changed...)
	for _, u := range j.grants[l.owner] {
		if u.Answer == Done && u.Invoked < c.Returned {
			latest = append(latest, u.Returned)
		}
	}
	for _, o := range j.users[l.owner] {
		if o.Kind == RevokeOthers && o.Session == l.id && (o.Answer == Done || o.Answer == Unknown) && o.Invoked < c.Returned {
			latest = append(latest, o.Returned) // it is stored anew to be spared, if it was made
		}
	}
	for _, u := range l.calls {
		if (u.Kind == Update || u.Kind == Refresh) && u.Answer == Done && u.Invoked < c.Returned {
			latest = append(latest, u.Returned)
		}
	}
	for _, s := range j.lastStatus(c.Tenant, c.Returned) {
		if s.Answer == Done {
			latest = append(latest, s.Returned)
		}
	}
	for _, at := range latest {
		for _, r := range j.rollbacks {
			if r.From <= at && at <= r.Up+j.Window+j.Slack && c.Returned >= r.Down {
				return true
			}
		}
		for _, loss := range j.losses {
			if loss.From <= at && at <= loss.Till && c.Returned >= loss.At {
				return true
			}
		}
	}
	return false
}

// overShare reports whether the user had changed too much before a rollback.
func (j *judge) overShare(l *life, c Call) bool {
	for _, r := range j.rollbacks {
		if c.Returned < r.Down {
			continue
		}
		n := 0
		for _, other := range j.sessions {
			if other.owner != l.owner {
				continue
			}
			for _, u := range other.calls {
				if u.Kind != Act && u.Kind != List && u.Kind != Adopt && u.Invoked < r.Down {
					n++
				}
			}
			n += len(other.changed)
		}
		if n > j.Share {
			return true
		}
	}
	return false
}
