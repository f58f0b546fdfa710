//go:build unix

package integration_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// between is a hook that runs something once, after the store has read and before its
// script writes.
type between struct{ do atomic.Pointer[func()] }

func (b *between) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (b *between) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook runs it before a write.
func (b *between) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if isWrite(cmds) {
			if do := b.do.Swap(nil); do != nil {
				(*do)()
			}
		}
		return next(ctx, cmds)
	}
}

// A write is two steps: read what decides, in three slots, then write in one. A session that is
// revoked in between is dead afterwards, and so is the one that the write made.
func TestARevocationBetweenReadingAndWritingWins(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	var hook between
	opts := storeOptions()
	slow, other := hooked(t, f.server.Addr(), opts, &hook), open(t, f.server.URL(), opts)
	if err := other.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}

	writes := map[string]func(s session.Session) (session.Ref, error){
		"Create": func(session.Session) (session.Ref, error) {
			d := draft()
			_, err := slow.Create(t.Context(), d, session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")})
			return d.Ref(), err
		},
		"Update": func(s session.Session) (session.Ref, error) {
			_, err := slow.Update(t.Context(), s)
			return s.Ref(), err
		},
		"Rotate": func(s session.Session) (session.Ref, error) {
			next := s
			next.ID = session.NewID()
			_, err := slow.Rotate(t.Context(), s.Ref(), next, digest("first"))
			return next.Ref(), err
		},
		"Touch": func(s session.Session) (session.Ref, error) { return s.Ref(), slow.Touch(t.Context(), s.Ref()) },
		"Refresh": func(s session.Session) (session.Ref, error) {
			_, err := slow.Refresh(t.Context(), s.Ref(), session.RefreshStep{Presented: digest("first"), Next: digest("second")})
			return s.Ref(), err
		},
	}
	revocations := map[string]func(s session.Session) error{
		"Revoke":       func(s session.Session) error { return other.Revoke(t.Context(), s.Ref()) },
		"RevokeUser":   func(session.Session) error { return other.RevokeUser(t.Context(), acme, alice) },
		"RevokeTenant": func(session.Session) error { return other.RevokeTenant(t.Context(), acme) },
		"RevokeAll":    func(session.Session) error { return other.RevokeAll(t.Context()) },
		"the end of its idle timeout": func(session.Session) error {
			keys, err := f.raw.Keys(t.Context(), "*:a:*").Result()
			if err != nil || len(keys) == 0 {
				return err
			}
			return f.raw.Del(t.Context(), keys...).Err()
		},
	}
	for write, do := range writes {
		for revocation, revoke := range revocations {
			if write == "Create" && (revocation == "Revoke" || revocation == "the end of its idle timeout") {
				continue // of another session
			}
			s, err := other.Create(t.Context(), draft(), session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")})
			if err != nil {
				t.Fatal(err)
			}
			ran := false
			step := func() {
				ran = true
				if err := revoke(s); err != nil {
					t.Errorf("%s: %v", revocation, err)
				}
			}
			hook.do.Store(&step)
			stored := f.records()
			ref, err := do(s)
			// The script itself sees what ended in its slot. Of the tenant and of everyone
			// it cannot know: the epochs in the record are what makes it dead.
			sameSlot := revocation != "RevokeTenant" && revocation != "RevokeAll"
			if write != "Create" && !errors.Is(err, session.ErrNotFound) && (sameSlot || err != nil) {
				t.Errorf("%s during %s: got %v, want ErrNotFound", revocation, write, err)
			}
			if write == "Create" && sameSlot && f.records() != stored {
				t.Errorf("%s during %s: a dead session was stored", revocation, write)
			}
			if !ran {
				t.Errorf("%s during %s: nothing was revoked in between", revocation, write)
			}
			for what, ref := range map[string]session.Ref{"the session": s.Ref(), "what was written": ref} {
				if _, err := other.Load(t.Context(), ref); !errors.Is(err, session.ErrNotFound) {
					t.Errorf("%s during %s: %s: Load: %v", revocation, write, what, err)
				}
			}
			if listed, err := other.List(t.Context(), acme, alice); err != nil || len(listed) != 0 {
				t.Errorf("%s during %s: %d sessions are listed, %v", revocation, write, len(listed), err)
			}
		}
	}
}

// misled is a hook that, while on, tells of each write that Redis does not know the script,
// after it ran: the answer to another call, on a connection out of step.
type misled struct {
	between
	on   atomic.Bool
	lies atomic.Int64
}

type noScript struct{}

func (noScript) Error() string { return "NOSCRIPT No matching script. Please use EVAL." }
func (noScript) RedisError()   {}

func (m *misled) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if err == nil && m.on.Load() && isWrite(cmds) && cmds[0].Name() == "evalsha" {
			m.lies.Add(1)
			cmds[0].SetErr(noScript{})
			return noScript{}
		}
		return err
	}
}

// The second run of a script that ran must not make a conflict of its own change, nor a
// theft of the first use of a refresh secret.
func TestAScriptThatRanAfterAllAnswersAsItDid(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	var hook misled
	store := hooked(t, f.server.Addr(), f.opts, &hook)
	f.learn(store)
	hook.on.Store(true)

	s, err := store.Create(t.Context(), draft(), session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")})
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	s.Roles = session.MustRoles("editor")
	if s, err = store.Update(t.Context(), s); err != nil || s.Version != 2 {
		t.Fatalf("Update: version %d, %v", s.Version, err)
	}
	if err := store.Touch(t.Context(), s.Ref()); err != nil {
		t.Errorf("Touch: %v", err)
	}
	step := session.RefreshStep{Presented: digest("first"), Next: digest("second"), Salt: [32]byte{1}}
	if out, err := store.Refresh(t.Context(), s.Ref(), step); err != nil || out.Repeated || out.Salt != step.Salt {
		t.Errorf("Refresh without grace: repeated %v, %v", out.Repeated, err)
	}
	old, next := s, s
	next.ID = session.NewID()
	if s, err = store.Rotate(t.Context(), old.Ref(), next, digest("third")); err != nil || s.Version != 3 {
		t.Errorf("Rotate: version %d, %v", s.Version, err)
	}
	hook.on.Store(false)
	if n := hook.lies.Load(); n != 5 {
		t.Errorf("the store was misled about %d of 5 scripts", n)
	}
	if got, err := store.Load(t.Context(), s.Ref()); err != nil || got.Version != 3 || !got.Roles.Has("editor") {
		t.Errorf("after all of it: version %d, %v", got.Version, err)
	}
	if _, err := store.Load(t.Context(), old.Ref()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("the old id: %v", err)
	}
	// A change that another call made is a conflict, also of the same version and content.
	stale := old
	if _, err := store.Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	hook.on.Store(true)
	if _, err := store.Update(t.Context(), s); !errors.Is(err, session.ErrConflict) {
		t.Errorf("Update of a version that has passed: %v", err)
	}
	if _, err := store.Create(t.Context(), s, session.CreateOptions{Lifetime: time.Hour}); !errors.Is(err, session.ErrExists) {
		t.Errorf("Create of a session that is there: %v", err)
	}
	if _, err := store.Refresh(t.Context(), stale.Ref(), step); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Refresh of the old id: %v", err)
	}
}

// records returns how many records are stored, live or dead.
func (f *fixture) records() int {
	f.Helper()
	keys, err := f.raw.Keys(f.Context(), "*:s:*").Result()
	if err != nil {
		f.Fatal(err)
	}
	return len(keys)
}

// Every key of a session ends with it, or Redis would fill up; and the user's epoch does
// not end before the longest session, or a revocation would be forgotten.
func TestStoreLeavesNoKeyBehind(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	short, err := f.store.Create(t.Context(), draft(), session.CreateOptions{Lifetime: 200 * time.Millisecond, Refresh: digest("first")})
	if err != nil {
		t.Fatal(err)
	}
	key := f.record()
	const longest = 5 * time.Hour
	long, err := f.store.Create(t.Context(), draft(), session.CreateOptions{Lifetime: longest, Refresh: digest("first")})
	if err != nil {
		t.Fatal(err)
	}
	ttl := func(key string) time.Duration {
		t.Helper()
		d, err := f.raw.PTTL(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := ttl(userKey(key, "i")); d < longest-time.Minute {
		t.Errorf("the index is kept for %v, the longest session for %v", d, longest)
	}
	next := long
	next.ID = session.NewID()
	if long, err = f.store.Rotate(t.Context(), long.Ref(), next, digest("first")); err != nil {
		t.Fatal(err)
	}
	if long, err = f.store.Update(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	step := session.RefreshStep{Presented: digest("first"), Next: digest("second")}
	if _, err := f.store.Refresh(t.Context(), long.Ref(), step); err != nil {
		t.Fatal(err)
	}
	if err := f.store.Touch(t.Context(), long.Ref()); err != nil {
		t.Fatal(err)
	}
	keys, err := f.raw.Keys(t.Context(), "*:{u-*").Result()
	if err != nil || len(keys) < 5 {
		t.Fatalf("%v, %v", keys, err)
	}
	for _, key := range keys {
		limit := longest + 2*time.Hour
		if strings.HasSuffix(key, ":l") { // events
			limit = 30 * 24 * time.Hour
		}
		if d := ttl(key); d <= 0 || d > limit {
			t.Errorf("%s is kept for %v", key, d)
		}
	}
	for _, name := range []string{"e", "i"} {
		if d := ttl(userKey(key, name)); d < longest-time.Minute {
			t.Errorf("%s is kept for %v, the longest session for %v", name, d, longest)
		}
	}
	if err := f.store.RevokeUser(t.Context(), acme, alice); err != nil {
		t.Fatal(err)
	}
	if d := ttl(userKey(key, "e")); d < longest-time.Minute {
		t.Errorf("a revocation is kept for %v, the session it ended for %v", d, longest)
	}
	if err := f.store.Revoke(t.Context(), long.Ref()); err != nil {
		t.Fatal(err)
	}
	reused := f.create()
	step.Presented = digest("never issued")
	if _, err := f.store.Refresh(t.Context(), reused.Ref(), step); !errors.Is(err, session.ErrRefreshReused) {
		t.Fatalf("Refresh: %v", err)
	}
	// When the user was revoked is known for longer than any session: no older sign-in at a provider
	// is adopted.
	if d := ttl(userKey(key, "n")); d < session.EndsKept-time.Minute || d > session.EndsKept {
		t.Errorf("the time of a revocation is kept for %v, want %v", d, session.EndsKept)
	}
	for deadline := time.Now().Add(testwait.Limit); ; time.Sleep(20 * time.Millisecond) {
		keys, err := f.raw.Keys(t.Context(), "*:{u-*").Result()
		if err != nil {
			t.Fatal(err)
		}
		keys = slices.DeleteFunc(keys, func(k string) bool {
			return k == userKey(key, "e") || k == userKey(key, "l") || k == userKey(key, "q") || k == userKey(key, "n")
		})
		if len(keys) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v", keys)
		}
	}
	if _, err := f.store.Load(t.Context(), short.Ref()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Load: %v", err)
	}
}
