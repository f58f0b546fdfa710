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
	for _, c := range sessiontest.ReplayCases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := memstore.NewReplay(0)
				c.Run(t, r, r)
			})
		})
	}
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

// One client that floods leaves half to the others, and each of several leaves as much as it
// takes: they share what there is.
func TestOneClientDoesNotFillAReplayStoreForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 1000
		r, next := memstore.NewReplay(limit), 0
		fill := func(client string) (held int) {
			ctx := session.WithClient(t.Context(), client)
			for range 2 * limit {
				next++
				fresh, err := r.Use(ctx, key(next), time.Minute)
				if err != nil && !errors.Is(err, session.ErrUnavailable) || fresh != (err == nil) {
					t.Fatal(fresh, err)
				}
				if fresh {
					held++
				}
			}
			return held
		}
		for i, want := range []int{500, 250, 125} {
			if n := fill(string(rune('a' + i))); n != want {
				t.Errorf("client %d holds %d keys, want %d", i, n, want)
			}
		}
		if n := r.Len(); n > limit*7/8 {
			t.Errorf("%d keys are held", n)
		}
		time.Sleep(time.Minute)
		if n := fill("a"); n != limit/2 {
			t.Errorf("after all have ended, a client holds %d", n)
		}
	})
}
