//go:build unix

package integration_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// lossKinds are the ways in which a Redis loses keys. Each leaves it answering.
var lossKinds = map[string]func(f *fixture){
	"FLUSHALL": func(f *fixture) { f.do("flushall") },
	"FLUSHDB":  func(f *fixture) { f.do("flushdb") },
	"SWAPDB":   func(f *fixture) { f.do("swapdb", 0, 1) },
	"another program's DEL of what begins with our prefix": func(f *fixture) {
		keys, err := f.raw.Keys(f.Context(), f.opts.Prefix+":*").Result()
		if err != nil {
			f.Fatal(err)
		}
		for _, key := range keys {
			f.do("del", key)
		}
	},
	"a restart that keeps everything": func(f *fixture) {
		f.server.Kill()
		f.server.Restart()
	},
	"a restart from an empty folder": func(f *fixture) {
		f.server.Kill()
		f.server.RestartWith("--dir", f.TempDir())
	},
	"another program's keys, which evict": func(f *fixture) {
		f.do("config", "set", "maxmemory-policy", "allkeys-lru")
		f.do("config", "set", "maxmemory", "3mb")
		junk := strings.Repeat("x", 10_000)
		testwait.Until(f, "keys are evicted", func() bool {
			f.do("set", "junk:"+rand.Text(), junk)
			info, err := f.raw.Info(f.Context(), "stats").Result()
			return err == nil && !strings.Contains(info, "evicted_keys:0\r")
		})
	},
}

func quietLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }

// instance is a store of its own, as another instance of the service has it.
func (f *fixture) instance() *redisstore.Store {
	f.Helper()
	opts := f.opts
	opts.Logger = quietLogger()
	return open(f.T, f.server.URL(), opts)
}

// A use that was recorded before a loss is never told fresh afterwards, by an instance that was
// there and by one that started later, until its time to live has passed since the loss. The answer
// meanwhile is an outage.
func TestNothingIsUsedTwiceHoweverRedisLosesIt(t *testing.T) {
	t.Parallel()
	for kind, lose := range lossKinds {
		t.Run(kind, func(t *testing.T) {
			f := newFixture(t, 5*time.Second)
			one := f.instance().Replay()
			key := sha256.Sum256([]byte(rand.Text()))
			f.eventually("the first use", func() error {
				fresh, err := one.Use(t.Context(), key, time.Minute)
				if err == nil && !fresh {
					t.Fatal("the first use is not fresh")
				}
				return err
			})
			lose(f)
			<-time.After(1050 * time.Millisecond) // until the loss is seen
			replays := map[string]*redisstore.Replay{"the instance that was there": one, "one that started later": f.instance().Replay()}
			for _, name := range []string{"the instance that was there", "one that started later"} {
				r := replays[name]
				if fresh, err := r.Use(t.Context(), key, time.Minute); fresh || !errors.Is(err, session.ErrUnavailable) {
					t.Errorf("%s: Use: %v, %v", name, fresh, err)
				}
				if used, err := r.Used(t.Context(), key, time.Minute); used || !errors.Is(err, session.ErrUnavailable) {
					t.Errorf("%s: Used: %v, %v", name, used, err)
				}
			}
			// A kind of key that lives for less is told again when it cannot be of before.
			if strings.Contains(kind, "evict") {
				return // keys are lost all the time
			}
			other := sha256.Sum256([]byte(rand.Text()))
			testwait.Until(t, "uses are told again", func() bool {
				fresh, err := one.Use(t.Context(), other, 2*time.Second)
				return err == nil && fresh
			})
		})
	}
}

// A Redis that nobody has used before has lost nothing, and a restarted instance of the service
// is no loss.
func TestANewRedisHasLostNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	for range 3 {
		store := f.instance()
		f.eventually("a use", func() error {
			fresh, err := store.Replay().Use(t.Context(), sha256.Sum256([]byte(rand.Text())), time.Hour)
			if err == nil && !fresh {
				t.Error("not fresh")
			}
			return err
		})
		if s := store.Server(); s.Losses != 0 || s.CheckedAt.IsZero() || s.MaxMemoryPolicy != "noeviction" {
			t.Errorf("the server is said to be %+v", s)
		}
	}
}

// A flush that an instance without memory meets first is told by the next one that remembers,
// once and not by each.
func TestALossIsNotedOnceHoweverManyRememberIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	use := func(s *redisstore.Store, ttl time.Duration) error {
		_, err := s.Replay().Use(t.Context(), sha256.Sum256([]byte(rand.Text())), ttl)
		return err
	}
	one, two := f.instance(), f.instance()
	for _, s := range []*redisstore.Store{one, two} {
		f.eventually("a use", func() error { return use(s, time.Minute) })
	}
	f.do("flushall")
	ignorant := f.instance()
	f.eventually("an instance that remembers nothing", func() error { return use(ignorant, time.Minute) })
	<-time.After(1050 * time.Millisecond)
	if err := use(one, time.Minute); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("who remembers what was there says %v", err)
	}
	lostAt := one.Server().LostAt
	<-time.After(1050 * time.Millisecond)
	for name, s := range map[string]*redisstore.Store{"who was ignorant": ignorant, "who remembers it too": two} {
		if err := use(s, time.Minute); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("%s says %v", name, err)
		}
		if at := s.Server().LostAt; !at.Equal(lostAt) {
			t.Errorf("%s has the loss at %v, it was noted at %v", name, at, lostAt)
		}
	}
}

// However many uses there are, the server is asked once in a second whether it has lost keys.
func TestLookingForLossesCostsOneQuestionASecond(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	store := f.instance()
	began, before := time.Now(), served(t, f.raw, "info")
	for range 200 {
		f.eventually("a use", func() error {
			_, err := store.Replay().Use(t.Context(), sha256.Sum256([]byte(rand.Text())), time.Minute)
			return err
		})
	}
	asked := served(t, f.raw, "info") - before - 1 // one question was this test's own
	if limit := 1 + int(time.Since(began)/time.Second); asked < 1 || asked > limit {
		t.Errorf("200 uses asked %d times, want 1 to %d", asked, limit)
	}
}

// Without INFO no loss is seen, so nothing is decided: it is no outage of Redis, and the error
// says which permission is lacking.
func TestWithoutINFONothingIsUsedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	f.do("acl", "setuser", "default", "-info")
	_, err := f.instance().Replay().Use(t.Context(), [32]byte{1}, time.Minute)
	if !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, redisstore.ErrMisconfigured) || !strings.Contains(err.Error(), "+info") {
		t.Errorf("Use without INFO: %v", err)
	}
}

// Caches serve nothing of a data set that is gone: a session that Redis forgot is refused soon
// after, without an announcement, and a change of roles that follows is seen.
func TestACacheStartsAnewWhenRedisLosesKeys(t *testing.T) {
	t.Parallel()
	for kind, lose := range lossKinds {
		if strings.Contains(kind, "restart") {
			continue // of which a feed hears by its connection
		}
		t.Run(kind, func(t *testing.T) {
			f := newFixture(t, 5*time.Second)
			store := f.instance()
			cache, err := cachestore.New(cachestore.Config{Store: store, Feed: redisstore.NewFeed(store)})
			if err != nil {
				t.Fatal(err)
			}
			if err := cache.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer cache.Close()
			s := f.create()
			testwait.Until(t, "the session is served from memory", func() bool {
				_, err := cache.Load(context.Background(), s.Ref())
				return err == nil && cache.Stats().Hits > 0
			})
			before := cache.Stats().Resets
			lose(f)
			testwait.Until(t, "the cache starts anew", func() bool { return cache.Stats().Resets > before && store.Server().Losses > 0 })
			if !strings.Contains(kind, "evict") {
				if _, err := cache.Load(context.Background(), s.Ref()); err == nil {
					t.Error("a session that is gone is served")
				}
			}
		})
	}
}

// On a cluster a loss of one master counts, also for keys of the others.
func TestALossOfOneMasterOfAClusterIsSeen(t *testing.T) {
	t.Parallel()
	addrs := redisserver.StartCluster(t)
	opts := storeOptions()
	opts.Logger = quietLogger()
	store := storeOn(t, clusterClient(t, addrs), opts)
	eventually(t, "the cluster answers", func() error { return store.SetTenantStatus(t.Context(), tenant.MustParse("acme"), tenant.Active) })
	keys := make([][32]byte, 60)
	for i := range keys {
		keys[i] = sha256.Sum256([]byte(rand.Text()))
		eventually(t, "a use", func() error { _, err := store.Replay().Use(t.Context(), keys[i], time.Minute); return err })
	}
	client := clusterClient(t, addrs[1:2])
	master, err := client.MasterForKey(t.Context(), "{c}")
	if err != nil {
		t.Fatal(err)
	}
	if err := master.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	<-time.After(1050 * time.Millisecond)
	for _, key := range keys {
		if fresh, err := store.Replay().Use(t.Context(), key, time.Minute); fresh {
			t.Fatalf("a use is told fresh again: %v", err)
		}
	}
	if n := store.Server().Losses; n != 1 {
		t.Errorf("%d losses were seen, want 1", n)
	}
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}
