package redisstore_test

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
)

// Open is for one server. Ping says at the start what the user of Redis may not do, and whether the
// server would evict sessions.
func ExampleOpen() {
	store, err := redisstore.Open(os.Getenv("REDIS_URL"), redisstore.Config{
		NameKey:  session.MustParseSecretKey(os.Getenv("NAME_KEY")),
		SealKeys: []session.SecretKey{session.MustParseSecretKey(os.Getenv("SEAL_KEY"))},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Ping(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// New takes a client: one of Sentinel, one of a cluster, or one with other settings than Open's.
func ExampleNew() {
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: "sessions", SentinelAddrs: []string{"10.0.0.1:26379", "10.0.0.2:26379", "10.0.0.3:26379"}, ContextTimeoutEnabled: true,
		DialTimeout: 100 * time.Millisecond, ReadTimeout: 100 * time.Millisecond, WriteTimeout: 100 * time.Millisecond, MaxRetries: 1,
	})
	defer client.Close()
	store, err := redisstore.New(client, redisstore.Config{
		NameKey:  session.MustParseSecretKey(os.Getenv("NAME_KEY")),
		SealKeys: []session.SecretKey{session.MustParseSecretKey(os.Getenv("SEAL_KEY"))},
	})
	if err != nil {
		log.Fatal(err)
	}
	_ = store // session.NewManager(store, …)
}
