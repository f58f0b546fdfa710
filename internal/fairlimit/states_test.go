package fairlimit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestEachStateOfAPartyGetsWhatTheTableSays brings a party into each state of the table in the
// package documentation, and asks whether it gets a slot: of a limiter of 16 slots, 2 of them
// reserved, 8 for one party, with a burst of 2.
func TestEachStateOfAPartyGetsWhatTheTableSays(t *testing.T) {
	for name, row := range map[string]struct {
		holds, others int // slots that the party and another hold
		alone         bool
		spent         bool // the burst is
		want          bool
		charged       int // to the burst by the slot that is taken
	}{
		"idle gets a slot":                        {holds: 0, others: 1, want: true},
		"idle gets one from the reserve":          {holds: 0, others: 14, want: true},
		"idle gets none when all are taken":       {holds: 0, others: 16, want: false},
		"small gets one from the reserve":         {holds: 1, others: 13, want: true},
		"growing gets a slot":                     {holds: 4, others: 1, want: true},
		"growing gets none from the reserve":      {holds: 4, others: 10, want: false},
		"bursting gets a slot, and is charged":    {holds: 8, others: 1, want: true, charged: 1},
		"bursting gets none from the reserve":     {holds: 8, others: 6, want: false},
		"limited gets none, though some are free": {holds: 8, others: 1, spent: true, want: false},
		"alone gets a slot beyond its limit":      {holds: 12, alone: true, spent: true, want: true},
		"alone gets one from the reserve":         {holds: 15, alone: true, spent: true, want: true},
		"alone gets none when all are taken":      {holds: 16, alone: true, spent: true, want: false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New[string](16, 8, 2)
				p, other := l.party("p"), l.party("other")
				for range row.others {
					l.take(other)
				}
				if row.others > 0 {
					l.last, l.other = other, l.turn
				}
				p.held, l.free = row.holds, l.free-row.holds
				if row.spent {
					p.spent, p.spentAt = 2, time.Now()
				}
				if row.alone {
					l.last, l.other = p, 0
				}
				before := p.spent
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				s, err := l.Acquire(ctx, "p")
				if got := err == nil; got != row.want {
					t.Fatalf("got a slot: %t, %v", got, err)
				}
				if row.want && (s != p || p.held != row.holds+1) {
					t.Errorf("it holds %d", p.held)
				}
				if !row.spent && p.spent-before != row.charged {
					t.Errorf("%d are charged", p.spent-before)
				}
			})
		})
	}
}
