package cachestore_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/tenant"
)

// wire is a feed that a test controls. Unless silent, it sends a heartbeat four times a second.
type wire struct {
	silent atomic.Bool
	lost   atomic.Bool // announcements go nowhere

	mu        sync.Mutex
	listeners []session.Listener
}

func (w *wire) Topics(ref session.Ref) session.Topics {
	t := session.Topics{Tenant: "t " + ref.Tenant.String(), User: "u " + ref.Tenant.String() + " " + ref.User.String()}
	if !ref.ID.IsZero() {
		t.Session = t.User + " " + ref.ID.Reveal()
	}
	return t
}

func (w *wire) Listen(ctx context.Context, l session.Listener) {
	w.mu.Lock()
	w.listeners = append(w.listeners, l)
	w.mu.Unlock()
	l.Reset()
	ticks := time.NewTicker(250 * time.Millisecond)
	defer ticks.Stop()
	for {
		if !w.silent.Load() {
			now := time.Now()
			l.Heartbeat(now, now.Round(0))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

func (w *wire) each(do func(l session.Listener)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.listeners {
		do(l)
	}
}

func (w *wire) announce(scope session.Scope, topic string) {
	if w.lost.Load() {
		return
	}
	w.each(func(l session.Listener) { l.Changed(scope, topic) })
}

// announcing is a store that announces its changes on a wire, as part of the change.
type announcing struct {
	session.Store
	wire *wire
}

func (a announcing) Update(ctx context.Context, s session.Session) (session.Session, error) {
	defer a.wire.announce(session.ScopeSession, a.wire.Topics(s.Ref()).Session)
	return a.Store.Update(ctx, s)
}

func (a announcing) Rotate(ctx context.Context, old session.Ref, s session.Session, d session.Digest) (session.Session, error) {
	defer a.wire.announce(session.ScopeSession, a.wire.Topics(old).Session)
	return a.Store.Rotate(ctx, old, s, d)
}

func (a announcing) Revoke(ctx context.Context, ref session.Ref) error {
	defer a.wire.announce(session.ScopeSession, a.wire.Topics(ref).Session)
	return a.Store.Revoke(ctx, ref)
}

func (a announcing) RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	defer a.wire.announce(session.ScopeUser, a.wire.Topics(session.Ref{Tenant: t, User: u}).User)
	return a.Store.RevokeUser(ctx, t, u)
}

func (a announcing) RevokeTenant(ctx context.Context, t tenant.ID) error {
	defer a.wire.announce(session.ScopeTenant, a.wire.Topics(session.Ref{Tenant: t}).Tenant)
	return a.Store.RevokeTenant(ctx, t)
}

func (a announcing) RevokeAll(ctx context.Context) error {
	defer a.wire.announce(session.ScopeAll, "")
	return a.Store.RevokeAll(ctx)
}

func (a announcing) SetTenantStatus(ctx context.Context, t tenant.ID, status tenant.Status) error {
	defer a.wire.announce(session.ScopeTenant, a.wire.Topics(session.Ref{Tenant: t}).Tenant)
	return a.Store.SetTenantStatus(ctx, t, status)
}

// watched is a store whose loads are counted, and stopped on both sides of the read when
// a test says so.
type watched struct {
	session.Store
	mu     sync.Mutex
	loads  int
	fail   error
	before func() // runs in Load before the read
	after  func() // runs in Load between the read and its return
}

func (w *watched) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	w.mu.Lock()
	w.loads++
	fail, before, after := w.fail, w.before, w.after
	w.mu.Unlock()
	if fail != nil {
		return session.Session{}, fail
	}
	if before != nil {
		before()
	}
	s, err := w.Store.Load(ctx, ref)
	if after != nil {
		after()
	}
	return s, err
}

// first returns a function of which only the first call does something. Unlike with a
// sync.Once, the others do not wait for it.
func first(do func()) func() {
	var called atomic.Bool
	return func() {
		if called.CompareAndSwap(false, true) {
			do()
		}
	}
}

func (w *watched) set(change func(w *watched)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

// asked returns how often the store was asked since the last call.
func (w *watched) asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.loads
	w.loads = 0
	return n
}

// startCache starts a cache that ends with the test, and waits for its first heartbeat.
func startCache(t testing.TB, store session.Store, feed session.Feed) *cachestore.Store {
	t.Helper()
	c, err := cachestore.New(cachestore.Config{Store: store, Feed: feed, MaxEntries: 4096})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if w, ok := feed.(*wire); ok && w.silent.Load() {
		return c
	}
	testwait.Until(t, "the feed beats", func() bool { return c.Stats().Fresh })
	return c
}
