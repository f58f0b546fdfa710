package history

import (
	"fmt"
	"time"
)

// Rules are the promises of the instances.
type Rules struct {
	// Lease is how late a change may be for an instance that did not make it: that of a
	// cachestore.Store, and 0 without one. For the instance that made it, it is never late.
	Lease time.Duration

	// Window is for how long after a rollback an instance that does not know of a change may
	// answer as the older state does: until one that knows has met the server.
	Window time.Duration

	// Loss is for how long after a loss without a trace an instance that does not know of a block,
	// or of the end of a sign-in at a provider, may answer as if there were none: until one that
	// knows has seen the loss.
	Loss time.Duration

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

	// Slack is the time that Lease and Window must leave out because the machine was busy.
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

// Verdict has the faults of a history.
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
