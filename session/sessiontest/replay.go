package sessiontest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

// Replays is what the replay cases ask of a store. It is token.ReplayStore.
type Replays interface {
	Use(ctx context.Context, key [sha256.Size]byte, ttl time.Duration) (fresh bool, err error)
	Used(ctx context.Context, key [sha256.Size]byte, ttl time.Duration) (bool, error)
}

// RunReplay proves the contract of token.ReplayStore for two stores that share their memory,
// as two instances of a service do; they may be the same one. The time it waits is real,
// or that of the synctest bubble it runs in.
func RunReplay(t *testing.T, one, other Replays) {
	t.Helper()
	r := replays{t}
	key := freshKey()
	if r.used(other, key) {
		t.Error("a key that nobody used counts as used")
	}
	if !r.use(one, key, time.Minute) {
		t.Error("the first use is not fresh")
	}
	if !r.used(one, key) || !r.used(other, key) {
		t.Error("a used key is not known to both")
	}
	if r.use(one, key, time.Minute) || r.use(other, key, time.Minute) {
		t.Error("a second use is fresh")
	}
	if !r.use(other, freshKey(), time.Minute) {
		t.Error("another key is taken for the first")
	}

	short := freshKey()
	if !r.use(one, short, 300*time.Millisecond) {
		t.Error("the first use of a short time is not fresh")
	}
	if r.use(other, short, time.Hour) {
		t.Error("a second use within its time is fresh")
	}
	for deadline := time.Now().Add(settle); r.used(other, short); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a key outlives its time, or a refused use extends it")
		}
	}

	for range 20 {
		key := freshKey()
		var fresh atomic.Int64
		var wg sync.WaitGroup
		for i := range 16 {
			store := one
			if i%2 == 1 {
				store = other
			}
			wg.Go(func() {
				if r.use(store, key, time.Minute) {
					fresh.Add(1)
				}
			})
		}
		wg.Wait()
		if n := fresh.Load(); n != 1 {
			t.Fatalf("of 16 uses at once %d are fresh", n)
		}
	}

	for _, ttl := range []time.Duration{0, -time.Second} {
		if fresh, err := one.Use(t.Context(), freshKey(), ttl); fresh || !errors.Is(err, session.ErrInvalid) {
			t.Errorf("a time to live of %v: %v, %v", ttl, fresh, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if fresh, err := one.Use(gone, freshKey(), time.Minute); fresh || !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Use in a context that has ended: %v, %v", fresh, err)
	}
	if used, err := one.Used(gone, freshKey(), time.Minute); used || !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Used in a context that has ended: %v, %v", used, err)
	}
}

type replays struct{ *testing.T }

func (r replays) use(s Replays, key [sha256.Size]byte, ttl time.Duration) bool {
	fresh, err := s.Use(r.Context(), key, ttl)
	if err != nil {
		r.Errorf("Use: %v", err)
	}
	return fresh
}

func (r replays) used(s Replays, key [sha256.Size]byte) bool {
	used, err := s.Used(r.Context(), key, time.Minute)
	if err != nil {
		r.Errorf("Used: %v", err)
	}
	return used
}

func freshKey() [sha256.Size]byte { return sha256.Sum256([]byte(rand.Text())) }
