package history

import (
	"cmp"
	"slices"
)

// Whole reports whether nothing that was acknowledged may have been lost.
func (l *Log) Whole() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.rollbacks)+len(l.losses) == 0
}

// Explains reports whether some outcome of the calls that set the status of a tenant explains the
// events that were written of it, each Suspend or Activate: one for each change, in order, and
// none for a call that changed nothing. Calls of one tenant have to come one after the other, and
// the log to be whole. A call without an answer may have happened until the next one that was
// acknowledged returned, and those of several that did happened in their order.
func (l *Log) Explains(tenant string, told []Kind) bool {
	l.mu.Lock()
	calls := slices.Clone(l.calls)
	l.mu.Unlock()
	slices.SortStableFunc(calls, func(a, b Call) int { return cmp.Compare(a.Invoked, b.Invoked) })
	// A state is the status, and how many of the events are written.
	type state struct {
		status Kind
		n      int
	}
	states := map[state]bool{{}: true}
	for _, c := range calls {
		if c.Tenant != tenant || c.Kind != Suspend && c.Kind != Activate || c.Answer == Nothing {
			continue
		}
		next := map[state]bool{}
		for s := range states {
			if c.Answer != Done {
				next[s] = true
			}
			switch {
			case s.status == c.Kind:
				next[s] = true
			case s.n < len(told) && told[s.n] == c.Kind:
				next[state{c.Kind, s.n + 1}] = true
			}
		}
		states = next
	}
	for s := range states {
		if s.n == len(told) {
			return true
		}
	}
	return false
}
