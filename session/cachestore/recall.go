package cachestore

import (
	"time"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/session"
)

// Recall returns what [Store.Load] would return without asking the store or recording a use, and
// nil where it cannot, for a session.Manager. It is without the ID.
func (c *Store) Recall(ref session.Ref) *reqctx.Entry[session.Session] {
	now := time.Now()
	e := c.hit(ref, now)
	if e == nil || c.lateUse(e, now) {
		return nil
	}
	c.count.hit(indexOf(e).session)
	return e
}

// lookUpEvery is of how many uses one looks its session up, though it was found before: by look-ups
// alone the cache knows which sessions are used most and shall not give way to others. It is a prime,
// so that sessions which take turns each have theirs.
const lookUpEvery = 7

// RecallsFound reports whether Recall would return what it has returned before, or what another
// cache has, without looking it up. Now and then it says no, so that Recall does.
func (c *Store) RecallsFound(e *reqctx.Entry[session.Session]) bool {
	if e.Cache != c.number || c.count.hitsLike(indexOf(e).session)%lookUpEvery == 0 {
		return false
	}
	return c.servesFound(e)
}

// servesFound is RecallsFound of an entry of this cache that need not be looked up.
func (c *Store) servesFound(e *entry) bool {
	now := time.Now()
	l := c.lease.Load()
	if !l.fresh(now, c.limit) || !c.serves(e, l, now) || c.lateUse(e, now) {
		return false
	}
	c.count.hit(indexOf(e).session)
	return true
}

// Recalls reports whether s is c itself, and not a store that embeds it.
func (c *Store) Recalls(s session.Store) bool { return s == session.Store(c) }
