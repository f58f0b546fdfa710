package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// sessions are those of one Redis, which only become more.
type sessions struct {
	store     *redisstore.Store
	far, near *session.Manager // from Redis, and from the cache before it
	refs      []session.Ref
	close     []func() error
}

func (s *sessions) Close() {
	for i := len(s.close) - 1; i >= 0; i-- {
		_ = s.close[i]()
	}
}

// newSessions makes none yet. most is how many the cache may keep.
func newSessions(ctx context.Context, url string, most int) (*sessions, error) {
	s := &sessions{}
	secret := session.NewSecretKey([]byte(strings.Repeat("k-", 16)))
	store, err := redisstore.Open(url, redisstore.Config{
		NameKey: secret, SealKeys: []session.SecretKey{secret}, Timeout: 5 * time.Second, Prefix: "growth-" + session.NewID().Fingerprint(),
	})
	if err != nil {
		return nil, err
	}
	s.store, s.close = store, append(s.close, store.Close)
	cache, err := cachestore.New(cachestore.Config{Store: store, Feed: redisstore.NewFeed(store), MaxEntries: max(2*most, 1<<16)})
	if err != nil {
		return nil, err
	}
	if err := cache.Start(ctx); err != nil {
		return nil, err
	}
	s.close = append(s.close, cache.Close)
	var errs [2]error
	s.far, errs[0] = session.NewManager(store, session.Config{Key: secret})
	s.near, errs[1] = session.NewManager(cache, session.Config{Key: secret})
	return s, errors.Join(errs[:]...)
}

// grow makes sessions until there are so many, a user each, of a hundred tenants.
func (s *sessions) grow(ctx context.Context, size int) error {
	of := func(i int) tenant.ID { return tenant.MustParse(fmt.Sprintf("t%d", i%100)) }
	if len(s.refs) == 0 {
		for i := range 100 {
			if err := s.far.SetTenantStatus(ctx, of(i), tenant.Active); err != nil {
				return err
			}
		}
	}
	from := len(s.refs)
	s.refs = append(s.refs, make([]session.Ref, max(0, size-from))...)
	return together(32, func(w int) error {
		for i := from + w; i < size; i += 32 {
			made, _, err := s.far.Create(ctx, session.SignIn{Tenant: of(i), User: session.MustParseUserID(fmt.Sprintf("u%d", i)), Roles: session.MustRoles("editor")})
			if err != nil {
				return err
			}
			s.refs[i] = made.Ref()
		}
		return nil
	})
}

// rest waits until the store is asked nothing. A load of a session that was last used more than
// session.TouchInterval ago writes its use down, from the cache behind the caller's back.
func (s *sessions) rest() {
	for before := s.store.Loads().Loads; ; {
		time.Sleep(20 * time.Millisecond)
		now := s.store.Loads().Loads
		if now == before {
			return
		}
		before = now
	}
}

// loads makes what loads sessions at random by a manager.
func (s *sessions) loads(ctx context.Context, m *session.Manager, size int) call {
	order := rand.New(rand.NewPCG(1, 3)).Perm(size)
	return func(i int) error {
		ref := s.refs[order[i%size]]
		got, err := m.Load(ctx, ref)
		if err == nil && got.User != ref.User {
			err = errors.New("the session of somebody else")
		}
		return err
	}
}

// together runs f on so many goroutines.
func together(n int, f func(w int) error) error {
	var all sync.WaitGroup
	failed := make([]error, n)
	for w := range n {
		all.Go(func() { failed[w] = f(w) })
	}
	all.Wait()
	return errors.Join(failed...)
}
