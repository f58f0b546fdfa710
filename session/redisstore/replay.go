package redisstore

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
)

// Replay remembers in Redis what was used, for every instance of a service: DPoP proofs
// and logout tokens, see token.ReplayStore. [Store.Replay] returns it. It is safe for
// concurrent use.
//
// Each use is one SET NX PX, in a script, of a key of about 40 bytes that ends with its time
// to live, so what Redis holds is bounded by the rate of requests times that. The script is
// never run twice for one use: when its answer is lost, the caller gets an outage and cannot
// know whether the key was recorded, and the client sends a new proof. Nothing is stored by
// which a retry could be told from a replay, because nothing in the requests tells them
// apart.
//
// A failover that loses the last writes forgets these too, and no instance puts them back.
type Replay struct{ store *Store }

// Replay returns the replay store that shares the client, names and budget of s.
func (s *Store) Replay() *Replay { return &Replay{s} }

// Use implements token.ReplayStore. Every error is an outage but that for a time to live
// under a millisecond, which wraps session.ErrInvalid.
func (r *Replay) Use(ctx context.Context, key [sha256.Size]byte, ttl time.Duration) (bool, error) {
	const op = "use once"
	if ttl < time.Millisecond {
		return false, wrap(op, fmt.Errorf("%w: a time to live of %v", session.ErrInvalid, ttl))
	}
	ctx, cancel := r.store.within(ctx)
	defer cancel()
	v, err := r.store.run(ctx, useScript, []string{r.store.names.replay(key)}, ttl.Milliseconds())
	switch {
	case err != nil:
		return false, wrap(op, err)
	case v == "again":
		return false, nil
	case v != "first":
		return false, wrap(op, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt))
	}
	return true, nil
}

// Used implements token.ReplayStore.
func (r *Replay) Used(ctx context.Context, key [sha256.Size]byte) (bool, error) {
	const op = "used"
	ctx, cancel := r.store.within(ctx)
	defer cancel()
	answers, err := batch(ctx, r.store.client, func(eval bool) []*call {
		return []*call{usedScript.call(ctx, eval, []string{r.store.names.replay(key)})}
	})
	switch {
	case err != nil:
		return false, wrap(op, failed(err))
	case answers[0] == "yes":
		return true, nil
	case answers[0] != "no":
		return false, wrap(op, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt))
	}
	return false, nil
}

// replay is the key of something that was used. Each is in a slot of its own.
func (n names) replay(key [sha256.Size]byte) string {
	return n.prefix + ":{p-" + n.digest("replay", string(key[:])) + "}"
}
