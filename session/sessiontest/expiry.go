package sessiontest

import (
	"errors"
	"time"

	"github.com/reevehq/reeve/session"
)

func expiry() []scene {
	return []scene{
		{name: "a session ends at its absolute expiry", play: absoluteExpiry},
		{name: "a session that is not used ends", play: idleExpiry},
		{name: "a touch extends the idle timeout", play: touchExtends},
		{name: "no touch extends the absolute expiry", play: touchNotBeyond},
		{name: "no use revives an expired session", play: expiredStaysDead},
		{name: "loading counts as use", play: loadCounts, slow: true},
		{name: "reading writes nothing down more often than the touch interval", play: loadIsCheap},
		{name: "an idle timeout set by an update is kept to", play: idleUpdated},
	}
}

// ASVS 7.3.2: a stolen session must end even if the thief keeps it busy. The end is
// exact: live before ExpiresAt, dead at it.
func absoluteExpiry(k *kit) {
	lifetime := 3 * k.tick()
	began := time.Now()
	s := k.createFor(draft(acme, alice), lifetime)
	if k.Advance != nil {
		k.pass(lifetime - time.Millisecond)
		k.live("a moment before the end", s.Ref())
		k.pass(time.Millisecond)
		k.dead("at the end", s.Ref())
		return
	}
	k.until(lifetime, "the session is live after its expiry", func() bool { return !k.isLive(s.Ref()) })
	if lived := time.Since(began); lived < lifetime-2*time.Millisecond {
		k.Errorf("a lifetime of %v ended after %v", lifetime, lived)
	}
	k.dead("expired", s.Ref())
}

// ASVS 7.3.1.
func idleExpiry(k *kit) {
	idle := 3 * k.tick()
	began := time.Now()
	s := draft(acme, alice)
	s.IdleTimeout = idle
	s = k.createFor(s, time.Hour)
	if k.Advance != nil {
		k.pass(idle - time.Millisecond)
		if listed, err := k.Store.List(k.ctx, acme, alice); err != nil || len(listed) != 1 {
			k.Errorf("a moment before the end: %d sessions listed, %v", len(listed), err)
		}
		k.pass(2 * time.Millisecond)
		k.dead("unused", s.Ref())
		return
	}
	// Loading is no help to a session whose timeout is shorter than TouchInterval.
	k.until(idle, "the session is live after its idle timeout", func() bool { return !k.isLive(s.Ref()) })
	if lived := time.Since(began); lived < idle-2*time.Millisecond {
		k.Errorf("an idle timeout of %v ended after %v", idle, lived)
	}
	k.dead("unused", s.Ref())
}

// The user who works is not signed out.
func touchExtends(k *kit) {
	k.steady(func() (tooLate bool) {
		idle := 4 * k.tick()
		last := time.Now()
		s := draft(acme, alice)
		s.IdleTimeout = idle
		s = k.createFor(s, time.Hour)
		for range 6 { // three idle timeouts in all
			k.pass(2 * k.tick())
			err := k.Store.Touch(k.ctx, s.Ref())
			if errors.Is(err, session.ErrNotFound) && time.Since(last) >= idle-2*time.Millisecond {
				return true
			}
			k.ok("Touch", err)
			last = time.Now()
		}
		got, err := k.Store.Load(k.ctx, s.Ref())
		if errors.Is(err, session.ErrNotFound) && time.Since(last) >= idle-2*time.Millisecond {
			return true
		}
		k.ok("Load of a session in use", err)
		if got.LastSeenAt.Sub(got.CreatedAt) < 11*k.tick() {
			k.Errorf("LastSeenAt is %v after CreatedAt", got.LastSeenAt.Sub(got.CreatedAt))
		}
		if got.Version != s.Version {
			k.Errorf("touching made version %d of version %d: it would make updates fail", got.Version, s.Version)
		}
		return false
	})
}

// Otherwise the absolute expiry would be none.
func touchNotBeyond(k *kit) {
	lifetime := 4 * k.tick()
	s := k.createFor(draft(acme, alice), lifetime)
	k.until(lifetime, "touching kept the session beyond its expiry", func() bool {
		err := k.Store.Touch(k.ctx, s.Ref())
		if err != nil {
			k.refused("Touch", err, session.ErrNotFound)
		}
		return err != nil
	})
	k.dead("expired", s.Ref())
}

// A session is not to be found, changed, listed or exchanged after its end, and trying
// does not bring it back.
func expiredStaysDead(k *kit) {
	idle := draft(acme, alice)
	idle.IdleTimeout = k.tick()
	idle = k.createFor(idle, time.Hour)
	short := k.createFor(draft(acme, alice), k.tick())
	k.pass(k.tick() + 5*time.Millisecond)
	for range 2 {
		k.dead("unused", idle.Ref())
		k.dead("expired", short.Ref())
	}
	listed, err := k.Store.List(k.ctx, acme, alice)
	k.ok("List", err)
	if len(listed) != 0 {
		k.Errorf("%d expired sessions are listed", len(listed))
	}
}

// A user who only reads is in use too. This case needs more than TouchInterval.
func loadCounts(k *kit) {
	const wait = session.TouchInterval + 500*time.Millisecond
	k.steady(func() (tooLate bool) {
		began := time.Now()
		s := draft(acme, alice)
		s.IdleTimeout = wait + 2*time.Second
		s = k.createFor(s, time.Hour)
		k.pass(wait)
		got, err := k.Store.Load(k.ctx, s.Ref())
		if errors.Is(err, session.ErrNotFound) && time.Since(began) >= s.IdleTimeout {
			return true
		}
		k.ok("Load before the idle timeout", err)
		if got.LastSeenAt.Sub(got.CreatedAt) < session.TouchInterval {
			k.Errorf("LastSeenAt is %v after CreatedAt", got.LastSeenAt.Sub(got.CreatedAt))
		}
		k.pass(3 * time.Second)
		k.live("loaded within its idle timeout", s.Ref())
		return false
	})
}

// A write for each read makes other stores slow. In two loads within the interval, no use is
// written down.
func loadIsCheap(k *kit) {
	s := k.create(acme, alice)
	k.pass(k.tick() / 100)
	for range 2 {
		if got := k.live("created", s.Ref()); !got.LastSeenAt.Equal(s.LastSeenAt) || got.Version != s.Version {
			k.Errorf("loading changed LastSeenAt from %v to %v, Version from %d to %d", s.LastSeenAt, got.LastSeenAt, s.Version, got.Version)
		}
	}
}

// An idle timeout is the session's, not the store's.
func idleUpdated(k *kit) {
	s := k.create(acme, alice)
	s.IdleTimeout = 2 * k.tick()
	s, err := k.Store.Update(k.ctx, s)
	k.ok("Update", err)
	k.pass(2*k.tick() + 5*time.Millisecond)
	k.dead("shortened and unused", s.Ref())

	k.steady(func() (tooLate bool) {
		began := time.Now()
		s := draft(acme, alice)
		s.IdleTimeout = 4 * k.tick()
		s = k.createFor(s, time.Hour)
		short := s.IdleTimeout
		s.IdleTimeout = time.Hour
		_, err := k.Store.Update(k.ctx, s)
		if errors.Is(err, session.ErrNotFound) && time.Since(began) >= short {
			return true
		}
		k.ok("Update", err)
		k.pass(short + k.tick())
		k.live("lengthened", s.Ref())
		return false
	})
}
