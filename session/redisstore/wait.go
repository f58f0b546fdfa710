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
	node := s.client.UniversalClient
	if cluster, ok := node.(*redis.ClusterClient); ok {
		master, err := cluster.MasterForKey(ctx, keys[0])
		if err != nil {
			return nil, failed(err)
		}
		node = master
	}
	try := func(eval bool) ([]any, error) {
		return (&guarded{node, s.client.breaker}).exec(ctx, []*call{
			sc.call(ctx, eval, keys, args...),
			unmarked(ctx, "wait", s.replicas, max(1, s.timeout.Milliseconds()/2)),
			probeScript.call(ctx, eval, nil),
		})
	}
	began := time.Now()
	answers, err := try(false)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		answers, err = try(true)
	}
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
