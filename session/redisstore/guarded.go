package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// guarded is a client whose calls a breaker watches and, while it is open, refuses. Only
// the methods that are here are guarded; those of the embedded client are not.
type guarded struct {
	redis.UniversalClient
	breaker *breaker
}

func newGuarded(client redis.UniversalClient, opts Options) *guarded {
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
	return &guarded{client, newBreaker(settings)}
}

// exec sends the calls unless the breaker is open.
func (g *guarded) exec(ctx context.Context, calls []*call) ([]any, error) {
	if err := g.breaker.allow(); err != nil {
		return nil, err
	}
	began := time.Now()
	answers, err := plain{g.UniversalClient}.exec(ctx, calls)
	g.breaker.report(ctx, err, time.Since(began))
	return answers, err
}
