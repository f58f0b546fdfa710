package redisstore

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// meetInterval is how often at most a read asks whose data the server has.
	meetInterval = time.Second

	// askAgain is when a check without an answer is made again.
	askAgain = meetInterval / 10

	// reassertChunk is how many scripts of a push are sent at once, so that Redis is kept
	// from others for a few milliseconds at most.
	reassertChunk = 100

	// keepServers is how many servers are remembered that were met: a cluster has one for
	// each master, and a failover adds one.
	keepServers = 1 << 10

	// pushRest is how many times as long as a push for a loss took none begins for another.
	pushRest = 9
)

// reassertion puts what an instance remembers back into a Redis that it has not met, or that has
// lost keys. A failover that lost a revocation is so undone for instances that never heard of it,
// without waiting until somebody who has asks for that very user.
type reassertion struct {
	asked  recent[int64] // when a read last asked a server, in ns since 1970; of a cluster each master is one
	synced generations   // ids of replications that have everything remembered before
	one    bool          // there is one server at a time, and only the one that was seen last is met

	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex // guards what follows, and the start of running against close
	last   string     // the id that was seen last, where there is one server at a time
	busy   bool
	owed   bool      // keys were lost since the last push began that succeeded
	rested time.Time // before which no push begins for a loss
}

// due reports whether a read is to ask whose data a server has, once in meetInterval.
func (r *reassertion) due(server string, now time.Time) bool {
	late := func(last int64) bool {
		since := now.UnixNano() - last
		return since < 0 || since >= int64(meetInterval)
	}
	if !late(r.asked.get(server)) {
		return false
	}
	due := false
	r.asked.update(server, func(last int64) int64 {
		if due = late(last); due { // of several reads at once one asks
			return now.UnixNano()
		}
		return last
	})
	return due
}

// primaryCheck is that of a load to a server whose data it has. The zero check is made of none.
type primaryCheck struct {
	reassert *reassertion
	server   string
}

// unanswered has a load ask again soon: one that found no answer must not be what others wait for,
// nor each load of an outage bring a check along.
func (q primaryCheck) unanswered() {
	if q.reassert != nil {
		again := time.Now().Add(askAgain - meetInterval).UnixNano()
		q.reassert.asked.update(q.server, func(int64) int64 { return again })
	}
}

// due returns the check that a load of a key is to make of the server that has it, if any.
func (s *Store) due(ctx context.Context, key string) (primaryCheck, bool) {
	q := primaryCheck{reassert: &s.reassert}
	if !s.reassert.one {
		cluster, ok := s.client.raw.(*redis.ClusterClient)
		if !ok {
			return primaryCheck{}, false
		}
		master, err := cluster.MasterForKey(ctx, key)
		if err != nil {
			return primaryCheck{}, false
		}
		q.server = master.Options().Addr
	}
	if !s.reassert.due(q.server, time.Now()) {
		return primaryCheck{}, false
	}
	return q, true
}

// sees notes that a server was seen, and reports whether it is to be told what is remembered. Of one
// server at a time, the one before may come back, older than what this one has acknowledged: it counts
// as met no more, whether this one was told or not.
func (r *reassertion) sees(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.one && r.last != id {
		r.last = id
		r.synced.only(id, 0)
	}
	return r.synced.get(id) == 0
}

// begin runs push in the background, one at a time. A push that fails is begun again when
// the server is next met.
func (r *reassertion) begin(id string, push func(ctx context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spawn(push, func() {
		switch {
		case !r.one:
			r.synced.max(id, 1)
		case r.last == id:
			r.synced.only(id, 1)
		}
	})
}

// owe notes that keys were lost, of a server that may be the one that was met.
func (r *reassertion) owe() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owed = true
}

// pushOwed runs push in the background when keys were lost since the last one. It is called after
// each check of a server. Where keys are lost all the time, pushes take a tenth of it at most.
func (r *reassertion) pushOwed(now time.Time, push func(ctx context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owed && !now.Before(r.rested) {
		r.spawn(push, func() { r.rested = time.Now().Add(pushRest * time.Since(now)) })
	}
}

// spawn runs push in the background unless one runs, and done after one that succeeded. The caller
// holds mu.
func (r *reassertion) spawn(push func(ctx context.Context) error, done func()) {
	if r.busy || r.ctx.Err() != nil {
		return
	}
	owed := r.owed
	r.busy, r.owed = true, false
	r.running.Go(func() {
		err := push(r.ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.busy = false
		if err != nil {
			r.owed = r.owed || owed
			return
		}
		done()
	})
}

func (r *reassertion) close() {
	r.mu.Lock() // no push begins after this
	r.cancel()
	r.mu.Unlock()
	r.running.Wait()
}

// meet takes the answer of primary.lua. A server that was not met before gets everything
// that is remembered.
func (s *Store) meet(answer any) {
	id, _ := answer.(string)
	if id == "" || !s.reassert.sees(id) {
		return
	}
	p := push{Store: s}
	if s.reassert.one {
		p.server = id
	}
	s.reassert.begin(id, p.putBack)
}
