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
		beat := func() { now := time.Now(); say(func(l session.Listener) { l.Heartbeat(now, now) }) }
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
		beat()
		change("a")
		time.Sleep(time.Second)
		beat()
		if l := list(); !l.Since.Equal(began) || !l.Issued.Equal(time.Now()) || l.Expires.Sub(l.Issued) != time.Minute || len(l.Changes) != 1 || l.Changes[0].Topic != "a" {
			t.Errorf("%+v", l)
		}
		time.Sleep(2 * time.Second)
		silent("two seconds without a heartbeat")
		say(func(l session.Listener) { l.Reset() })
		silent("after a reset")
		beat()
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
		beat()
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
		beat()
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
