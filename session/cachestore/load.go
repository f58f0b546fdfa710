package cachestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

const (
	// maxAge is how old an entry is at most when it is served. It bounds what becomes of a
	// change that was never announced, such as a key that somebody deleted by hand.
	maxAge = 2 * session.TouchInterval

	// renewPause is the least time between two attempts to renew an entry.
	renewPause = time.Second

	// sharedReadLimit is how old a read under way may be that is joined without a lease: then
	// no announcement says that it missed a change.
	sharedReadLimit = 50 * time.Millisecond

	// workerIdle is how long a goroutine that has read waits for the next read.
	workerIdle = time.Second

	// readLimit ends a read of the store that has no limit of its own.
	readLimit = 5 * time.Second
)

// read is one read of the store that several loads wait for.
type read struct {
	index   counterIndex
	began   time.Time
	stamp   uint64 // when it began
	done    chan struct{}
	session session.Session // this and err are set before done is closed
	err     error
}

// Load implements [session.Store]. With a fresh lease, a session that was loaded before costs no
// command and no allocation.
func (c *Store) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if err := ref.Validate(); err != nil {
		return session.Session{}, err
	}
	if err := ctx.Err(); err != nil {
		return session.Session{}, fmt.Errorf("%w: load: %w", session.ErrUnavailable, err)
	}
	now := time.Now()
	if e := c.hit(ref, now); e != nil {
		c.count.hit(indexOf(e).session)
		if c.renewalDue(e, now) {
			c.readFor(ctx, ref, false)
		}
		return as(ref, e), nil
	}
	c.count.misses.Add(1)
	f := c.readFor(ctx, ref, true)
	if f == nil { // closed
		return c.store.Load(ctx, ref)
	}
	select {
	case <-f.done:
		return f.session, f.err
	case <-ctx.Done():
		return session.Session{}, fmt.Errorf("%w: load: %w", session.ErrUnavailable, context.Cause(ctx))
	}
}

// join returns the read of ref that is under way, or begins one. It returns nil when the
// cache is closed. A read that began before the last announcement is not joined: it may
// have missed what the caller knows of.
func (c *Store) readFor(ctx context.Context, ref session.Ref, cold bool) *read {
	at := c.stamps.indexOf(c.feed.Topics(ref))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	stamp, now := c.stamps.stamp(at), time.Now()
	if f := c.reads[ref]; f != nil && f.stamp == stamp && (now.Sub(f.began) <= sharedReadLimit || c.lease.Load().fresh(now, c.limit)) {
		c.count.shared.Add(1)
		return f
	}
	if cold {
		// A read may have ended since the caller looked.
		if e := c.hit(ref, now); e != nil {
			c.count.shared.Add(1)
			f := &read{session: as(ref, e), done: make(chan struct{})}
			close(f.done)
			return f
		}
	}
	f := &read{index: at, began: now, stamp: stamp, done: make(chan struct{})}
	c.reads[ref] = f
	j := pendingRead{ctx, ref, f}
	select {
	case c.pending <- j:
	default:
		c.running.Go(func() { c.work(j) })
	}
	return f
}

// pendingRead is a read that begins.
type pendingRead struct {
	ctx  context.Context
	ref  session.Ref
	read *read
}

// work reads, and waits a while for the next read: the stack of a new goroutine grows
// again with each, which costs more than the rest of a cold load outside the store.
func (c *Store) work(j pendingRead) {
	idle := time.NewTimer(workerIdle)
	defer idle.Stop()
	for {
		c.fetch(j.ctx, j.ref, j.read)
		j = pendingRead{}
		idle.Reset(workerIdle)
		select {
		case j = <-c.pending:
		case <-c.ctx.Done():
			return
		case <-idle.C:
			return
		}
	}
}

// fetch reads the session of ref. It keeps the values of the context of the load that began
// it, such as its trace, and not its end: others wait for the same read.
func (c *Store) fetch(ctx context.Context, ref session.Ref, f *read) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readLimit)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()

	var e *entry
	stamp := f.stamp
	// An announcement during the read may not be in its answer: the session is read once more. If
	// that is outdated again, it is given to those who wait and not kept.
	for range 2 {
		readAt := ticks(time.Since(c.began))
		c.count.reads.Add(1)
		f.session, f.err = c.store.Load(ctx, ref)
		e = c.entryOf(f.session, f.index, stamp, readAt)
		current := c.stamps.stamp(f.index)
		if f.err != nil || current == stamp {
			break
		}
		stamp = current
	}
	switch {
	case f.err == nil && f.session.Ref() == ref:
		c.entries.Set(keyOf(ref.ID), e)
	case isDefinite(f.err):
		c.entries.Invalidate(keyOf(ref.ID))
	}
	c.mu.Lock()
	if c.reads[ref] == f {
		delete(c.reads, ref)
	}
	c.mu.Unlock()
	close(f.done)
}

// isDefinite reports whether the store said that there is no such session to be served.
func isDefinite(err error) bool {
	return errors.Is(err, session.ErrNotFound) || errors.Is(err, tenant.ErrSuspended) || errors.Is(err, tenant.ErrUnknown)
}
