package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
)

// revoke runs a script that revokes and, where Options.WaitReplicas asks for it, returns
// only when so many replicas have it: WAIT speaks of the writes of its own connection, so
// the two go in one pipeline to the server of the first key. WAIT cannot run in a script and
// so bears no mark; it stands between two calls that do.
func (s *Store) revoke(ctx context.Context, sc script, keys []string, args ...any) (any, error) {
	if s.replicas == 0 {
		return s.run(ctx, sc, keys, args...)
	}
	if err := ctx.Err(); err != nil {
		return nil, failed(err)
	}
	began := time.Now()
	var answers []any
	err := s.client.whileItMoves(ctx, func() (err error) {
		answers, err = s.onItsMaster(ctx, keys[0], func(node *guarded, eval bool) ([]any, error) {
			return node.exec(ctx, []*call{
				sc.call(ctx, eval, keys, args...),
				unmarked(ctx, "wait", s.replicas, s.wait.Milliseconds()),
				probeScript.call(ctx, eval, nil),
			})
		})
		return err
	})
	if err != nil {
		return nil, failed(err)
	}
	reached, ok := answers[1].(int64)
	if !ok {
		return nil, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	if reached < int64(s.replicas) {
		return nil, fmt.Errorf("%w: revoked, and on %d of %d replicas after %v", session.ErrUnavailable, reached, s.replicas, time.Since(began).Round(time.Millisecond))
	}
	return answers[0], nil
}

// waitFor is how long a revocation waits for replicas: half of what its call has, and half of
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
func (s *Store) onItsMaster(ctx context.Context, key string, run func(node *guarded, eval bool) ([]any, error)) ([]any, error) {
	node := &guarded{s.client.UniversalClient, s.client.breaker}
	cluster, ok := node.UniversalClient.(*redis.ClusterClient)
	if ok {
		master, err := cluster.MasterForKey(ctx, key)
		if err != nil {
			return nil, err
		}
		node.UniversalClient = master
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
