package main

import (
	"context"
	"errors"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
)

// Commits write the code of this file in different ways. testdata has the same of the former
// one.

type signIn = session.SignIn

// open makes an instance's manager; end closes what it stands on.
func open(url, prefix string, cached bool) (manager *session.Manager, end func(), err error) {
	store, err := redisstore.Open(url, redisstore.Config{
		NameKey: session.NewSecretKey(key(1)), SealKeys: []session.SecretKey{session.NewSecretKey(key(2))},
		Prefix: prefix, Timeout: 5 * time.Second,
	})
	if err != nil {
		return nil, nil, err
	}
	end = func() { store.Close() }
	var shared session.Store = store
	if cached {
		cache, err := cachestore.New(cachestore.Config{Store: store, Feed: redisstore.NewFeed(store)})
		if err != nil {
			return nil, nil, errors.Join(err, store.Close())
		}
		if err := cache.Start(context.Background()); err != nil {
			return nil, nil, errors.Join(err, store.Close())
		}
		end = func() { cache.Close(); store.Close() }
		for !cache.Stats().Fresh {
			<-time.After(time.Millisecond)
		}
		shared = cache
	}
	manager, err = session.NewManager(shared, session.Config{Key: session.NewSecretKey(key(3)), RefreshGrace: 20 * time.Millisecond})
	return manager, end, err
}
