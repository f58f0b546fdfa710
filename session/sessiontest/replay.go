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

// replayStore is token.ReplayStore, which this package does not import.
type replayStore interface {
	Use(ctx context.Context, key [sha256.Size]byte, ttl time.Duration) (fresh bool, err error)
	Used(ctx context.Context, key [sha256.Size]byte, ttl time.Duration) (bool, error)
}

// RunReplay proves the contract of token.ReplayStore, one case as a subtest after the other,
// for two stores that share their memory, as two instances of a service do; they may be the
// same one. The time it waits is real.
func RunReplay(t *testing.T, one, other replayStore) {
	t.Helper()
	for _, c := range ReplayCases() {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, one, other) })
	}
}

// ReplayCase is one sentence of the contract of token.ReplayStore. Run calls neither t.Run nor
// t.Parallel, so that a case may run in a testing/synctest bubble.
type ReplayCase struct {
	Name string
	Run  func(t *testing.T, one, other replayStore)
}

// ReplayCases returns the whole suite, for callers that run each case in surroundings of their
// own. [RunReplay] is for everyone else.
func ReplayCases() []ReplayCase {
	var all []ReplayCase
	for _, s := range []struct {
		name string
		play func(k replayKit)
	}{
		{"the first use is fresh", firstUseIsFresh},
		{"a used key is known to both", usedKeyIsKnownToBoth},
		{"a second use is not fresh", secondUseIsNotFresh},
		{"another key is not the first", anotherKeyIsFresh},
		{"a key ends with the time of its first use", keyEndsWithItsTime},
		{"of many uses at once one is fresh", oneOfManyIsFresh},
		{"a time to live of nothing is refused", timeToLiveIsPositive},
		{"a context that has ended is an outage", endedContextIsAnOutage},
	} {
		all = append(all, ReplayCase{s.name, func(t *testing.T, one, other replayStore) { s.play(replayKit{t, one, other}) }})
	}
	return all
}

func firstUseIsFresh(k replayKit) {
	key := freshKey()
	if k.used(k.one, key) || k.used(k.other, key) {
		k.Error("a key that nobody used counts as used")
	}
	if !k.use(k.one, key, time.Minute) {
		k.Error("the first use is not fresh")
	}
}

func usedKeyIsKnownToBoth(k replayKit) {
	key := freshKey()
	k.use(k.one, key, time.Minute)
	if !k.used(k.one, key) || !k.used(k.other, key) {
		k.Error("a used key is not known to both")
	}
}

func secondUseIsNotFresh(k replayKit) {
	key := freshKey()
	k.use(k.one, key, time.Minute)
	if k.use(k.one, key, time.Minute) || k.use(k.other, key, time.Minute) {
		k.Error("a second use is fresh")
	}
}

func anotherKeyIsFresh(k replayKit) {
	k.use(k.one, freshKey(), time.Minute)
	if !k.use(k.other, freshKey(), time.Minute) {
		k.Error("another key is taken for the first")
	}
}

// A refused use does not extend the time of the one before.
func keyEndsWithItsTime(k replayKit) {
	short := freshKey()
	if !k.use(k.one, short, 300*time.Millisecond) {
		k.Error("the first use of a short time is not fresh")
	}
	if k.use(k.other, short, time.Hour) {
		k.Error("a second use within its time is fresh")
	}
	for deadline := time.Now().Add(pause); k.used(k.other, short); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			k.Fatal("a key outlives its time, or a refused use extends it")
		}
	}
}

func oneOfManyIsFresh(k replayKit) {
	for range 20 {
		key := freshKey()
		var fresh atomic.Int64
		var wg sync.WaitGroup
		for i := range 16 {
			store := k.one
			if i%2 == 1 {
				store = k.other
			}
			wg.Go(func() {
				if k.use(store, key, time.Minute) {
					fresh.Add(1)
				}
			})
		}
		wg.Wait()
		if n := fresh.Load(); n != 1 {
			k.Fatalf("of 16 uses at once %d are fresh", n)
		}
	}
}

func timeToLiveIsPositive(k replayKit) {
	for _, ttl := range []time.Duration{0, -time.Second} {
		if fresh, err := k.one.Use(k.Context(), freshKey(), ttl); fresh || !errors.Is(err, session.ErrInvalid) {
			k.Errorf("a time to live of %v: %v, %v", ttl, fresh, err)
		}
	}
}

func endedContextIsAnOutage(k replayKit) {
	gone, cancel := context.WithCancel(k.Context())
	cancel()
	if fresh, err := k.one.Use(gone, freshKey(), time.Minute); fresh || !errors.Is(err, session.ErrUnavailable) {
		k.Errorf("Use in a context that has ended: %v, %v", fresh, err)
	}
	if used, err := k.one.Used(gone, freshKey(), time.Minute); used || !errors.Is(err, session.ErrUnavailable) {
		k.Errorf("Used in a context that has ended: %v, %v", used, err)
	}
}

// replayKit is two stores that share their memory, and the test that they are in.
type replayKit struct {
	*testing.T
	one, other replayStore
}

func (k replayKit) use(s replayStore, key [sha256.Size]byte, ttl time.Duration) bool {
	fresh, err := s.Use(k.Context(), key, ttl)
	if err != nil {
		k.Errorf("Use: %v", err)
	}
	return fresh
}

func (k replayKit) used(s replayStore, key [sha256.Size]byte) bool {
	used, err := s.Used(k.Context(), key, time.Minute)
	if err != nil {
		k.Errorf("Used: %v", err)
	}
	return used
}

func freshKey() [sha256.Size]byte { return sha256.Sum256([]byte(rand.Text())) }
