package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/service/fleet"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
)

const (
	redisPause    = 100 * time.Millisecond // between two questions whether Redis is there
	redisReminder = 10 * time.Second       // between two lines that say that it is not
	redisTimeout  = time.Second
)

// shared holds the parts that instances share in Redis: sessions, the list of instances, and the policy
// where it is published there. All is nil for a service that is alone.
type shared struct {
	store     *redisstore.Store
	client    *redis.Client // of what is not sessions
	member    *fleet.Member
	published *redispolicy.Follower // nil for a policy that is not in Redis
}

// openShared builds it and asks nobody.
func (t *tracker) openShared() (err error) {
	url := t.cfg.Redis.URL.Reveal()
	if url == "" {
		return nil
	}
	if t.store, err = redisstore.Open(url, redisstore.Config{
		NameKey: t.cfg.Keys.RedisName, SealKeys: []session.SecretKey{t.cfg.Keys.RedisSeal}, Prefix: t.cfg.Redis.Prefix, Logger: t.log.Logger,
	}); err != nil {
		return err
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return errors.New("redis.url is malformed") // the store has said so already
	}
	options.ContextTimeoutEnabled = true
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = redisTimeout, redisTimeout, redisTimeout
	options.MaxRetries, options.DialerRetries = 1, 1
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	options.PoolSize = 4
	t.client = redis.NewClient(options)
	if t.member, err = fleet.NewMember(fleet.Config{
		Client: t.client, Name: t.cfg.Redis.Prefix, Version: version(), Heartbeat: t.cfg.Redis.Beat, Logger: t.log.Logger,
		State:    func() string { return t.lifecycle.State().String() },
		Revision: t.engine.Revision,
	}); err != nil {
		return err
	}
	if t.cfg.Policy.Redis != "" {
		t.published, err = redispolicy.NewFollower(redispolicy.FollowerConfig{
			Client: t.client, Engine: t.engine, Name: t.cfg.Policy.Redis, Keys: t.cfg.Publishers, Poll: t.cfg.Policy.Poll, Logger: t.log.Logger,
		})
	}
	return err
}

// openRedis waits until Redis answers, and until it has the policy that is to be published there. A
// Redis that is set up so that it can lose revocations, or forbids what has to be asked, is refused,
// since no waiting mends that.
func (t *tracker) openRedis(ctx context.Context) error {
	if t.store == nil {
		return nil
	}
	if err := t.await(ctx, "Redis", func() (bool, error) {
		err := t.store.Ping(ctx)
		return errors.Is(err, redisstore.ErrMisconfigured), err
	}); err != nil || t.published == nil {
		return err
	}
	return t.await(ctx, "the published policy", func() (bool, error) {
		err := t.published.Sync(ctx)
		switch {
		case errors.Is(err, policy.ErrTenantHeld): // some tenants' own files wait, and the policy decides
			return false, nil
		case err == nil && t.published.Stats().Sequence == 0:
			err = fmt.Errorf("nothing is published as %q", t.cfg.Policy.Redis)
		}
		return errors.Is(err, redispolicy.ErrMisconfigured), err
	})
}

// await asks again and again, until there is no error, one that stays, or ctx is over.
func (t *tracker) await(ctx context.Context, what string, ask func() (stays bool, err error)) error {
	var said time.Time
	for {
		stays, err := ask()
		if err == nil || stays {
			return err
		}
		if time.Since(said) > redisReminder {
			t.log.Warn("the start waits for "+what, slog.String("error", err.Error()))
			said = time.Now()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", what, context.Cause(ctx), err)
		case <-time.After(redisPause):
		}
	}
}

func (t *tracker) closeRedis(context.Context) error {
	if t.store == nil {
		return nil
	}
	return errors.Join(t.store.Close(), t.client.Close())
}

// openInstances says from now on that this instance is there, and soon of each change of its state.
func (t *tracker) openInstances(ctx context.Context) error {
	if t.member == nil {
		return nil
	}
	t.onMove.Store(t.member)
	return t.member.Start(context.WithoutCancel(ctx))
}

// closeInstances leaves. A Redis that does not answer has forgotten the instance after three beats.
func (t *tracker) closeInstances(context.Context) error {
	if t.member == nil {
		return nil
	}
	t.onMove.Store(nil)
	if err := t.member.Close(); err != nil {
		t.log.Warn("the instance is listed for three beats more", slog.String("error", err.Error()))
	}
	return nil
}
