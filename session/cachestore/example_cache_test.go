package cachestore_test

import (
	"context"
	"log"
	"os"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
)

// A service keeps the sessions in use in its own memory, and hears from Redis what the
// other instances change. Close in the opposite order.
func ExampleNew() {
	key := func(name string) session.SecretKey { // openssl rand -base64 32
		k, err := session.ParseSecretKey(os.Getenv(name))
		if err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		return k
	}
	store, err := redisstore.Open(os.Getenv("REDIS_URL"), redisstore.Config{
		NameKey:  key("NAME_KEY"),
		SealKeys: []session.SecretKey{key("SEAL_KEY")},
		OnBreaker: func(open bool) {
			log.Printf("sessions: redis does not answer: %v", open)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	cache, err := cachestore.New(cachestore.Config{Store: store, Feed: redisstore.NewFeed(store)})
	if err != nil {
		log.Fatal(err)
	}
	if err := cache.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer cache.Close()

	manager, err := session.NewManager(cache, session.Config{Key: key("REFRESH_KEY")})
	if err != nil {
		log.Fatal(err)
	}
	_ = manager // authz.Config{Sessions: manager, …}
}
