package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// breakerClient is a client whose calls a breaker watches and, while it is open, refuses. Calls by
// raw are not watched.
type breakerClient struct {
	raw     redis.UniversalClient
	breaker *breaker
}

func newBreakerClient(client redis.UniversalClient, opts Config) *breakerClient {
	settings := breakerSettings{consecutive: 5, ratio: true, onChange: opts.OnBreaker}
	if _, cluster := client.(*redis.ClusterClient); cluster {
		// One master of several that is gone must not lock out the tenants of the others:
		// only when nothing at all is answered, Redis is gone.
		settings.consecutive, settings.ratio = 64, false
	}
	timeout := min(opts.Timeout, maxClientTimeout)
	settings.probe = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		_, err := run(ctx, plain{client}, probeScript, nil)
		return err
	}
	return &breakerClient{client, newBreaker(settings)}
}

// exec sends the calls unless the breaker is open.
func (g *breakerClient) exec(ctx context.Context, calls []*call) ([]any, error) {
	var answers []any
	err := g.retryWhileResharding(ctx, func() (err error) {
		if err := g.breaker.allow(); err != nil {
			return err
		}
		began := time.Now()
		answers, err = plain{g.raw}.exec(ctx, calls)
		g.breaker.report(ctx, err, time.Since(began))
		return err
	})
	return answers, err
}

// retryWhileResharding repeats a call while a cluster refuses it, before doing anything, because
// its slot is on the way from one master to another. Writes too can then be sent again.
func (g *breakerClient) retryWhileResharding(ctx context.Context, call func() error) error {
	for pause := time.Millisecond; ; pause = min(2*pause, maxMovePause) {
		err := call()
		if !g.isResharding(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// maxMovePause is the longest pause between two attempts at a slot that moves.
const maxMovePause = 20 * time.Millisecond

// isResharding reports whether a call was refused because a slot moves. A client of a cluster
// follows redirections; an error is what is left of several in a row.
func (g *breakerClient) isResharding(err error) bool {
	if err == nil {
		return false
	}
	if redis.HasErrorPrefix(err, "TRYAGAIN") {
		return true
	}
	_, cluster := g.raw.(*redis.ClusterClient)
	return cluster && isRedirection(err)
}

func isRedirection(err error) bool {
	return redis.HasErrorPrefix(err, "MOVED") || redis.HasErrorPrefix(err, "ASK")
}
