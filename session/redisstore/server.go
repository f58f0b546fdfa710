package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/redisaccess"
	"github.com/reevehq/reeve/session"
)

// ErrMisconfigured means that Redis answers, but is set up in a way that the store cannot work
// with, or must not: its user lacks a permission, or its memory policy evicts keys. Waiting
// does not mend it. [Store.Ping] returns it; calls that meet it meanwhile return it as a
// cause of session.ErrUnavailable.
var ErrMisconfigured = errors.New("redisstore: Redis is misconfigured")

// ServerStats is the store's last news of its server, on a cluster of one of its masters.
type ServerStats struct {
	CheckedAt       time.Time // zero for never
	MaxMemoryPolicy string    // as CONFIG names it
	MaxMemory       uint64    // bytes, 0 for no limit

	Losses   uint64    // that this instance saw
	LostAt   time.Time // of the last one, by Redis; zero for none
	LastLoss string    // why, in words
}

// Evicts reports whether the server may evict sessions or epochs when its memory is full.
func (s ServerStats) Evicts() bool { return s.MaxMemory > 0 && s.couldEvict() }

func (s ServerStats) couldEvict() bool {
	return s.MaxMemoryPolicy != "" && s.MaxMemoryPolicy != "noeviction"
}

// Server returns what the store last heard of its server. It sends nothing.
func (s *Store) Server() ServerStats {
	s.losses.mu.Lock()
	defer s.losses.mu.Unlock()
	return s.losses.server
}

// refusal returns why a server with these settings must not be used, or nil.
func (s *Store) refusal(stats ServerStats) error {
	if !stats.Evicts() || s.allowEviction {
		return nil
	}
	return fmt.Errorf("%w: maxmemory-policy is %s with a maxmemory of %d bytes, which signs users out at random and forgets what was used: write CONFIG SET maxmemory-policy noeviction, or set Options.InsecureAllowEviction",
		ErrMisconfigured, stats.MaxMemoryPolicy, stats.MaxMemory)
}

// report logs a change of what must not be, or should not.
func (s *Store) report(before, now ServerStats) {
	if before.MaxMemoryPolicy == now.MaxMemoryPolicy && before.Evicts() == now.Evicts() {
		return
	}
	policy := slog.String("maxmemory_policy", now.MaxMemoryPolicy)
	switch {
	case s.refusal(now) != nil:
		s.logger.Error("redis evicts keys, which signs users out at random and forgets what was used: set maxmemory-policy noeviction", policy)
	case now.Evicts():
		s.logger.Warn("redis evicts keys, as Options.InsecureAllowEviction accepts", policy)
	case now.couldEvict():
		s.logger.Warn("redis would evict keys as soon as it has a maxmemory: set maxmemory-policy noeviction", policy)
	case before.couldEvict():
		s.logger.Info("redis evicts no keys", policy)
	}
}

// Ping returns nil when Redis answers and may be used. An error that wraps [ErrMisconfigured]
// says what is wrong with its settings, such as a permission that its user lacks, and what to
// write instead; every other one wraps session.ErrUnavailable. A service calls Ping when it
// starts, and for readiness: it also tells of settings that change while it runs. Of a cluster
// at least one master must answer, and all that do are looked at.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := s.within(ctx)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return wrap("ping", failed(err))
	}
	cluster, ok := s.client.raw.(*redis.ClusterClient)
	if !ok {
		return s.pinged(s.examine(ctx, plain{s.client.raw}, s.names.canary(0)))
	}
	var mu sync.Mutex
	var answered bool
	var silence, refused error
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		name, err := s.canaryAt(ctx, cluster, master)
		if err == nil && name == "" {
			return nil // it has no slots
		}
		if err == nil {
			err = s.examine(ctx, plain{master}, name)
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			answered = true
		case errors.Is(err, ErrMisconfigured):
			refused = err
		default:
			silence = err
		}
		return nil
	})
	switch {
	case refused != nil:
		return s.pinged(refused)
	case answered:
		return nil
	}
	if err = errors.Join(err, silence); err == nil {
		err = errors.New("the cluster has no master")
	}
	return s.pinged(err)
}

// pinged returns the error of Ping.
func (s *Store) pinged(err error) error {
	var answer redis.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrMisconfigured):
		// A configuration error alone: a caller who waits for the end of an outage waits in vain.
		return wrap("ping", misconfigured{err})
	case redisaccess.Denied(err), errors.As(err, &answer) && signsInWrong(err):
		return wrap("ping", fmt.Errorf("%w: %w", ErrMisconfigured, err))
	}
	return wrap("ping", failed(err))
}

// misconfigured hides that an error is also an outage.
type misconfigured struct{ error }

func (m misconfigured) Is(target error) bool { return target == ErrMisconfigured }

// examine asks one server what its user may do, and how it is set up.
func (s *Store) examine(ctx context.Context, server plain, name string) error {
	answers, err := batch(ctx, server, func(eval bool) []*call {
		return []*call{accessScript.call(ctx, eval, nil, s.access().Queries()...)}
	})
	if err != nil {
		return err
	}
	lacking, err := parseMembers(answers[0])
	if err != nil {
		return err
	}
	if len(lacking) > 0 {
		return s.lacks(lacking)
	}
	askedAt := time.Now()
	c := s.losses.at(name)
	answers, err = batch(ctx, server, func(eval bool) []*call { return []*call{s.checkCall(ctx, eval, c)} })
	if err != nil {
		return err
	}
	if _, err := s.heed(c, askedAt, answers[0]); err != nil {
		return err
	}
	return s.refusal(s.Server())
}

// outageOf maps an error of a call that an access list forbade.
func outageOf(err error) error {
	return fmt.Errorf("%w: %w: %w (Store.Ping says what is lacking)", session.ErrUnavailable, ErrMisconfigured, err)
}

// signsInWrong reports whether Redis says that the user or the password is wrong or missing. A
// client that has not signed in is refused a long command by the parser already.
func signsInWrong(err error) bool {
	for _, prefix := range []string{"WRONGPASS", "NOAUTH", "Protocol error: unauthenticated"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}
