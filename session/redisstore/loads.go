package redisstore

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/tenant"
)

const (
	// tripLoads is how many loads share one round trip at most, so that one pipeline keeps
	// Redis from others for a few milliseconds at most.
	tripLoads = 100

	// tenantTrips is how many round trips carry loads of one tenant at once. The tenant's
	// next loads gather until one of them is back.
	tenantTrips = 4

	// maxTrips is how many round trips carry loads at once. They take three quarters of the
	// connections at most, so that some are left for everything else.
	maxTrips = 16
)

// LoadStats counts what a store's loads cost since the store was made.
type LoadStats struct {
	Loads uint64 // reads of one session, and records of its use
	Trips uint64 // round trips that carried them
}

// Loads returns how many loads there were and how many round trips they took. In a burst one
// trip carries up to 100 loads; otherwise each load has its own.
func (s *Store) Loads() LoadStats { return s.loads.stats() }

// loads lets loads that wait share round trips. A load goes at once, alone, in the caller's
// goroutine, and waits for no company. While as many trips are under way as one tenant may
// have, the tenant's next loads gather, and go together as one pipeline when a trip is back.
// Nothing waits for a timer.
//
// Tenants take turns in a pipeline, so a tenant with few loads is in the next one. A caller
// that goes away leaves the queue, or its answer, and nobody else is failed by it: a shared
// trip has a budget of its own. An error belongs to the load whose call it answers.
//
// On a cluster, loads gather by the masters that they ask, so that a master that does not
// answer keeps only its own loads.
type loads struct {
	client *breakerClient
	budget time.Duration // of a shared trip
	most   int           // trips at once, on one route

	counted, trips atomic.Uint64

	mu      sync.Mutex
	closed  bool
	routes  map[string]*route // by masters; one, "", but on a cluster
	running sync.WaitGroup    // the shared trips; none begins once closed
}

func newLoads(client *breakerClient, budget time.Duration) *loads {
	pool := 0
	switch c := client.raw.(type) {
	case *redis.Client:
		pool = c.Options().PoolSize
	case *redis.ClusterClient:
		pool = c.Options().PoolSize
	}
	return &loads{client: client, budget: budget, most: min(max(pool*3/4, 1), maxTrips), routes: map[string]*route{}}
}

func (l *loads) stats() LoadStats { return LoadStats{l.counted.Load(), l.trips.Load()} }

// close waits for the trips that are under way. Loads after it are not gathered.
func (l *loads) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.running.Wait()
}

// batch is [batch] for the calls of one load of t.
func (l *loads) batch(ctx context.Context, t tenant.ID, build func(eval bool) []*call) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.counted.Add(1)
	answers, err := l.exec(ctx, t, build(false))
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
		answers, err = l.exec(ctx, t, build(true))
	}
	return answers, err
}

// run runs a script that may be sent twice.
func (l *loads) run(ctx context.Context, t tenant.ID, s script, keys []string, args ...any) (any, error) {
	answers, err := l.batch(ctx, t, func(eval bool) []*call {
		return []*call{s.call(ctx, eval, keys, args...)}
	})
	if err != nil {
		return nil, err
	}
	return answers[0], nil
}

// exec sends the calls of one load, alone or with others.
func (l *loads) exec(ctx context.Context, t tenant.ID, calls []*call) ([]any, error) {
	name := l.masters(ctx, calls)
	l.mu.Lock()
	to := l.route(name)
	if l.closed || to.mayGo(t) {
		ln := to.line(t)
		to.depart(ln)
		l.mu.Unlock()
		return l.alone(ctx, to, ln, calls)
	}
	if err := l.client.breaker.allow(); err != nil {
		l.mu.Unlock()
		return nil, err
	}
	r := to.queue(ctx, t, calls)
	l.mu.Unlock()

	began := time.Now()
	select {
	case <-r.told:
	case <-ctx.Done():
		if state := l.leave(to, r); state == solo {
			l.back(to, r.line)
		}
		// Like a call that Redis does not answer: the trips before it are not back.
		l.client.breaker.report(ctx, ctx.Err(), time.Since(began))
		return nil, ctx.Err()
	}
	if r.state == solo {
		return l.alone(ctx, to, r.line, calls)
	}
	if l.client.isResharding(r.err) {
		return l.client.exec(ctx, calls) // which waits until the slot has moved; nobody waits for it
	}
	return r.answers, r.err
}

// alone makes a trip with one load, in the goroutine and on the terms of its caller.
func (l *loads) alone(ctx context.Context, to *route, ln *line, calls []*call) ([]any, error) {
	defer l.back(to, ln)
	l.trips.Add(1)
	return l.client.exec(ctx, calls)
}

// leave takes r out of the queue, and returns the state that r was in.
func (l *loads) leave(to *route, r *pendingLoad) loadState {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := r.state
	if before == queued {
		r.state = gone
		to.drop(r)
	}
	return before
}

// back ends a trip of these lines, and begins the next ones.
func (l *loads) back(to *route, lines ...*line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to.land(lines)
	for to.trips < to.most && to.waiting > 0 {
		group := to.next(tripLoads)
		switch {
		case len(group) == 0:
			return // those who wait have all their trips under way
		case len(group) == 1 || l.closed:
			for _, r := range group {
				to.depart(r.line)
				r.tell(solo)
			}
		default:
			for _, r := range group {
				r.state = sharing
			}
			lines := linesOf(group)
			to.depart(lines...)
			l.running.Go(func() {
				defer l.back(to, lines...)
				l.makeTrip(group)
			})
		}
	}
}

// makeTrip makes a trip with several loads and tells each its answers.
func (l *loads) makeTrip(group []*pendingLoad) {
	defer func() {
		for _, r := range group {
			close(r.told)
		}
	}()
	// The values are of one of them, as those of any shared read.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(group[0].ctx), l.budget, errBudget)
	defer cancel()
	if err := l.client.breaker.allow(); err != nil {
		for _, r := range group {
			r.err = err
		}
		l.client.breaker.refused.Add(uint64(len(group) - 1)) // each is one that was refused
		return
	}
	l.trips.Add(1)
	began := time.Now()
	sent, sentFor := manifest(group)
	err := plain{l.client.raw}.send(ctx, sent)
	silent := err
	for _, r := range group {
		r.answers, r.err = answersOf(r.calls, sentFor, err)
		if !isSilence(r.err) {
			silent = nil
		}
	}
	// Redis has answered if it answered anybody.
	l.client.breaker.report(ctx, silent, time.Since(began))
}

// manifest returns the calls of all pending loads, those that ask the same once, and the call that is
// sent for what is asked by several.
func manifest(group []*pendingLoad) (sent []*call, sentFor map[string]*call) {
	sentFor = map[string]*call{}
	for _, r := range group {
		for _, c := range r.calls {
			if c.same != "" {
				if sentFor[c.same] != nil {
					continue
				}
				sentFor[c.same] = c
			}
			sent = append(sent, c)
		}
	}
	return sent, sentFor
}

// answersOf returns the answers to the calls of one load. An answer that bears the nonce of its
// call is one, whatever became of the connection after it; err is the outcome of the trip.
func answersOf(calls []*call, sentFor map[string]*call, err error) ([]any, error) {
	answers := make([]any, len(calls))
	for i, c := range calls {
		if c.same != "" {
			c = sentFor[c.same]
		}
		answer, ours := c.answer()
		if !ours {
			if own := c.Err(); own != nil {
				return nil, own
			}
			if err != nil {
				return nil, err
			}
			return nil, errForeign
		}
		answers[i] = answer
	}
	return answers, nil
}

// masters names the masters that calls go to, "" where there is but one.
func (l *loads) masters(ctx context.Context, calls []*call) string {
	cluster, ok := l.client.raw.(*redis.ClusterClient)
	if !ok {
		return ""
	}
	var name string
	for _, c := range calls {
		master, err := cluster.MasterForKey(ctx, c.key)
		if err != nil {
			return "" // the call itself will say why
		}
		name += master.Options().Addr + " "
	}
	return name
}
