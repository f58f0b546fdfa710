package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
)

const (
	// heartbeatInterval is how often a feed proves that it hears, and silence how long it
	// hears nothing before it connects anew.
	heartbeatInterval = 250 * time.Millisecond
	silence           = 4 * heartbeatInterval

	// reconnectPause is the pause after a connection was lost.
	reconnectPause = 100 * time.Millisecond

	// mastersInterval is how often a feed of a cluster asks which its masters are.
	mastersInterval = time.Second
)

// Feed announces to a cachestore.Store what any process changes in Redis. The scripts that
// change a session, an epoch or a status publish the name of its key, so that announcing
// is part of the change and costs no command.
//
// It hears on one connection to the server, or to each master of a cluster. Four times a
// second it publishes a heartbeat there, which comes back on the same connection behind every
// earlier announcement: a received heartbeat proves that all of them arrived. After a reconnect
// every entry of the cache is stale.
//
// It also looks, once in a second, whether a server has lost keys, which no script announces:
// caches then start anew. [Store.AccessList] names the channels that it needs.
type Feed struct{ store *Store }

var _ session.Feed = (*Feed)(nil)

// NewFeed returns the feed of a store. It uses the store's client, on connections of its
// own besides those of the pool, while somebody listens.
func NewFeed(store *Store) *Feed { return &Feed{store} }

// Topics implements [session.Feed].
func (f *Feed) Topics(ref session.Ref) session.Topics {
	names := f.store.names
	var topics session.Topics
	if !ref.Tenant.IsZero() {
		topics.Tenant = names.tenant(ref.Tenant)
	}
	if !ref.Tenant.IsZero() && !ref.User.IsZero() {
		user := names.user(ref.Tenant, ref.User)
		topics.User = user.epoch
		if !ref.ID.IsZero() {
			topics.Session = user.session(ref.ID).record
		}
	}
	return topics
}

// changes is the channel that the scripts announce on: they find it from their keys.
func (n names) changes() string { return n.prefix + ":changes" }

// scope reads whom the name of a key concerns. A name that is none of ours concerns
// everyone.
func (n names) scope(name string) session.Scope {
	rest, ours := strings.CutPrefix(name, n.prefix+":{")
	switch {
	case !ours:
	case strings.HasPrefix(rest, "t-") && strings.HasSuffix(rest, "}"):
		return session.ScopeTenant
	case strings.HasPrefix(rest, "u-") && strings.HasSuffix(rest, "}:e"):
		return session.ScopeUser
	case strings.HasPrefix(rest, "u-") && strings.Contains(rest, "}:s:"):
		return session.ScopeSession
	}
	return session.ScopeAll
}

// Listen implements [session.Feed].
func (f *Feed) Listen(ctx context.Context, l session.Listener) {
	h := &subscriptions{listener: l, subscribers: map[*redis.Client]*subscriber{}}
	defer h.follow(nil, nil)
	defer f.store.losses.onLoss(h.lost)()
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watching.Go(func() { f.watch(ctx) })
	cluster, ok := f.store.client.raw.(*redis.ClusterClient)
	if !ok {
		client, _ := f.store.client.raw.(*redis.Client)
		h.follow([]*redis.Client{client}, func(e *subscriber) { f.subscribe(ctx, e) })
		<-ctx.Done()
		return
	}
	ticks := time.NewTicker(mastersInterval)
	defer ticks.Stop()
	for {
		masters, err := mastersOf(ctx, cluster)
		if err == nil {
			h.follow(masters, func(e *subscriber) { f.subscribe(ctx, e) })
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// watch asks each server once in a second whether it has lost keys, so that caches start anew
// then: no script announces what a flush removes.
func (f *Feed) watch(ctx context.Context) {
	for {
		wait := f.store.checkAll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// mastersOf asks the cluster for its masters.
func mastersOf(ctx context.Context, cluster *redis.ClusterClient) ([]*redis.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, mastersInterval)
	defer cancel()
	var mu sync.Mutex
	var masters []*redis.Client
	err := cluster.ForEachMaster(ctx, func(_ context.Context, client *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		masters = append(masters, client)
		return nil
	})
	return masters, err
}

// subscribe hears one server until the subscriber is stopped.
func (f *Feed) subscribe(ctx context.Context, e *subscriber) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.stopped, cancel)()
	for {
		_ = f.receive(ctx, e) // for every cause the next step is the same
		e.all.unsubscribed(e)
		select {
		case <-ctx.Done():
			return
		case <-time.After(reconnectPause):
		}
	}
}

// receive subscribes and reports what arrives, until the first error.
func (f *Feed) receive(ctx context.Context, e *subscriber) error {
	ctx, cancel := context.WithCancel(ctx)
	changes := f.store.names.changes()
	own := f.store.names.prefix + ":beat:" + rand.Text()
	sub := e.client.Subscribe(ctx, changes, own)
	defer context.AfterFunc(ctx, func() { _ = sub.Close() })()
	defer sub.Close()
	defer cancel()

	for range 2 {
		v, err := sub.ReceiveTimeout(ctx, silence)
		if err != nil {
			return err
		}
		if s, ok := v.(*redis.Subscription); !ok || s.Kind != "subscribe" {
			return errors.New("redisstore: feed: not subscribed")
		}
	}
	// Only now: changes before this moment may have gone unheard.
	e.all.subscribed(e)

	sent := &heartbeats{}
	var beating sync.WaitGroup
	defer beating.Wait()
	defer cancel()
	beating.Go(func() { f.sendHeartbeats(ctx, e.client, own, sent) })
	for {
		v, err := sub.ReceiveTimeout(ctx, silence)
		if err != nil {
			return err
		}
		m, ok := v.(*redis.Message)
		if !ok { // the client subscribed again on its own: something may be lost
			return fmt.Errorf("redisstore: feed: %T", v)
		}
		switch m.Channel {
		case changes:
			e.all.changed(f.store.names.scope(m.Payload), m.Payload)
		case own:
			if b, ok := sent.returned(m.Payload); ok {
				e.all.heartbeat(e, b)
			}
		}
	}
}

// sendHeartbeats publishes heartbeats until ctx is done. One that fails proves nothing.
func (f *Feed) sendHeartbeats(ctx context.Context, client *redis.Client, channel string, sent *heartbeats) {
	ticks := time.NewTicker(heartbeatInterval)
	defer ticks.Stop()
	for {
		f.sendHeartbeat(ctx, client, channel, sent.next())
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

func (f *Feed) sendHeartbeat(ctx context.Context, client *redis.Client, channel, token string) {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	if v, err := run(ctx, plain{client}, heartbeatScript, nil, channel, token); err == nil {
		f.store.meet(v)
	}
}
