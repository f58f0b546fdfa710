package redisstore_test

import (
	"log"
	"os"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
)

// A service keeps the sessions in use in its own memory, and hears from Redis what the
// other instances change. Close in the opposite order.
func ExampleNewFeed() {
	store, err := redisstore.Open(os.Getenv("REDIS_URL"), redisstore.Options{
		NameKey:  []byte(os.Getenv("NAME_KEY")),
		SealKeys: [][]byte{[]byte(os.Getenv("SEAL_KEY"))},
		OnBreaker: func(open bool) {
			log.Printf("sessions: redis answers nothing: %v", open)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	cache, err := session.NewCache(store, redisstore.NewFeed(store), session.CacheOptions{})
	if err != nil {
		log.Fatal(err)
	}
	cache.Start()
	defer cache.Close()

	manager, err := session.NewManager(cache, session.Options{Key: []byte(os.Getenv("REFRESH_KEY"))})
	if err != nil {
		log.Fatal(err)
	}
	_ = manager // authz.Config{Sessions: manager, …}
}
