package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
)

// written is the answer of a script that has made a change.
type written struct {
	answer any

	// short is nil, or says that the change is on fewer replicas than Options.WaitReplicas. It is
	// an outage to the caller; this instance's knowledge of the change holds all the same.
	short error
}

// write runs a script that changes something and, where Options.WaitReplicas asks for it,
// returns only when so many replicas have it: WAIT speaks of the writes of its own connection,
// so the two go in one pipeline to the server of the first key. WAIT cannot run in a script and
// so bears no nonce; it stands between two calls that do.
func (s *Store) write(ctx context.Context, sc script, keys []string, args ...any) (written, error) {
	if s.replicas == 0 || ctx.Value(failingKey{}) != nil {
		v, err := s.run(ctx, sc, keys, args...)
		return written{answer: v}, err
	}
	if err := ctx.Err(); err != nil {
		return written{}, failed(err)
	}
	began := time.Now()
	var answers []any
	err := s.client.retryWhileResharding(ctx, func() (err error) {
		answers, err = s.onItsMaster(ctx, keys[0], func(node *breakerClient, eval bool) ([]any, error) {
			change := sc.call(ctx, eval, keys, args...)
			change.once = true
			return node.exec(ctx, []*call{
				change,
				withoutNonce(ctx, "wait", s.replicas, s.wait.Milliseconds()),
				probeScript.call(ctx, eval, nil),
			})
		})
		return err
	})
	if err != nil {
		return written{}, failed(err)
	}
	reached, ok := answers[1].(int64)
	if !ok {
		return written{}, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	w := written{answer: answers[0]}
	if reached < int64(s.replicas) {
		w.short = fmt.Errorf("%w: changed, and on %d of %d replicas after %v", session.ErrUnavailable, reached, s.replicas, time.Since(began).Round(time.Millisecond))
	}
	return w, nil
}

// failingKey is the key of a context in which no change waits for replicas.
type failingKey struct{}

// after returns the context of the steps that follow one which has come to err. The call is an outage
// then whatever they come to, and they are made all the same: so they wait for no replicas, each of
// which would take half of what the call has.
func after(ctx context.Context, err error) context.Context {
	if err == nil {
		return ctx
	}
	return context.WithValue(ctx, failingKey{}, true)
}

// waitFor is how long a change waits for replicas: half of what its call has, and half of
// what the client waits for any answer, or a replica that is behind would look like a
// server that is gone.
func waitFor(client redis.UniversalClient, timeout time.Duration) time.Duration {
	switch c := client.(type) {
	case *redis.Client:
		timeout = min(timeout, c.Options().ReadTimeout)
	case *redis.ClusterClient:
		timeout = min(timeout, c.Options().ReadTimeout)
	}
	return max(timeout/2, time.Millisecond)
}

// onItsMaster runs a script on the server that has a key, and tells the client of a cluster
// when that is another one than it thought.
func (s *Store) onItsMaster(ctx context.Context, key string, run func(node *breakerClient, eval bool) ([]any, error)) ([]any, error) {
	node := &breakerClient{s.client.raw, s.client.breaker}
	cluster, ok := node.raw.(*redis.ClusterClient)
	if ok {
		master, err := cluster.MasterForKey(ctx, key)
		if err != nil {
			return nil, err
		}
		node.raw = master
	}
	answers, err := run(node, false)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		answers, err = run(node, true)
	}
	if ok && isRedirection(err) {
		cluster.ReloadState(ctx)
	}
	return answers, err
}
