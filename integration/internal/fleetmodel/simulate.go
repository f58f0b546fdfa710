package fleetmodel

import (
	"container/heap"
	"container/list"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"
)

// Simulated has the counts of a simulation.
type Simulated struct {
	Reads, Touches, Changes float64 // in a second
	FromRAM                 float64
	Average, Everyone       Master
	Messages                float64       // that an instance heard in a second
	Wait                    time.Duration // at the master of everyone's epoch, of all calls the 99th percentile
	Backlog                 time.Duration // of that master at the end
}

// Simulate replays f for so many seconds, after the time in which caches fill, on a part of the
// traffic and of the sessions: by is the part, such as 0.001. Servers are slower by as much, so
// that they are as busy as those of f. Each request, change and heartbeat is an event; each instance has a cache that evicts the least
// recently used entry; each master works on one call after another.
func Simulate(f Fleet, c Constants, by, runs float64, seed uint64) (Simulated, error) {
	if err := f.Validate(); err != nil {
		return Simulated{}, err
	}
	full := f
	f = f.scaled(by)
	w := &simulation{
		f: f, c: c, slow: 1 / by, random: rand.New(rand.NewPCG(seed, 1)),
		sessions: make([]storedSession, f.Active), instances: make([]*nearCache, f.Instances), masters: make([]queue, f.Masters),
	}
	for i := range w.sessions {
		at := i % f.Masters // each master has one in as many, of every popularity
		if i/f.Masters%2 == 1 {
			at = f.Masters - 1 - at
		}
		w.sessions[i] = storedSession{seen: -touchInterval.Seconds() * w.random.Float64(), master: at, tenant: (at + f.Masters/2) % f.Masters}
	}
	for i := range w.instances {
		w.instances[i] = newNearCache(f.CacheEntries)
	}
	w.draw = newZipf(f)
	const fill = 90.0
	w.play(fill, fill+runs)
	return w.result(full, by, runs), nil
}

// storedSession is one in Redis.
type storedSession struct {
	seen    float64 // last recorded use
	version uint32
	master  int // that has the user
	tenant  int // the master that has the tenant
}

// simulation is the state of a simulation.
type simulation struct {
	f         Fleet
	c         Constants
	slow      float64
	random    *rand.Rand
	draw      zipf
	sessions  []storedSession
	instances []*nearCache
	masters   []queue // the first has everyone's epoch
	events    events

	counting                                   bool
	requests, reads, touches, changes, fromRAM int
	waits                                      []float64
}

// play runs the events until the end, and counts from a time on.
func (w *simulation) play(from, until float64) {
	for _, kind := range []struct {
		rate   float64
		do     func(now float64)
		random bool
	}{
		{w.f.Requests, w.request, true},
		{w.f.Refreshes, func(now float64) { w.change(now, w.c.Refresh, true, false) }, false},
		{w.f.Revocations, func(now float64) { w.change(now, w.c.Revoke, false, true) }, false},
		{w.f.SignIns, func(now float64) { w.change(now, w.c.SignIn, true, true) }, false},
	} {
		if kind.rate > 0 {
			heap.Push(&w.events, &source{at: w.random.Float64() / kind.rate, rate: kind.rate, do: kind.do, random: kind.random})
		}
	}
	own := w.c.Heartbeats + w.c.Checks + w.c.Queries
	heartbeats := float64(w.f.Instances) * float64(w.f.Masters) * own / w.slow // as many by the processor time of the full fleet
	heap.Push(&w.events, &source{at: w.random.Float64() / heartbeats, rate: heartbeats, do: w.own})
	for {
		next := w.events[0]
		if next.at >= until {
			return
		}
		if !w.counting && next.at >= from {
			w.counting = true
			for i := range w.masters {
				w.masters[i].begin(from)
			}
		}
		next.do(next.at)
		next.at += next.pause(w.random)
		heap.Fix(&w.events, 0)
	}
}

// request is one of a session at an instance.
func (w *simulation) request(now float64) {
	id := w.draw.next(w.random)
	at := w.random.IntN(w.f.Instances)
	if w.f.Sticky {
		at = id % w.f.Instances
	}
	w.requests += w.counted()
	cache, s := w.instances[at], &w.sessions[id]
	e := cache.get(id)
	hit := e != nil && e.version == s.version && now-e.read < maxAge.Seconds()
	if hit && now-e.seen < touchInterval.Seconds() {
		w.fromRAM += w.counted()
		return
	}
	// A hit whose use is to be recorded is served, and reads in the background.
	w.load(now, s)
	cache.put(id, copied{read: now, seen: s.seen, version: s.version})
}

// load reads a session from Redis and records its use.
func (w *simulation) load(now float64, s *storedSession) {
	w.reads += w.counted()
	w.call(now, w.c.Load, s, w.c.UserCall)
	if now-s.seen >= touchInterval.Seconds() {
		w.touches += w.counted()
		w.call(now, w.c.Touch, s, w.c.WriteCall)
		s.seen = now
	}
}

// change is one of any active session: whether it counts as a use, and whether copies are outdated
// by it. A new session takes the place of one that has ended.
func (w *simulation) change(now float64, calls Calls, used, outdates bool) {
	s := &w.sessions[w.random.IntN(len(w.sessions))]
	w.call(now, calls, s, w.c.WriteCall)
	if outdates {
		s.version++
	}
	if used {
		s.seen = now
	}
	if calls.Changes == 0 || !w.counting {
		return
	}
	w.changes += int(calls.Changes)
	w.publish(now, s.master)
	for i := range w.masters {
		if i == s.master || !w.f.Sharded {
			m := &w.masters[i]
			m.deliveries += float64(w.f.Instances)
			m.work(now, w.slow*float64(w.f.Instances)*seconds(w.c.Delivery))
		}
	}
}

// publish sends a message over the bus: to each other node of the cluster, or to the replicas.
func (w *simulation) publish(now float64, from int) {
	bus := func(m *queue, messages int) {
		m.bus += float64(messages)
		m.work(now, w.slow*float64(messages)*seconds(w.c.BusMessage))
	}
	if w.f.Sharded {
		bus(&w.masters[from], w.f.Replicas)
		return
	}
	for i := range w.masters {
		if i == from {
			bus(&w.masters[i], w.f.Nodes()-1)
		} else {
			bus(&w.masters[i], 1)
		}
	}
}

// own is a heartbeat, check or question of an instance to a master.
func (w *simulation) own(now float64) {
	at := w.random.IntN(len(w.masters))
	m := &w.masters[at]
	kind := w.random.Float64() * (w.c.Heartbeats + w.c.Checks + w.c.Queries)
	m.commands++
	switch {
	case kind < w.c.Heartbeats:
		m.work(now, w.slow*(seconds(w.c.HeartbeatCall)+seconds(w.c.Delivery)))
		m.deliveries++
		w.publish(now, at)
	case kind < w.c.Heartbeats+w.c.Checks:
		m.work(now, w.slow*seconds(w.c.CheckCall))
	default:
		m.work(now, w.slow*seconds(w.c.SharedCall))
	}
}

// call sends calls to the masters that they concern.
func (w *simulation) call(now float64, calls Calls, s *storedSession, ofUser time.Duration) {
	send := func(master int, n float64, each time.Duration) {
		if n == 0 {
			return
		}
		m := &w.masters[master]
		m.commands += n
		wait := m.work(now, w.slow*n*seconds(each))
		if w.counting && master == 0 {
			w.waits = append(w.waits, wait)
		}
	}
	send(s.master, calls.User, ofUser)
	tenant := s.tenant
	if w.random.Float64() < w.f.Largest {
		tenant = len(w.masters) - 1
	}
	send(tenant, calls.Tenant, w.c.SharedCall)
	send(w.random.IntN(min(max(w.f.Copies, 1), len(w.masters))), calls.Everyone, w.c.SharedCall)
}

func (w *simulation) counted() int {
	if w.counting {
		return 1
	}
	return 0
}

// result brings what was counted to the size of the full fleet.
func (w *simulation) result(full Fleet, by, runs float64) Simulated {
	rate := func(n float64) float64 { return n / runs / by }
	out := Simulated{
		Reads: rate(float64(w.reads)), Touches: rate(float64(w.touches)), Changes: rate(float64(w.changes)),
		FromRAM: float64(w.fromRAM) / float64(max(1, w.requests)),
	}
	own := float64(full.Instances) * w.c.Heartbeats
	of := func(m queue) Master {
		return Master{Commands: rate(m.commands), Deliveries: rate(m.deliveries), Bus: rate(m.bus), CPU: m.busy / runs}
	}
	out.Everyone = of(w.masters[0])
	for _, m := range w.masters {
		one := of(m)
		out.Average.Commands += one.Commands / float64(len(w.masters))
		out.Average.Deliveries += one.Deliveries / float64(len(w.masters))
		out.Average.Bus += one.Bus / float64(len(w.masters))
		out.Average.CPU += one.CPU / float64(len(w.masters))
	}
	// An instance hears each delivery of each master that is its own.
	out.Messages = float64(len(w.masters)) * (out.Average.Deliveries - own) / float64(full.Instances)
	out.Messages += float64(len(w.masters)) * w.c.Heartbeats
	if len(w.waits) > 0 {
		slices.Sort(w.waits)
		out.Wait = time.Duration(w.waits[len(w.waits)*99/100] * by * float64(time.Second))
	}
	out.Backlog = time.Duration(math.Max(0, w.masters[0].until-(90+runs)) * float64(time.Second))
	return out
}

// queue is a master, which works on one thing after another.
type queue struct {
	until                     float64 // when it has done all that it was asked for
	busy                      float64
	commands, deliveries, bus float64
}

func (q *queue) begin(now float64) { *q = queue{until: math.Max(q.until, now)} }

// work adds to what it has to do, and returns how long that waits.
func (q *queue) work(now, seconds float64) (wait float64) {
	q.until = math.Max(q.until, now)
	wait = q.until - now
	q.until += seconds
	q.busy += seconds
	return wait
}

// nearCache is one of an instance. It evicts what was not used for longest.
type nearCache struct {
	size  int
	byID  map[int]*list.Element
	byUse list.List // of cached, the last used first
}

type cached struct {
	id int
	copied
}

// copied is a session as it was read.
type copied struct {
	read, seen float64
	version    uint32
}

func newNearCache(size int) *nearCache { return &nearCache{size: size, byID: map[int]*list.Element{}} }

func (c *nearCache) get(id int) *copied {
	e := c.byID[id]
	if e == nil {
		return nil
	}
	c.byUse.MoveToFront(e)
	return &e.Value.(*cached).copied
}

func (c *nearCache) put(id int, s copied) {
	if e := c.byID[id]; e != nil {
		e.Value.(*cached).copied = s
		c.byUse.MoveToFront(e)
		return
	}
	if len(c.byID) >= c.size {
		last := c.byUse.Back()
		delete(c.byID, c.byUse.Remove(last).(*cached).id)
	}
	c.byID[id] = c.byUse.PushFront(&cached{id, s})
}

// zipf draws sessions by their popularity.
type zipf []float64 // sums

func newZipf(f Fleet) zipf {
	sums := make(zipf, f.Active)
	sum := 0.0
	for k := range sums {
		sum += f.weight(k + 1)
		sums[k] = sum
	}
	return sums
}

func (z zipf) next(r *rand.Rand) int {
	return sort.SearchFloat64s(z, r.Float64()*z[len(z)-1])
}

// source is a stream of events, at random (Poisson) or at regular times.
type source struct {
	at, rate float64
	random   bool
	do       func(now float64)
}

func (s *source) pause(r *rand.Rand) float64 {
	if s.random {
		return r.ExpFloat64() / s.rate
	}
	return 1 / s.rate
}

// events are the next ones, as a heap.
type events []*source

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(*source)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
