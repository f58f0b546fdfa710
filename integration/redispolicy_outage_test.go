//go:build unix

package integration_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/internal/testwait"
)

func TestAnOutageOfRedisLeavesThePolicyInForceAndIsSeen(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, onlyPolled)
	r := f.publish(1)
	f.converge(r.ID)
	f.server.Kill()
	for _, i := range f.instances {
		testwait.Until(t, "the outage is noticed", func() bool { return errors.Is(i.follower.Stats().Err, redispolicy.ErrUnavailable) })
		contact, failures := i.follower.Stats().Contact, i.follower.Stats().Failures
		testwait.Until(t, "it lasts", func() bool { return i.follower.Stats().Failures > failures+2 })
		if s := i.follower.Stats(); s.Contact != contact || s.Revision != r.ID || s.Subscribed {
			t.Errorf("%+v", s)
		}
		if n := strings.Count(i.log.String(), "Redis does not answer"); n != 1 {
			t.Errorf("the outage is logged %d times", n)
		}
	}
	if _, err := f.publisher.Publish(t.Context(), shop(2)); !errors.Is(err, redispolicy.ErrUnavailable) {
		t.Errorf("publishing to nobody: %v", err)
	}
	if _, err := f.publisher.History(t.Context()); !errors.Is(err, redispolicy.ErrUnavailable) {
		t.Errorf("the history of nobody: %v", err)
	}
	f.server.Restart()
	for _, i := range f.instances {
		testwait.Until(t, "all is well again", func() bool { s := i.follower.Stats(); return s.Err == nil && s.Subscribed && s.Revision == r.ID })
	}
	f.converge(f.publish(3).ID)

	// A Redis that has lost everything is noticed too, and takes the next policy.
	if err := f.client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for _, i := range f.instances {
		testwait.Until(t, "the loss is noticed", func() bool { return errors.Is(i.follower.Stats().Err, redispolicy.ErrUnavailable) })
	}
	f.converge(f.publish(4).ID)
}

// A Redis that is frozen answers nothing, and nobody waits for it.
func TestAFrozenRedisHoldsNobody(t *testing.T) {
	t.Parallel()
	opts := onlyPolled
	opts.Timeout = 100 * time.Millisecond
	f := newFleet(t, 1, opts)
	r := f.publish(1)
	f.converge(r.ID)
	f.server.Freeze()
	i := f.instances[0]
	testwait.Until(t, "the outage is noticed", func() bool { return errors.Is(i.follower.Stats().Err, redispolicy.ErrUnavailable) })
	if err := i.follower.Sync(t.Context()); !errors.Is(err, redispolicy.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	i.follower.Close()
	i.follower.Close()
	if err := i.follower.Start(t.Context()); !errors.Is(err, redispolicy.ErrStarted) {
		t.Errorf("a closed follower starts: %v", err)
	}
	f.server.Thaw()
}
