package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
)

// canary is an instance's state of one server.
type canary struct {
	key     string
	id      string    // "" before the first answer
	loss    uint64    // µs by the server, 0 for none
	askedAt time.Time // before it was asked for the last answer
	check   *checking // under way, or nil
}

// checking is a check that several calls wait for.
type checking struct {
	done chan struct{}
	err  error // set before done is closed
}

// fresh reports whether the last answer is young enough by both of the system's clocks: the
// monotonic one stands still while a machine is suspended.
func (c *canary) fresh(now time.Time, limit time.Duration) bool {
	age, wall := now.Sub(c.askedAt), now.Round(0).Sub(c.askedAt.Round(0))
	return c.id != "" && age >= 0 && age < limit && wall >= 0 && wall < limit
}

// canaryOf returns the canary of the server that has a key.
func (s *Store) canaryOf(ctx context.Context, key string) (*canary, error) {
	cluster, ok := s.client.raw.(*redis.ClusterClient)
	if !ok {
		return s.losses.at(s.names.canary(0)), nil
	}
	master, err := cluster.MasterForKey(ctx, key)
	if err != nil {
		return nil, err
	}
	s.losses.mu.Lock()
	known := s.losses.masters[master]
	s.losses.mu.Unlock()
	if known != nil {
		if still, err := cluster.MasterForKey(ctx, known.key); err == nil && still == master {
			return known, nil
		}
	}
	name, err := s.canaryAt(ctx, cluster, master)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, errors.New("a master of the cluster has too few slots to be watched")
	}
	found := s.losses.at(name)
	s.losses.mu.Lock()
	defer s.losses.mu.Unlock()
	s.losses.masters[master] = found
	return found, nil
}

// canaryAt returns the name of a canary in a slot of a master, "" when it has next to none.
func (s *Store) canaryAt(ctx context.Context, cluster *redis.ClusterClient, master *redis.Client) (string, error) {
	for n := range maxCanaries {
		name := s.names.canary(n)
		holder, err := cluster.MasterForKey(ctx, name)
		if err != nil {
			return "", err
		}
		if holder == master {
			return name, nil
		}
	}
	return "", nil
}

// at returns the canary of that name.
func (l *losses) at(key string) *canary {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.canaries[key]
	if c == nil {
		c = &canary{key: key}
		l.canaries[key] = c
	}
	return c
}

// canary is the name of the nth canary. The first is where every read looks.
func (n names) canary(i int) string {
	if i == 0 {
		return n.global() + ":c"
	}
	return n.prefix + ":{c-" + strconv.Itoa(i) + "}"
}

func (s *Store) check(ctx context.Context, c *canary, limit time.Duration) error {
	f, err := s.checking(c, limit)
	if f == nil {
		return err
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return failed(context.Cause(ctx))
	}
}

// checking returns the check of a server that is under way or begins, and nil where its last answer
// is younger than limit.
func (s *Store) checking(c *canary, limit time.Duration) (*checking, error) {
	l := s.losses
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.fresh(time.Now(), limit) {
		return nil, nil
	}
	if c.check == nil {
		if l.ctx.Err() != nil {
			return nil, fmt.Errorf("%w: the store is closed", session.ErrUnavailable)
		}
		f := &checking{done: make(chan struct{})}
		c.check = f
		l.running.Go(func() { s.ask(c, f) })
	}
	return c.check, nil
}

// ask asks one server, on behalf of all who wait and bound to the context of none.
func (s *Store) ask(c *canary, f *checking) {
	ctx, cancel := s.within(s.losses.ctx)
	defer cancel()
	askedAt := time.Now()
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{s.checkCall(ctx, eval, c)}
	})
	if err != nil {
		f.err = failed(err)
	} else {
		_, f.err = s.heed(c, askedAt, answers[0])
	}
	s.losses.mu.Lock()
	c.check = nil
	s.losses.mu.Unlock()
	close(f.done)
}

func (s *Store) checkCall(ctx context.Context, eval bool, c *canary) *call {
	s.losses.mu.Lock()
	known := c.id
	s.losses.mu.Unlock()
	return checkScript.call(ctx, eval, []string{c.key}, known, rand.Text())
}

// heed takes an answer of check.lua, and returns the id of the server's replication.
func (s *Store) heed(c *canary, askedAt time.Time, answer any) (data string, err error) {
	if answer == "denied" {
		return "", fmt.Errorf("%w: %w: the user of Redis lacks +info, without which no loss of keys is seen", session.ErrUnavailable, ErrMisconfigured)
	}
	r := newReply(answer, 7)
	now := r.mustNumber()
	id := r.must()
	loss, _ := r.number()
	why, policy := r.must(), r.must()
	limit, err := strconv.ParseUint(r.must(), 10, 64)
	data = r.must()
	if r.err == nil && (err != nil || id == "" || policy == "") {
		r.corrupt("check")
	}
	if r.err != nil {
		return "", r.err
	}
	s.note(c, askedAt, finding{id: id, now: now, loss: loss, why: why, policy: policy, limit: limit})
	s.reassert.pushOwed(time.Now(), push{Store: s}.putBack)
	return data, nil
}
