package authz

import (
	"net"
	"net/http/httptest"
	"testing"
	"testing/synctest"
)

// into are the events that bring a lifetime into each state.
var into = map[lifeState][]lifeEvent{
	lifeOpen:           {},
	lifeFollowed:       {eventFollow},
	lifeEnding:         {eventFollow, eventEnd},
	lifeCut:            {eventFollow, eventEnd, eventCut},
	lifeDetached:       {eventFollow, eventDetach},
	lifeDetachedEnding: {eventFollow, eventDetach, eventEnd},
	lifeDetachedCut:    {eventFollow, eventDetach, eventEnd, eventCut},
	lifeOver:           {eventReturn},
}

// happen makes an event happen by the function that is called for it in a request. The clock
// does what cut waits for.
func (l *lifetime) happen(t *testing.T, e lifeEvent) {
	t.Helper()
	switch e {
	case eventFollow:
		_ = l.follow()
	case eventEnd:
		l.last()
	case eventCut:
		l.cutOff()
	case eventReturn, eventDetach:
		if e == eventDetach && l.state < lifeDetached {
			here, there := net.Pipe()
			t.Cleanup(func() { _ = there.Close(); _ = here.Close() })
			l.conn = &hijacked{here, l}
		}
		l.finish()
	case eventClose:
		l.closed()
	}
}

func reached(t *testing.T, s lifeState) *lifetime {
	t.Helper()
	l := follower(nil, "acme")
	l.caller.answer.ResponseWriter = httptest.NewRecorder()
	for _, e := range into[s] {
		l.happen(t, e)
	}
	if l.timer != nil {
		l.timer.Stop() // what it would do, the test does
	}
	if l.state != s {
		t.Fatalf("%v leads to %d, not to %d", into[s], l.state, s)
	}
	return l
}

// TestEachTransitionOfALifetime makes each event happen in each state, and looks at the state
// after it and at what it says: whether the context has ended, whether the timer runs.
func TestEachTransitionOfALifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // no timer goes off by itself
		const (
			open, followed, ending, cut = lifeOpen, lifeFollowed, lifeEnding, lifeCut
			dtch, dtchE, dtchC, over    = lifeDetached, lifeDetachedEnding, lifeDetachedCut, lifeOver
		)
		// Written out once more, by hand.
		want := map[lifeState][lifeEvents]lifeState{
			open:     {followed, ending, open, over, dtch, open},
			followed: {followed, ending, followed, over, dtch, followed},
			ending:   {ending, ending, cut, over, dtchE, ending},
			cut:      {cut, cut, cut, over, dtchC, cut},
			dtch:     {dtch, dtchE, dtch, dtch, dtch, over},
			dtchE:    {dtchE, dtchE, dtchC, dtchE, dtchE, over},
			dtchC:    {dtchC, dtchC, dtchC, dtchC, dtchC, over},
			over:     {over, over, over, over, over, over},
		}
		for s := range lifeStates {
			for e := range lifeEvents {
				l := reached(t, s)
				l.happen(t, e)
				if l.timer != nil {
					l.timer.Stop()
				}
				if l.state != want[s][e] {
					t.Errorf("event %d in state %d leads to %d, want %d", e, s, l.state, want[s][e])
				}
			}
		}
	})
}

// TestALifetimeThatIsOverHasNoTimer: nothing of a request runs on after it.
func TestALifetimeThatIsOverHasNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // no timer goes off by itself
		for s, events := range into {
			l := follower(nil, "acme")
			l.caller.answer.ResponseWriter = httptest.NewRecorder()
			_ = l.Done()
			for _, e := range events {
				l.happen(t, e)
			}
			l.happen(t, eventReturn)
			l.happen(t, eventClose)
			if l.state != lifeOver {
				t.Errorf("from %d: state %d", s, l.state)
			}
			if l.timer != nil && l.timer.Stop() {
				t.Errorf("from %d: a timer runs", s)
			}
		}
	})
}

// TestEverythingMovesTowardsTheEnd: no event leads back, so each lifetime ends.
func TestEverythingMovesTowardsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // no timer goes off by itself
		for s := range lifeStates {
			for e, next := range lifeTable[s] {
				if next < s {
					t.Errorf("event %d leads from %d back to %d", e, s, next)
				}
			}
		}
	})
}
