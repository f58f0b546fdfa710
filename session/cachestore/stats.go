package cachestore

import (
	"sync/atomic"
	"time"
)

// Stats are counts since the cache was made, and its present state.
type Stats struct {
	Hits    uint64 // loads served from memory
	Misses  uint64 // loads that were not
	Reads   uint64 // times the store was asked for a session, renewals included
	Shared  uint64 // loads that waited for a read of another
	Changes uint64 // announcements heard
	Resets  uint64 // times that announcements may have been missed, the first connection included
	Entries int    // sessions in memory, outdated ones included
	Fresh   bool   // the lease holds; while it does not, every load asks the store
}

// Stats returns the counts. It may be called at any time.
func (c *Store) Stats() Stats {
	return Stats{
		Hits: c.count.hits(), Misses: c.count.misses.Load(), Reads: c.count.reads.Load(), Shared: c.count.shared.Load(),
		Changes: c.count.changes.Load(), Resets: c.count.resets.Load(),
		Entries: c.entries.EstimatedSize(), Fresh: c.lease.Load().fresh(time.Now(), c.limit),
	}
}

// counters keep hits in several places, each on a cache line of its own: one that every
// core wrote to would cost more than the hit.
type counters struct {
	hitsOf [64]struct {
		n atomic.Uint64
		_ [56]byte
	}
	misses, reads, shared, changes, resets atomic.Uint64
}

func (c *counters) hit(which uint32) { c.hitsOf[which%uint32(len(c.hitsOf))].n.Add(1) }

// hitsLike returns how many hits were counted where one of which is.
func (c *counters) hitsLike(which uint32) uint64 {
	return c.hitsOf[which%uint32(len(c.hitsOf))].n.Load()
}

func (c *counters) hits() (sum uint64) {
	for i := range c.hitsOf {
		sum += c.hitsOf[i].n.Load()
	}
	return sum
}
