package memstore

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/reevehq/reeve/session"
)

// defaultReplayLimit is how many keys a [Replay] holds unless told otherwise, in about 100
// bytes each.
const defaultReplayLimit = 1 << 18

// Replay remembers in the memory of one process what was used: DPoP proofs and logout
// tokens, see token.ReplayStore. Only [NewReplay] makes a usable one. It is safe for
// concurrent use and starts no goroutine: each call forgets what has ended.
//
// No client holds more keys than are free, so that one which floods it takes at most half, and
// leaves room for the others. session.WithClient names the client of a call: the middleware
// gives the address of a client that asks for its first token, and the key of one that has a
// token.
//
// It is for programs of one process. On two, each would accept what the other has seen. One
// that is restarted accepts once more what it saw within the lifetime of a proof before.
type Replay struct {
	mu    sync.Mutex
	limit int
	ends  map[[sha256.Size]byte]time.Time
	held  map[string]int // keys of each client
	queue expiries
}

// NewReplay returns an empty store of at most limit keys, 0 for [defaultReplayLimit]. When
// it is full of keys that have not ended, or as full as the client may fill it, Use fails with
// session.ErrUnavailable: to forget one early would be to accept it twice.
func NewReplay(limit int) *Replay {
	if limit <= 0 {
		limit = defaultReplayLimit
	}
	return &Replay{limit: limit, ends: map[[sha256.Size]byte]time.Time{}, held: map[string]int{}}
}

// Use implements token.ReplayStore.
func (r *Replay) Use(ctx context.Context, key [sha256.Size]byte, ttl time.Duration) (bool, error) {
	if ttl <= 0 {
		return false, fmt.Errorf("memstore: replay: %w: a time to live of %v", session.ErrInvalid, ttl)
	}
	now, err := r.enter(ctx)
	if err != nil {
		return false, err
	}
	defer r.mu.Unlock()
	if _, used := r.ends[key]; used {
		return false, nil
	}
	if len(r.ends) >= r.limit {
		return false, fmt.Errorf("memstore: replay: %w: %d keys are held, the limit", session.ErrUnavailable, r.limit)
	}
	client := session.ClientFromContext(ctx)
	if client != "" && r.held[client] >= r.limit-len(r.ends) {
		return false, fmt.Errorf("memstore: replay: %w: %d keys of one client are held, and no more are free", session.ErrUnavailable, r.held[client])
	}
	end := now.Add(ttl)
	r.ends[key] = end
	heap.Push(&r.queue, expiry{key, end, client})
	if client != "" {
		r.held[client]++
	}
	return true, nil
}

// Used implements token.ReplayStore.
func (r *Replay) Used(ctx context.Context, key [sha256.Size]byte, _ time.Duration) (bool, error) {
	if _, err := r.enter(ctx); err != nil {
		return false, err
	}
	defer r.mu.Unlock()
	_, used := r.ends[key]
	return used, nil
}

// Len returns how many keys are held.
func (r *Replay) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(time.Now())
	return len(r.ends)
}

// enter locks and forgets what has ended. The caller unlocks when the error is nil.
func (r *Replay) enter(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, fmt.Errorf("memstore: replay: %w: %w", session.ErrUnavailable, err)
	}
	r.mu.Lock()
	now := time.Now()
	r.forget(now)
	return now, nil
}

func (r *Replay) forget(now time.Time) {
	for len(r.queue) > 0 && !now.Before(r.queue[0].end) {
		ended := heap.Pop(&r.queue).(expiry)
		delete(r.ends, ended.key)
		if r.held[ended.client]--; r.held[ended.client] <= 0 {
			delete(r.held, ended.client)
		}
	}
}

type expiry struct {
	key    [sha256.Size]byte
	end    time.Time
	client string // "" for none
}

// expiries is a heap, the next to end first.
type expiries []expiry

func (e expiries) Len() int           { return len(e) }
func (e expiries) Less(i, j int) bool { return e[i].end.Before(e[j].end) }
func (e expiries) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *expiries) Push(x any)        { *e = append(*e, x.(expiry)) }
func (e *expiries) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}
