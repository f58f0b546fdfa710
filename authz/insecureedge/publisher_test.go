package insecureedge_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/authz/insecureedge"
	"github.com/reevehq/reeve/session"
)

func TestAPublisherSignsWhatItHeardAndNothingWhileItHearsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, public := newKey(t)
		f := &feed{heard: make(chan func(session.Listener))}
		p, err := insecureedge.NewPublisher(insecureedge.PublisherConfig{Feed: f, Key: key, Horizon: 2 * time.Minute, MaxChanges: 100})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); !errors.Is(err, insecureedge.ErrStarted) {
			t.Errorf("a second start: %v", err)
		}
		say := func(what func(session.Listener)) { f.heard <- what; synctest.Wait() }
		heartbeat := func() { now := time.Now(); say(func(l session.Listener) { l.Heartbeat(now, now) }) }
		change := func(name string) { say(func(l session.Listener) { l.Changed(session.ScopeUser, name) }) }
		silent := func(why string) {
			t.Helper()
			if _, err := p.Revocations(); !errors.Is(err, insecureedge.ErrNotHeard) {
				t.Errorf("%s: %v", why, err)
			}
		}
		list := func() insecureedge.List {
			t.Helper()
			signed, err := p.Revocations()
			if err != nil {
				t.Fatal(err)
			}
			return insecureedge.ListOf(signed, public)
		}
		silent("before the first heartbeat")
		say(func(l session.Listener) { l.Reset() })
		silent("after a reset")
		began := time.Now()
		heartbeat()
		change("a")
		time.Sleep(time.Second)
		heartbeat()
		if l := list(); !l.Since.Equal(began) || !l.Issued.Equal(time.Now()) || l.Expires.Sub(l.Issued) != time.Minute || len(l.Changes) != 1 || l.Changes[0].Topic != "a" {
			t.Errorf("%+v", l)
		}
		time.Sleep(2 * time.Second)
		silent("two seconds without a heartbeat")
		say(func(l session.Listener) { l.Reset() })
		silent("after a reset")
		heartbeat()
		if l := list(); !l.Since.Equal(time.Now()) || len(l.Changes) != 0 {
			t.Errorf("after a reset the list is complete from %v: %+v", time.Now(), l)
		}
		say(func(l session.Listener) { l.Changed(session.ScopeAll, "") })
		if l := list(); !l.All.Equal(time.Now()) {
			t.Errorf("everyone was concerned: %+v", l)
		}
		for n := range 1000 { // more than a list has
			time.Sleep(time.Millisecond)
			change(fmt.Sprint(n))
		}
		heartbeat()
		l := list()
		if len(l.Changes) != 100 {
			t.Errorf("%d changes", len(l.Changes))
		}
		for _, c := range l.Changes {
			if c.At.Before(l.Since) {
				t.Errorf("%+v is before %v", c, l.Since)
			}
		}
		if want := time.Now().Add(-101 * time.Millisecond); l.Since.Before(want) {
			t.Errorf("the list is complete from %v, and what was dropped came later, until %v", l.Since, want)
		}
		time.Sleep(3 * time.Minute)
		heartbeat()
		if l := list(); len(l.Changes) != 0 || time.Since(l.Since) > 2*time.Minute {
			t.Errorf("beyond the horizon: %+v", l)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		silent("after Close")
		if err := p.Start(context.Background()); !errors.Is(err, insecureedge.ErrStarted) {
			t.Errorf("a start after Close: %v", err)
		}
	})
}

// A publisher's clock is set back, somebody is signed out, and the clock is set right again: by the times
// of the list the end comes after everything that a node had loaded before it, so the node does not decide
// about that user. While the clock is wrong, no list is good.
func TestAnEndThatWasHeardByAWrongClockIsNotBeforeTheLoads(t *testing.T) {
	for name, row := range map[string]struct {
		jump  time.Duration
		ended bool
	}{
		"set back": {-time.Hour, true}, "set forward": {time.Hour, true}, "set back, nobody signed out": {-time.Hour, false},
	} {
		jump := row.jump
		w := newFixture(t)
		p, err := insecureedge.NewPublisher(insecureedge.PublisherConfig{Feed: w.feed, Key: w.key, Horizon: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		clock := *w.clock
		clock.Mono = 0
		heartbeat := insecureedge.SetPublisherClock(p, &clock)
		pass := func(d time.Duration) { clock.Pass(d); w.clock.Pass(d) }
		take := func() error {
			signed, err := p.Revocations()
			if err != nil {
				return err
			}
			return w.node.AcceptRevocations(signed)
		}
		heartbeat()
		pass(time.Minute)
		w.see()
		pass(time.Minute)
		heartbeat()
		if err := take(); err != nil || !w.remembered() {
			t.Fatalf("%s: by a right clock: %v", name, err)
		}
		clock.Wall = clock.Wall.Add(jump)
		if err := take(); !errors.Is(err, insecureedge.ErrNotHeard) {
			t.Errorf("%s: before a heartbeat by the new clock: %v", name, err)
		}
		pass(time.Second)
		if row.ended {
			insecureedge.Heard(p, w.feed.Topics(w.s.Ref()).User)
		}
		pass(time.Second)
		heartbeat()
		if err := take(); err == nil {
			t.Errorf("%s: a list by a wrong clock is taken", name)
		}
		clock.Wall = clock.Wall.Add(-jump)
		pass(time.Second)
		heartbeat()
		if err := take(); err != nil {
			t.Fatalf("%s: by a clock that is right again: %v", name, err)
		}
		if w.remembered() == row.ended {
			t.Errorf("%s: decided on: %t, ended: %t", name, !row.ended, row.ended)
		}
	}
}
