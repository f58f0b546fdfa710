//go:build unix

package integration_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session/redisstore"
)

// open is a store on a client that it makes.
func open(tb testing.TB, url string, opts redisstore.Config) *redisstore.Store {
	tb.Helper()
	store, err := redisstore.Open(url, opts)
	return opened(tb, store, err)
}

// storeOn is a store on a client of the test's own.
func storeOn(tb testing.TB, client redis.UniversalClient, opts redisstore.Config) *redisstore.Store {
	tb.Helper()
	store, err := redisstore.New(client, opts)
	return opened(tb, store, err)
}

// opened closes a store when the test ends.
func opened(tb testing.TB, store *redisstore.Store, err error) *redisstore.Store {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return store
}

// hooked is a store with a hook in its client, which tries everything once. It has met its
// server, so that the hook sees what the test does and nothing else.
func hooked(tb testing.TB, addr string, opts redisstore.Config, hook redis.Hook) *redisstore.Store {
	tb.Helper()
	client := redis.NewClient(&redis.Options{
		Addr: addr, ContextTimeoutEnabled: true, MaxRetries: -1, PoolSize: 64,
		DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second,
	})
	tb.Cleanup(func() { client.Close() })
	client.AddHook(hook)
	store := storeOn(tb, client, opts)
	meet(store)
	return store
}

// clusterClient is a client of a cluster.
func clusterClient(tb testing.TB, addrs []string) *redis.ClusterClient {
	tb.Helper()
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: addrs, ContextTimeoutEnabled: true, MaxRetries: 1,
		DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second,
	})
	tb.Cleanup(func() { client.Close() })
	return client
}
