package reqctx

import "sync/atomic"

// Entry is a session in a cache, with all that each use of it looks at. It is here, and not in the
// package of the cache, since a session.Handle holds the one that was found last. It is shared by
// everyone and never changed, but for RenewAt and Dropped.
type Entry[T any] struct {
	Value   T             // first, so that its times stand beside what follows
	Index   uint64        // of the counters of what is announced about it
	Stamp   uint64        // of Index, before it was read
	ReadAt  uint32        // ticks since the cache began, before it was read
	RenewAt atomic.Uint32 // no renewal begins earlier; ticks since the cache began
	Cache   uint32        // which cache of this process
	Dropped atomic.Bool   // the cache no longer has it
}
