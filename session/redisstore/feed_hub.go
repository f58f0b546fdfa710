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

// hub makes one report of what several ears hear. On a cluster a change is announced by
// the master that made it, so the hub hears the store only while every ear hears, and is
// as late as the one that proved it longest ago.
type hub struct {
	mu       sync.Mutex // one call of the listener at a time
	listener session.Listener
	ears     map[*redis.Client]*ear
}

// ear hears one server.
type ear struct {
	hub     *hub
	client  *redis.Client
	stopped context.Context
	stop    context.CancelFunc
	done    chan struct{}

	last *beat // nil while it hears nothing for certain
}

// beat is a beat that came back: when it was sent, and what the server's clock was then or
// later.
type beat struct{ sent, store time.Time }

// follow starts an ear for each client that has none, and stops those of other clients.
func (h *hub) follow(clients []*redis.Client, attend func(e *ear)) {
	var old []*ear
	h.mu.Lock()
	for client, e := range h.ears {
		if !slices.Contains(clients, client) {
			delete(h.ears, client)
			old = append(old, e)
			h.listener.Reset()
		}
	}
	for _, client := range clients {
		if h.ears[client] != nil {
			continue
		}
		e := &ear{hub: h, client: client, done: make(chan struct{})}
		e.stopped, e.stop = context.WithCancel(context.Background())
		h.ears[client] = e
		h.listener.Reset()
		go func() {
			defer close(e.done)
			attend(e)
		}()
	}
	h.mu.Unlock()
	for _, e := range old {
		e.stop()
		<-e.done
	}
}

// hears is called when an ear begins to hear: everything before may be unheard.
func (h *hub) hears(e *ear) { h.deaf(e) }

// deaf is called when an ear hears no more.
func (h *hub) deaf(e *ear) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.last = nil
	h.listener.Reset()
}

// lost is called when a server has lost keys.
func (h *hub) lost() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listener.Reset()
}

func (h *hub) changed(scope session.Scope, topic string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listener.Changed(scope, topic)
}

// beat is called when a beat came back. It is passed on once every ear had one: sent is
// that of the slowest ear, and the clock that of the server whose clock is ahead.
func (h *hub) beat(e *ear, b beat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ears[e.client] != e {
		return // stopped
	}
	e.last = &b
	sent, ahead := b.sent, b.store.Sub(b.sent.Round(0))
	for _, other := range h.ears {
		if other.last == nil {
			return
		}
		if other.last.sent.Before(sent) {
			sent = other.last.sent
		}
		ahead = max(ahead, other.last.store.Sub(other.last.sent.Round(0)))
	}
	h.listener.Beat(sent, sent.Round(0).Add(ahead))
}

// beats remembers when the last beats were sent.
type beats struct {
	mu   sync.Mutex
	n    uint64
	sent [16]time.Time
}

// next notes that a beat is about to be sent and returns its token.
func (b *beats) next() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	b.sent[b.n%uint64(len(b.sent))] = time.Now()
	return strconv.FormatUint(b.n, 10)
}

// returned reads a beat that arrived. It returns false for one that was not sent lately.
func (b *beats) returned(payload string) (beat, bool) {
	token, clock, _ := strings.Cut(payload, " ")
	n, ok := parseNumber(token)
	now, ok2 := parseNumber(clock)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !ok || !ok2 || n > b.n || b.n-n >= uint64(len(b.sent)) {
		return beat{}, false
	}
	return beat{b.sent[n%uint64(len(b.sent))], fromMicros(int64(now))}, true
}
