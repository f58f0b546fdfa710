package history

import (
	"slices"
	"time"
)

// Outages returns, of the faults so far, for how long at most one instance answered requests
// with an outage, from the first to the last of them, and how long after its end at most an
// instance took to answer anything else. A fault counts until the next one.
func (l *Log) Outages() (lasted, recovery time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for _, c := range l.calls {
		if !slices.Contains(names, c.By) && c.Kind == Act {
			names = append(names, c.By)
		}
	}
	for i, f := range l.faults {
		next := time.Duration(1<<63 - 1)
		if i+1 < len(l.faults) {
			next = l.faults[i+1].From
		}
		for _, name := range names {
			var answered time.Duration // the first answer but an outage after the end
			for _, c := range l.calls {
				if c.By == name && c.Kind == Act && c.Answer != Unknown && c.Invoked >= f.Till && c.Invoked < next && (answered == 0 || c.Returned < answered) {
					answered = c.Returned
				}
			}
			var first, last time.Duration
			for _, c := range l.calls {
				if c.By == name && c.Kind == Act && c.Answer == Unknown && c.Returned >= f.From && (c.Invoked < answered || answered == 0) && c.Invoked < next {
					if first == 0 || c.Invoked < first {
						first = c.Invoked
					}
					last = max(last, c.Returned)
				}
			}
			lasted = max(lasted, last-first)
			if last > f.Till && answered > 0 {
				recovery = max(recovery, answered-f.Till)
			}
		}
	}
	return lasted, recovery
}
