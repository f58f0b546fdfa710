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
// Each use is one SET NX PX, in a script, of a key of about 40 bytes that ends with its time to
// live, so the memory in Redis is bounded by the rate of requests times that. The script is never
// run twice for one use: when its answer is lost, the caller gets an outage and cannot know whether
// the key was recorded, and the client sends a new proof. Nothing is stored by which a retry could
// be told from a replay, because nothing in the requests tells them apart.
//
// Redis may lose what was used: it is flushed, restarts, fails over, or evicts keys. So no use is
// decided by a server that was not asked about that within the last second, see [Store.Server], and
// after a loss every use fails with session.ErrUnavailable until the time to live that it asks for
// has passed since: everything that was used before the loss has ended then. So the time to live of
// one kind of key must be the whole time in which one is accepted, not what is left of it. A loss
// is noted in Redis, for instances that start later. One gap remains: the second until a loss is
// seen, and a flush of which no instance knows that is alive when it is asked next: Redis is then
// as good as new.
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
	name := r.store.names.replay(key)
	if err := r.reliable(ctx, name, ttl); err != nil {
		return false, wrap(op, err)
	}
	v, err := r.store.run(ctx, useScript, []string{name}, ttl.Milliseconds())
	switch {
	case err != nil:
		return false, wrap(op, err)
	case v == "again":
		return false, nil
	case v != "first":
		return false, wrap(op, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt))
	}
	// A loss that was seen meanwhile, or an answer that took long.
	if err := r.reliable(ctx, name, ttl); err != nil {
		return false, wrap(op, err)
	}
	return true, nil
}

// reliable returns nil when no key that was used within ttl can have been lost, as far as was
// seen up to a second ago.
func (r *Replay) reliable(ctx context.Context, name string, ttl time.Duration) error {
	if err := r.store.checked(ctx, name); err != nil {
		return err
	}
	return r.store.losses.held(ttl)
}

// Used implements token.ReplayStore.
func (r *Replay) Used(ctx context.Context, key [sha256.Size]byte, ttl time.Duration) (bool, error) {
	const op = "used"
	ctx, cancel := r.store.within(ctx)
	defer cancel()
	name := r.store.names.replay(key)
	if err := r.reliable(ctx, name, ttl); err != nil {
		return false, wrap(op, err)
	}
	answers, err := batch(ctx, r.store.client, func(eval bool) []*call {
		return []*call{usedScript.call(ctx, eval, []string{name})}
	})
	switch {
	case err != nil:
		return false, wrap(op, failed(err))
	case answers[0] == "yes":
		return true, nil
	case answers[0] != "no":
		return false, wrap(op, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt))
	}
	if err := r.reliable(ctx, name, ttl); err != nil {
		return false, wrap(op, err)
	}
	return false, nil
}

// replay is the key of something that was used. Each is in a slot of its own.
func (n names) replay(key [sha256.Size]byte) string {
	return n.prefix + ":{p-" + n.digest("replay", string(key[:])) + "}"
}
