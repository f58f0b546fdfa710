package redisstore

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
)

// subscriptions makes one report of what several subscribers hear. On a cluster a change is announced by
// the master that made it, so the store is heard only while every subscriber hears, and is
// as late as the one that proved it longest ago.
type subscriptions struct {
	mu          sync.Mutex // one call of the listener at a time
	listener    session.Listener
	subscribers map[*redis.Client]*subscriber
}

// subscriber hears one server.
type subscriber struct {
	all     *subscriptions
	client  *redis.Client
	stopped context.Context
	stop    context.CancelFunc
	done    chan struct{}

	last *heartbeat // nil while it hears nothing for certain
}

// heartbeat is one that came back: when it was sent, and what the server's clock was then or
// later.
type heartbeat struct{ sent, store time.Time }

// follow starts a subscriber for each client that has none, and stops those of other clients.
func (h *subscriptions) follow(clients []*redis.Client, begin func(e *subscriber)) {
	var old []*subscriber
	h.mu.Lock()
	for client, e := range h.subscribers {
		if !slices.Contains(clients, client) {
			delete(h.subscribers, client)
			old = append(old, e)
			h.listener.Reset()
		}
	}
	for _, client := range clients {
		if h.subscribers[client] != nil {
			continue
		}
		e := &subscriber{all: h, client: client, done: make(chan struct{})}
		e.stopped, e.stop = context.WithCancel(context.Background())
		h.subscribers[client] = e
		h.listener.Reset()
		go func() {
			defer close(e.done)
			begin(e)
		}()
	}
	h.mu.Unlock()
	for _, e := range old {
		e.stop()
		<-e.done
	}
}

// subscribed is called when a subscriber begins to hear: everything before may be unheard.
func (h *subscriptions) subscribed(e *subscriber) { h.unsubscribed(e) }

// unsubscribed is called when a subscriber hears no more.
func (h *subscriptions) unsubscribed(e *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.last = nil
	h.listener.Reset()
}

// lost is called when a server has lost keys.
func (h *subscriptions) lost() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listener.Reset()
}

func (h *subscriptions) changed(scope session.Scope, topic string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listener.Changed(scope, topic)
}

// heartbeat is called when a heartbeat came back. It is passed on once every subscriber had one: sent
// is that of the slowest, and the clock that of the server whose clock is ahead.
func (h *subscriptions) heartbeat(e *subscriber, b heartbeat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subscribers[e.client] != e {
		return // stopped
	}
	e.last = &b
	sent, ahead := b.sent, b.store.Sub(b.sent.Round(0))
	for _, other := range h.subscribers {
		if other.last == nil {
			return
		}
		if other.last.sent.Before(sent) {
			sent = other.last.sent
		}
		ahead = max(ahead, other.last.store.Sub(other.last.sent.Round(0)))
	}
	h.listener.Heartbeat(sent, sent.Round(0).Add(ahead))
}

// heartbeats remembers when the last heartbeats were sent.
type heartbeats struct {
	mu   sync.Mutex
	n    uint64
	sent [16]time.Time
}

// next notes that a heartbeat is about to be sent and returns its token.
func (b *heartbeats) next() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	b.sent[b.n%uint64(len(b.sent))] = time.Now()
	return strconv.FormatUint(b.n, 10)
}

// returned reads a heartbeat that arrived. It returns false for one that was not sent lately.
func (b *heartbeats) returned(payload string) (heartbeat, bool) {
	token, clock, _ := strings.Cut(payload, " ")
	n, ok := parseNumber(token)
	now, ok2 := parseNumber(clock)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !ok || !ok2 || n > b.n || b.n-n >= uint64(len(b.sent)) {
		return heartbeat{}, false
	}
	return heartbeat{b.sent[n%uint64(len(b.sent))], fromMicros(int64(now))}, true
}
