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

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/sessiontest"
	"github.com/reevehq/reeve/tenant"
)

// restrict gives a user of the server the permissions that are printed, and a password.
func restrict(tb testing.TB, server *redisserver.Server, list string) (url string) {
	tb.Helper()
	raw := server.Client()
	defer raw.Close()
	user := strings.Fields(list)[2]
	for _, line := range []string{"ACL SETUSER " + user + " on >secret", list} {
		if err := raw.Do(context.Background(), aclWords(line)...).Err(); err != nil {
			tb.Fatalf("%s: %v", line, err)
		}
	}
	return "redis://" + user + ":secret@" + server.Addr()
}

func aclWords(line string) []any {
	var all []any
	for _, word := range strings.Fields(line) {
		all = append(all, word)
	}
	return all
}

// The printed access list is enough for everything: the store's contract, what is used once,
// and caches.
func TestTheAccessListIsEnoughForEverything(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	for _, c := range sessiontest.Cases() {
		if c.Slow && !testneed.Soak() { // which wait, and send nothing that others do not
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			opts := storeOptions()
			opts.Logger = quietLogger()
			printer, err := redisstore.Open(server.URL(), opts)
			if err != nil {
				t.Fatal(err)
			}
			defer printer.Close()
			store := open(t, restrict(t, server, printer.AccessList(opts.Prefix)), opts)
			if err := store.Ping(t.Context()); err != nil {
				t.Fatalf("Ping: %v", err)
			}
			c.Run(t, sessiontest.Harness{Store: store})
		})
	}
	opts := storeOptions()
	opts.Logger = quietLogger()
	store := open(t, restrict(t, server, open(t, server.URL(), opts).AccessList("reeve")), opts)
	sessiontest.RunReplay(t, store.Replay(), store.Replay())
	cache, err := cachestore.New(cachestore.Config{Store: store, Feed: redisstore.NewFeed(store)})
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	testwait.Until(t, "the cache hears", func() bool { return cache.Stats().Fresh })
	eventually(t, "the tenant is set up", func() error { return store.SetTenantStatus(t.Context(), acme, tenant.Active) })
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
	raw := server.Client()
	defer raw.Close()
	entries, err := raw.ACLLog(t.Context(), 10).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("the user was denied %s %s", e.Reason, e.Object)
	}
}

// Without any one of the permissions the start fails, by an error that names it and is of the
// configuration: nobody waits for an outage to end.
func TestEachMissingPermissionIsFoundAtStartAndNamed(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	raw := server.Client()
	defer raw.Close()
	opts := storeOptions()
	opts.Logger, opts.Prefix = quietLogger(), "app"
	whole := open(t, server.URL(), opts).AccessList("reeve")
	rules := strings.Fields(whole)[6:] // behind ACL SETUSER reeve resetkeys resetchannels -@all
	if len(rules) < 25 {
		t.Fatalf("few rules: %s", whole)
	}
	for _, rule := range rules {
		var left []string
		for _, other := range strings.Fields(whole) {
			if other != rule {
				left = append(left, other)
			}
		}
		if err := raw.Do(t.Context(), "script", "flush").Err(); err != nil {
			t.Fatal(err)
		}
		err := open(t, restrict(t, server, strings.Join(left, " ")), opts).Ping(t.Context())
		name := strings.TrimPrefix(rule, "+")
		if !errors.Is(err, redisstore.ErrMisconfigured) || errors.Is(err, session.ErrUnavailable) || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", rule, err)
		}
		if text := err.Error(); strings.Contains(text, "secret") {
			t.Errorf("the error shows the password: %s", text)
		}
		var lacking string
		if _, after, found := strings.Cut(err.Error(), "lacks "); found {
			lacking, _, _ = strings.Cut(after, ":")
		}
		if lacking != "" && strings.HasPrefix(rule, "+") && lacking != rule {
			t.Errorf("without %s the user is said to lack %q", rule, lacking)
		}
	}
	for what, change := range map[string]string{
		"keys of another prefix":             "~app:{* ~other:{*",
		"keys that may only be read":         "~app:{* %R~app:{*",
		"keys of users and of nothing else":  "~app:{* ~app:{u-*",
		"the channel of another application": "&app:changes &other:changes",
	} {
		old, new, _ := strings.Cut(change, " ")
		err := open(t, restrict(t, server, strings.Replace(whole, old, new, 1)), opts).Ping(t.Context())
		if !errors.Is(err, redisstore.ErrMisconfigured) || !strings.Contains(err.Error(), old) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := open(t, restrict(t, server, whole), opts).Ping(t.Context()); err != nil {
		t.Errorf("with all of them: %v", err)
	}
	if err := open(t, "redis://reeve:wrong@"+server.Addr(), opts).Ping(t.Context()); !errors.Is(err, redisstore.ErrMisconfigured) {
		t.Errorf("with another password: %v", err)
	}
}

// A permission that is taken away while a service runs is told by readiness, and refuses as an
// outage does meanwhile: nobody is signed out, and the breaker stays closed.
func TestAPermissionThatIsTakenAwayIsToldByReadiness(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	s := f.create()
	f.do("acl", "setuser", "default", "-time")
	for range 80 {
		if _, err := f.store.Load(t.Context(), s.Ref()); !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, redisstore.ErrMisconfigured) {
			t.Fatalf("Load: %v", err)
		}
	}
	if b := f.store.Stats(); b.BreakerOpen || b.BreakerOpened > 0 {
		t.Errorf("the breaker took it for an outage: %+v", b)
	}
	if err := f.store.Ping(t.Context()); !errors.Is(err, redisstore.ErrMisconfigured) || !strings.Contains(err.Error(), "+time") {
		t.Errorf("Ping: %v", err)
	}
	f.do("acl", "setuser", "default", "+time")
	f.eventually("the session is loaded", func() error { _, err := f.store.Load(t.Context(), s.Ref()); return err })
}

// The same on a cluster, where each server has users of its own.
func TestAPermissionThatOneMasterDeniesIsFoundAtStart(t *testing.T) {
	t.Parallel()
	addrs := redisserver.StartCluster(t)
	opts := storeOptions()
	opts.Logger = quietLogger()
	list := storeOn(t, clusterClient(t, addrs), opts).AccessList("reeve")
	for i, addr := range addrs {
		raw := redis.NewClient(&redis.Options{Addr: addr})
		defer raw.Close()
		given := list
		if i == 2 {
			given = strings.Replace(list, " +zadd", "", 1)
		}
		for _, line := range []string{"ACL SETUSER reeve on >secret", given} {
			if err := raw.Do(t.Context(), aclWords(line)...).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: addrs, Username: "reeve", Password: "secret", ContextTimeoutEnabled: true, MaxRetries: 1,
		DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second,
	})
	t.Cleanup(func() { client.Close() })
	store := storeOn(t, client, opts)
	if err := store.Ping(t.Context()); !errors.Is(err, redisstore.ErrMisconfigured) || !strings.Contains(err.Error(), "+zadd") {
		t.Errorf("Ping: %v", err)
	}
	raw := redis.NewClient(&redis.Options{Addr: addrs[2]})
	defer raw.Close()
	if err := raw.Do(t.Context(), aclWords(list)...).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Ping with all permissions", func() error { return store.Ping(t.Context()) })
	for range 30 {
		eventually(t, "a use", func() error {
			_, err := store.Replay().Use(t.Context(), sha256.Sum256([]byte(rand.Text())), time.Minute)
			return err
		})
	}
}

// A Redis that may evict sessions or epochs is refused at start, and told by readiness when it
// begins to while the service runs.
func TestARedisThatEvictsIsRefusedUnlessTheCallerSaysSo(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 5*time.Second)
			log := &syncBuffer{}
			opts := f.opts
			opts.Logger = slog.New(slog.NewTextHandler(log, nil))
			store := open(t, f.server.URL(), opts)
			f.do("config", "set", "maxmemory-policy", policy)
			if err := store.Ping(t.Context()); err != nil {
				t.Errorf("nothing is evicted without a maxmemory: %v", err)
			}
			if !strings.Contains(log.String(), policy) {
				t.Errorf("the policy is not reported: %s", log.String())
			}
			f.do("config", "set", "maxmemory", "100mb")
			err := store.Ping(t.Context())
			if !errors.Is(err, redisstore.ErrMisconfigured) || errors.Is(err, session.ErrUnavailable) || !strings.Contains(err.Error(), policy) {
				t.Errorf("Ping: %v", err)
			}
			if !store.Server().Evicts() || !strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("it is not told: %+v, %s", store.Server(), log.String())
			}
			opts.InsecureAllowEviction = true
			careless := open(t, f.server.URL(), opts)
			if err := careless.Ping(t.Context()); err != nil || !careless.Server().Evicts() {
				t.Errorf("where the caller says so: %v, %+v", err, careless.Server())
			}
			f.do("config", "set", "maxmemory-policy", "noeviction")
			if err := store.Ping(t.Context()); err != nil || store.Server().Evicts() {
				t.Errorf("with noeviction: %v", err)
			}
		})
	}
}
