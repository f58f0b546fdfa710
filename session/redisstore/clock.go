package redisstore

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/session"
)

const (
	// lateAfter is how much later than its call a change may arrive at most, by Redis's clock.
	lateAfter = 500 * time.Millisecond

	// maxDelay is how long after its first trip the second trip of a call may arrive. No call
	// lasts longer.
	maxDelay = maxTimeout
)

// clock estimates Redis's clock. Changes that carry no version have a deadline by it, so that calls
// which a dead network delivers later change nothing any more. An estimate that is wrong, as for
// two masters of a cluster whose clocks differ, costs a second trip.
type clock struct {
	began  time.Time
	offset atomic.Int64 // µs between began and Redis's clock; 0 when it was never heard
}

// heard takes a time in µs that Redis has just answered.
func (c *clock) heard(now uint64) { c.offset.Store(int64(now) - time.Since(c.began).Microseconds()) }

// deadline is the latest time, by Redis's clock in µs, at which a change of this call may be
// made.
func (c *clock) deadline(ctx context.Context) int64 {
	offset := c.offset.Load()
	if offset == 0 {
		return 1 // long ago: Redis says what time it is
	}
	left := lateAfter
	if at, ok := ctx.Deadline(); ok {
		left += time.Until(at)
	}
	return offset + (time.Since(c.began) + left).Microseconds()
}

// timely runs a script whose last argument is a deadline by Redis's clock. When Redis finds
// it passed and the call has not, the estimate was wrong, and the script is sent once more.
func (s *Store) timely(ctx context.Context, sc script, keys []string, args ...any) (written, error) {
	for attempt := 0; ; attempt++ {
		w, err := s.write(ctx, sc, keys, append(args[:len(args):len(args)], s.clock.deadline(ctx))...)
		if err != nil {
			return written{}, err
		}
		now, late := isLate(w.answer)
		if !late {
			return w, nil
		}
		s.clock.heard(now)
		if attempt > 0 {
			return written{}, fmt.Errorf("%w: the change arrived too late and was not made", session.ErrUnavailable)
		}
	}
}

// isLate reads {'late', now in µs}.
func isLate(answer any) (now uint64, late bool) {
	list, _ := answer.([]any)
	if len(list) != 2 || list[0] != "late" {
		return 0, false
	}
	text, _ := list[1].(string)
	return parseNumber(text)
}
