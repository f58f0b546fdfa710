package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// processor sends one command. A client is one, and so is a guarded one.
type processor interface {
	Process(ctx context.Context, cmd redis.Cmder) error
}

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
		_, err := run(ctx, client, probeScript, nil)
		return err
	}
	return &guarded{client, newBreaker(settings)}
}

// Process sends one command.
func (g *guarded) Process(ctx context.Context, cmd redis.Cmder) error {
	if err := g.breaker.allow(); err != nil {
		return err
	}
	began := time.Now()
	err := g.UniversalClient.Process(ctx, cmd)
	g.breaker.report(ctx, err, time.Since(began))
	return err
}

// Exists is guarded like Process.
func (g *guarded) Exists(ctx context.Context, keys ...string) *redis.IntCmd {
	args := []any{"exists"}
	for _, key := range keys {
		args = append(args, key)
	}
	cmd := redis.NewIntCmd(ctx, args...)
	if err := g.Process(ctx, cmd); err != nil {
		cmd.SetErr(err)
	}
	return cmd
}

// exec sends the commands in one round trip and returns their answers, nil for redis.Nil.
func (g *guarded) exec(ctx context.Context, cmds []*redis.Cmd) ([]any, error) {
	if err := g.breaker.allow(); err != nil {
		return nil, err
	}
	began := time.Now()
	answers, err := exec(ctx, g.UniversalClient, cmds)
	g.breaker.report(ctx, err, time.Since(began))
	return answers, err
}

func exec(ctx context.Context, client redis.UniversalClient, cmds []*redis.Cmd) ([]any, error) {
	pipe := client.Pipeline()
	for _, cmd := range cmds {
		_ = pipe.Process(ctx, cmd) // only queues
	}
	_, err := pipe.Exec(ctx)
	answers := make([]any, len(cmds))
	for i, cmd := range cmds {
		if cmd.Err() != nil && !errors.Is(cmd.Err(), redis.Nil) {
			return nil, cmd.Err()
		}
		answers[i] = cmd.Val()
	}
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	return answers, nil
}
