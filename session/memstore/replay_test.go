package memstore_test

import (
	"crypto/sha256"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/sessiontest"
)

func TestReplayKeepsTheContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := memstore.NewReplay(0)
		sessiontest.Replay(t, r, r)
	})
}

func key(i int) [sha256.Size]byte { return sha256.Sum256([]byte(strconv.Itoa(i))) }

// A full store refuses what is new; it forgets nothing early, whatever the order in which
// keys end.
func TestAFullReplayStoreIsAnOutageAndForgetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 100
		r := memstore.NewReplay(limit)
		for i := range limit {
			if fresh, err := r.Use(t.Context(), key(i), time.Duration(limit-i)*time.Second); !fresh || err != nil {
				t.Fatal(fresh, err)
			}
		}
		if fresh, err := r.Use(t.Context(), key(limit), time.Second); fresh || !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("one too many: %v, %v", fresh, err)
		}
		for i := range limit {
			if fresh, err := r.Use(t.Context(), key(i), time.Hour); fresh || err != nil {
				t.Fatalf("key %d is used again: %v, %v", i, fresh, err)
			}
		}
		time.Sleep(time.Second) // the last one ends
		if fresh, err := r.Use(t.Context(), key(limit), time.Second); !fresh || err != nil {
			t.Errorf("after one has ended: %v, %v", fresh, err)
		}
		time.Sleep(time.Hour)
		if n := r.Len(); n != 0 {
			t.Errorf("%d keys are held after all have ended", n)
		}
	})
}
