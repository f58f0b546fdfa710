package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// kept are the sessions that a store keeps, by number. Each says whose it is, and load and change
// are errors where it is another's.
type kept struct {
	load   func(ctx context.Context, i int) error
	change func(ctx context.Context, i int) error
	close  []func() error
}

func (k *kept) Close() {
	for i := len(k.close) - 1; i >= 0; i-- {
		_ = k.close[i]()
	}
}

// store keeps sessions.
type store struct {
	name string
	make func(ctx context.Context, url string, size int) (*kept, error)
}

// stores are Reeve, scs, and those of the tag rivals.
func stores() []store {
	return append([]store{
		{"Reeve", func(ctx context.Context, url string, size int) (*kept, error) { return reeve(ctx, url, size, false) }},
		{"Reeve, cachestore", func(ctx context.Context, url string, size int) (*kept, error) { return reeve(ctx, url, size, true) }},
		{"scs", func(ctx context.Context, url string, size int) (*kept, error) { return scsSessions(ctx, url, size, 0) }},
		{"scs, idle timeout", func(ctx context.Context, url string, size int) (*kept, error) {
			return scsSessions(ctx, url, size, 30*time.Minute)
		}},
	}, rivals()...)
}

// errOther means that a session says it is another's.
var errOther = errors.New("the session of somebody else")

func user(i int) string { return fmt.Sprintf("user-%d", i) }

// profile is the other content of a session: a store's value has 400 to 600 bytes with it.
func profile(i int) string {
	return strings.Repeat(string(rune('a'+i%26)), 300+int(rand.New(rand.NewPCG(uint64(i), 1)).Uint32N(200)))
}

// each calls f for 0 to n-1, some at once, and returns the first error.
func each(n int, f func(i int) error) error {
	const workers = 32
	var all sync.WaitGroup
	failed := make([]error, workers)
	for w := range workers {
		all.Go(func() {
			for i := w; i < n && failed[w] == nil; i += workers {
				failed[w] = f(i)
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

func reeve(ctx context.Context, url string, size int, near bool) (*kept, error) {
	k := &kept{}
	secret := session.NewSecretKey([]byte(strings.Repeat("k-", 16)))
	opened, err := redisstore.Open(url, redisstore.Config{
		NameKey: secret, SealKeys: []session.SecretKey{secret}, Timeout: 5 * time.Second, Prefix: "stores-" + session.NewID().Fingerprint(),
	})
	if err != nil {
		return nil, err
	}
	k.close = append(k.close, opened.Close)
	var in session.Store = opened
	if near {
		cache, err := cachestore.New(cachestore.Config{Store: opened, Feed: redisstore.NewFeed(opened)})
		if err != nil {
			return nil, err
		}
		if err := cache.Start(ctx); err != nil {
			return nil, err
		}
		k.close = append(k.close, cache.Close)
		in = cache
	}
	m, err := session.NewManager(in, session.Config{Key: secret})
	if err != nil {
		return nil, err
	}
	of := func(i int) tenant.ID { return tenant.MustParse(fmt.Sprintf("t%d", i%100)) }
	for i := range 100 {
		if err := m.SetTenantStatus(ctx, of(i), tenant.Active); err != nil {
			return nil, err
		}
	}
	refs := make([]session.Ref, size)
	err = each(size, func(i int) error {
		attributes, err := session.NewAttributes(map[string]any{"profile": profile(i)})
		if err != nil {
			return err
		}
		s, _, err := m.Create(ctx, session.SignIn{Tenant: of(i), User: session.MustParseUserID(user(i)), Roles: session.MustRoles("editor"), Attributes: attributes})
		refs[i] = s.Ref()
		return err
	})
	if err != nil {
		return nil, err
	}
	k.load = func(ctx context.Context, i int) error {
		s, err := m.Load(ctx, refs[i])
		if err == nil && s.User.String() != user(i) {
			err = errOther
		}
		return err
	}
	k.change = func(ctx context.Context, i int) error {
		_, err := m.Update(ctx, refs[i], func(s *session.Session) error {
			if s.User.String() != user(i) {
				return errOther
			}
			attributes, err := session.NewAttributes(map[string]any{"profile": profile(i), "changed": time.Now().UnixNano()})
			s.Attributes = attributes
			return err
		})
		return err
	}
	return k, nil
}

func scsSessions(ctx context.Context, url string, size int, idle time.Duration) (*kept, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	client := redis.NewClient(options)
	k := &kept{close: []func() error{client.Close}}
	m := scs.New()
	m.Store = goredisstore.NewWithPrefix(client, "scs-"+session.NewID().Fingerprint()+":")
	m.IdleTimeout = idle
	tokens := make([]string, size)
	err = each(size, func(i int) error {
		ctx, err := m.Load(ctx, "")
		if err != nil {
			return err
		}
		m.Put(ctx, "user", user(i))
		m.Put(ctx, "profile", profile(i))
		tokens[i], _, err = m.Commit(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	// As its middleware does: a loaded session is stored again where it counts as changed.
	use := func(ctx context.Context, i int, then func(ctx context.Context)) error {
		ctx, err := m.Load(ctx, tokens[i])
		if err != nil {
			return err
		}
		if m.GetString(ctx, "user") != user(i) {
			return errOther
		}
		then(ctx)
		if m.Status(ctx) == scs.Modified {
			_, _, err = m.Commit(ctx)
		}
		return err
	}
	k.load = func(ctx context.Context, i int) error { return use(ctx, i, func(context.Context) {}) }
	k.change = func(ctx context.Context, i int) error {
		return use(ctx, i, func(ctx context.Context) { m.Put(ctx, "changed", time.Now().UnixNano()) })
	}
	return k, nil
}
