//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// isOutage says that an error is an outage and nothing that a caller acts on.
func isOutage(err error) bool {
	for _, answer := range []error{
		session.ErrNotFound, session.ErrConflict, session.ErrExists, session.ErrRefreshReused,
		session.ErrRefreshInvalid, tenant.ErrUnknown, tenant.ErrSuspended,
	} {
		if errors.Is(err, answer) {
			return false
		}
	}
	return errors.Is(err, session.ErrUnavailable)
}

// everyMethodIsAnOutage calls every method; each must fail within limit, and the time of a
// stall, since the machine may be busy.
func (f *fixture) everyMethodIsAnOutage(what string, store *redisstore.Store, ref session.Ref, limit time.Duration) {
	f.Helper()
	stalls := watchStalls(f.T)
	for _, m := range methods(ref) {
		began := time.Now()
		if err := m.do(context.Background(), store); !isOutage(err) {
			f.Errorf("%s: %s: got %v, want ErrUnavailable", what, m.name, err)
		}
		took := time.Since(began)
		if slack := stalls.slack(); took > limit+slack {
			f.Errorf("%s: %s took %v, the limit is %v and a slack of %v", what, m.name, took, limit, slack)
		}
	}
}

// The default budget is 200 ms. The caller of a request gets its 503 within 300.
const answerLimit = 300 * time.Millisecond

func TestStoreWhileRedisIsGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	s := f.create()
	f.server.Kill()
	f.everyMethodIsAnOutage("killed", f.store, s.Ref(), answerLimit)
	f.server.Restart()
	f.eventually("the session is loaded after the restart", func() error {
		_, err := f.store.Load(t.Context(), s.Ref())
		return err
	})
	for _, m := range methods(s.Ref()) {
		f.eventually(m.name+" after the restart", func() error { return m.do(t.Context(), f.store) })
	}
}

func TestStoreWhileRedisHangs(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	s := f.create()
	f.server.Freeze()
	f.everyMethodIsAnOutage("frozen", f.store, s.Ref(), answerLimit)
	// Many requests at once must not wait for each other either.
	stalls := watchStalls(t)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			began := time.Now()
			if _, err := f.store.Load(context.Background(), s.Ref()); !isOutage(err) {
				f.Errorf("one of 100 loads: %v", err)
			}
			if took := time.Since(began); took > 2*time.Second+stalls.slack() {
				f.Errorf("one of 100 loads took %v", took)
			}
		})
	}
	wg.Wait()
	f.server.Thaw()
	// Commands that were sent before the thaw run now, revocations included: only that the store
	// answers again is certain.
	f.eventually("the store answers after the thaw", func() error {
		_, err := f.store.Load(t.Context(), s.Ref())
		if errors.Is(err, session.ErrNotFound) {
			return nil
		}
		return err
	})
	f.eventually("a session is created after the thaw", func() error {
		_, err := f.store.Create(t.Context(), draft(), session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")})
		return err
	})
}

// A caller with less time than the budget gets its answer in its own time.
func TestStoreKeepsTheCallersDeadline(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	s := f.create()
	f.server.Freeze()
	defer f.server.Thaw()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	stalls := watchStalls(t)
	began := time.Now()
	if _, err := f.store.Load(ctx, s.Ref()); !isOutage(err) {
		t.Errorf("Load: %v", err)
	}
	if took := time.Since(began); took > time.Second+stalls.slack() {
		t.Errorf("Load took %v, the caller had 50ms", took)
	}
}

// A caller who was told "you are signed in", or "it is revoked", was told the truth, also when Redis
// dies a moment later.
func TestStoreKeepsWhatItAcknowledgedBeforeACrash(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	var mu sync.Mutex
	var live, revoked []session.Ref
	enough := make(chan struct{})
	var crashed atomic.Bool
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for n := 0; !crashed.Load(); n++ {
				one := draft()
				one.User = session.MustParseUserID(fmt.Sprintf("user-%d-%d", w, n/20)) // of fewer than the limit
				s, err := f.store.Create(context.Background(), one, session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")})
				if err != nil {
					<-time.After(time.Millisecond)
					continue // the crash, or a busy machine: nothing was acknowledged
				}
				if n%2 == 0 {
					mu.Lock()
					live = append(live, s.Ref())
					mu.Unlock()
					continue
				}
				if err := f.store.Revoke(context.Background(), s.Ref()); err != nil {
					continue
				}
				mu.Lock()
				revoked = append(revoked, s.Ref())
				if len(revoked) == 100 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(60 * time.Second):
		t.Error("too few sessions before the crash")
	}
	f.server.Kill()
	crashed.Store(true)
	writers.Wait()
	f.server.Restart()
	for _, ref := range live {
		f.eventually("an acknowledged session is loaded", func() error { _, err := f.store.Load(t.Context(), ref); return err })
	}
	for _, ref := range revoked {
		f.eventually("an acknowledged revocation holds", func() error {
			_, err := f.store.Load(t.Context(), ref)
			if err == nil {
				return errors.New("a revoked session is live after the crash")
			}
			if errors.Is(err, session.ErrNotFound) {
				return nil
			}
			return err
		})
	}
	t.Logf("%d sessions and %d revocations survived", len(live), len(revoked))
}

// A server that became a replica may be behind: it is asked for nothing, not even reads.
func TestStoreOnAReplica(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	s := f.create()
	if err := f.raw.Do(t.Context(), "replicaof", "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	for _, m := range methods(s.Ref())[1:] { // Ping alone is true of a replica
		if err := m.do(t.Context(), f.store); !isOutage(err) {
			t.Errorf("%s: got %v, want ErrUnavailable", m.name, err)
		}
	}
	if err := f.raw.Do(t.Context(), "replicaof", "no", "one").Err(); err != nil {
		t.Fatal(err)
	}
	f.eventually("the session is loaded from the master", func() error { _, err := f.store.Load(t.Context(), s.Ref()); return err })
}

func TestStoreWithoutThePassword(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	s := f.create()
	if err := f.raw.ConfigSet(t.Context(), "requirepass", "right").Err(); err != nil {
		t.Fatal(err)
	}
	for what, url := range map[string]string{
		"no password":    f.server.URL(),
		"wrong password": "redis://:wr0ng-secret@" + f.server.Addr(),
	} {
		store := open(t, url, storeOptions())
		for _, m := range methods(s.Ref())[1:] {
			if err := m.do(t.Context(), store); !isOutage(err) {
				t.Errorf("%s: %s: got %v, want ErrUnavailable", what, m.name, err)
			}
		}
		// Waiting mends no password, so that Ping, which is asked at the start, says more.
		if err := store.Ping(t.Context()); !errors.Is(err, redisstore.ErrMisconfigured) || strings.Contains(err.Error(), "wr0ng-secret") {
			t.Errorf("%s: Ping: %v", what, err)
		}
	}
	right := open(t, "redis://:right@"+f.server.Addr(), storeOptions())
	f.eventually("Ping with the password", func() error { return right.Ping(t.Context()) })
}

// When memory is short nobody signs in, but who is signed in stays, and revoking works.
func TestStoreWithoutMemory(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	s := f.create()
	if err := f.raw.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.Create(t.Context(), draft(), session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")}); !isOutage(err) {
		t.Errorf("Create: got %v, want ErrUnavailable", err)
	}
	if _, err := f.store.Load(t.Context(), s.Ref()); err != nil {
		t.Errorf("Load: %v", err)
	}
	if err := f.store.RevokeUser(t.Context(), acme, alice); err != nil {
		t.Errorf("RevokeUser: %v", err)
	}
	if _, err := f.store.Load(t.Context(), s.Ref()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Load after RevokeUser: %v", err)
	}
}

// A server that restarted, or whose scripts were flushed, knows none of ours.
func TestStoreAfterScriptFlush(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	s := f.create()
	for _, m := range methods(s.Ref()) {
		if err := f.raw.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := m.do(t.Context(), f.store); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}
