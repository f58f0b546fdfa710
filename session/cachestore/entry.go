package cachestore

import (
	"time"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/session"
)

// entry is a session as it was read, but for its ID, whose handle takes as much memory as the rest.
type entry = reqctx.Entry[session.Session]

// entryKey is the bytes of an ID.
type entryKey [32]byte

func keyOf(id session.ID) (key entryKey) {
	copy(key[:], id.Bytes())
	return key
}

// entryOf returns the entry of a session as it was read.
func (c *Store) entryOf(s session.Session, at counterIndex, stamp uint64, readAt uint32) *entry {
	s.ID = session.ID{}
	return &entry{Value: s, Index: uint64(at.pack()), Stamp: stamp, ReadAt: readAt, Cache: c.number}
}

// indexOf returns where the counters of an entry are.
func indexOf(e *entry) counterIndex { return packedIndex(e.Index).unpack() }

// as returns the session of e to whoever asked for it by ref, and so has the ID.
func as(ref session.Ref, e *entry) session.Session {
	s := e.Value
	s.ID = ref.ID
	return s
}

// dropped is told of each entry that the cache no longer has: another has replaced it, the store has
// said that there is none, or it gave way to others. A handle that has found it before finds it no more.
func dropped(e *entry) { e.Dropped.Store(true) }

// hit returns the entry of ref if it may be served at now, and nil otherwise.
func (c *Store) hit(ref session.Ref, now time.Time) *entry {
	l := c.lease.Load()
	if !l.fresh(now, c.limit) {
		return nil
	}
	e, ok := c.entries.GetIfPresent(keyOf(ref.ID))
	if !ok || e.Value.Tenant != ref.Tenant || e.Value.User != ref.User || !c.serves(e, l, now) {
		return nil
	}
	return e
}

// serves reports whether an entry may be served at now, under a lease that holds. The lease is
// looked at before the stamp: a change that the lease vouches for is in the stamp.
func (c *Store) serves(e *entry, l *lease, now time.Time) bool {
	if e.Dropped.Load() || e.Stamp != c.stamps.stamp(indexOf(e)) {
		return false
	}
	if age := now.Sub(c.began) - time.Duration(e.ReadAt)*tick; age < 0 || age >= maxAge {
		return false
	}
	at := l.latest(now)
	return at.Before(e.Value.ExpiresAt) && at.Sub(e.Value.LastSeenAt) <= e.Value.IdleTimeout
}

// renewalDue reports whether the caller is to read the session of an entry again, which
// records the use. One of all callers is told so.
func (c *Store) renewalDue(e *entry, now time.Time) bool {
	if !c.lateUse(e, now) {
		return false
	}
	at, due := ticks(now.Sub(c.began)), e.RenewAt.Load()
	return at >= due && e.RenewAt.CompareAndSwap(due, at+ticks(renewPause))
}

// lateUse reports whether a use of the session is to be recorded.
func (c *Store) lateUse(e *entry, now time.Time) bool {
	l := c.lease.Load()
	return l != nil && l.latest(now).Sub(e.Value.LastSeenAt) >= session.TouchInterval
}

// tick is the unit of the times of an entry, which takes less memory so. They are rounded down: an
// entry counts as older than it is.
const tick = 100 * time.Millisecond

// ticks returns how many ticks d has, of which 32 bits hold 13 years.
func ticks(d time.Duration) uint32 { return uint32(max(d, 0) / tick) }
