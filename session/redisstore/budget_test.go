package redisstore

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// timedElsewhere is a context with a deadline that some other timer keeps.
type timedElsewhere struct {
	context.Context
	at time.Time
}

func (u timedElsewhere) Deadline() (time.Time, bool) { return u.at, true }
func (u timedElsewhere) Untimed() context.Context    { return u.Context }

// TestABudgetEndsWithTheFirstOfAllThatBoundIt: the budget, the deadline of the request, and the
// request. Which one it was decides whether Redis is at fault.
func TestABudgetEndsWithTheFirstOfAllThatBoundIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{timeout: 200 * time.Millisecond}
		type key struct{}
		request, leave := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
		defer leave()
		end := func(deadline time.Duration) (after time.Duration, cause error) {
			began := time.Now()
			timed, cancel := context.WithTimeout(request, deadline)
			defer cancel()
			ctx, done := s.within(timedElsewhere{timed, began.Add(deadline)})
			defer done()
			if ctx.Value(key{}) != "kept" {
				t.Error("a value of the request is lost")
			}
			<-ctx.Done()
			return time.Since(began), context.Cause(ctx)
		}
		if after, cause := end(time.Second); after != s.timeout || !errors.Is(cause, errBudget) {
			t.Errorf("the budget ends after %v: %v", after, cause)
		}
		if after, cause := end(50 * time.Millisecond); after != 50*time.Millisecond || errors.Is(cause, errBudget) {
			t.Errorf("an earlier deadline of the request ends it after %v: %v", after, cause)
		}
		time.AfterFunc(10*time.Millisecond, leave)
		if after, cause := end(time.Second); after != 10*time.Millisecond || !errors.Is(cause, context.Canceled) {
			t.Errorf("the end of the request ends it after %v: %v", after, cause)
		}
		over, done := s.within(timedElsewhere{request, time.Now().Add(time.Hour)})
		defer done()
		if over.Err() == nil {
			t.Error("a call of a request that is over may begin")
		}
	})
}
