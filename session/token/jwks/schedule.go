package jwks

import (
	"container/heap"
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// The clocks. Fetches that time or failure causes are at least 30 s apart while there are
// keys, and those that unknown kids cause are too, so that a provider sees at most two of
// this process in 30 s.
const (
	minInterval  = 30 * time.Second // between two fetches on the ticker, with keys
	missCooldown = 30 * time.Second // between two fetches for unknown kids
	retryEmpty   = time.Second      // between two fetches without keys, ± 20 %
)

// A fetch runs in one of three lanes, by how the issuer's last one went, so that providers
// that hang or fail take their time from each other and not from those that work.
const (
	laneGood    = iota // also for the first fetch
	laneFailing        // answered, but not with keys
	laneSlow           // did not answer in time, or took its time
	lanes
)

const (
	laneWidth = 32              // fetches at a time in one lane
	slowAfter = time.Second     // an answer that took this long is slow
	limitFast = 2 * time.Second // for a whole fetch
	limitSlow = 5 * time.Second // the same in laneSlow
)

type lane struct {
	active int
	queue  []*Source
}

// flight is one fetch, from when it is asked for until its outcome is there to be seen.
type flight struct {
	done  chan struct{}
	fresh bool // past every cache on the way
}

// run starts the fetches that are due. It is the goroutine of the fetcher.
func (f *Fetcher) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-f.life.Done():
			return
		case <-timer.C:
		case <-f.wake:
		}
		f.mu.Lock()
		for len(f.schedule) > 0 && f.schedule[0].due <= f.now() {
			f.begin(f.schedule[0], false)
		}
		if len(f.schedule) > 0 {
			timer.Reset(f.schedule[0].due - f.now())
		}
		f.mu.Unlock()
	}
}

// poke makes run look at the schedule again.
func (f *Fetcher) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// begin takes a source from the schedule into its lane. f.mu is held, and s has no flight.
func (f *Fetcher) begin(s *Source, fresh bool) {
	f.schedule.remove(s)
	s.flight.Store(&flight{done: make(chan struct{}), fresh: fresh})
	l := &f.lanes[s.lane]
	if l.active == laneWidth {
		l.queue = append(l.queue, s)
		return
	}
	l.active++
	f.launch(s)
}

// launch starts the goroutine of a fetch. f.mu is held.
func (f *Fetcher) launch(s *Source) {
	if f.closed {
		return
	}
	in, fl := s.lane, s.flight.Load()
	f.work.Go(func() { f.fetch(s, in, fl) })
}

// fetch makes one fetch, publishes its outcome and gives its place to the next.
func (f *Fetcher) fetch(s *Source, in int, fl *flight) {
	limit := limitFast
	if in == laneSlow {
		limit = limitSlow
	}
	ctx, cancel := context.WithTimeout(f.life, limit)
	defer cancel()
	f.mu.Lock()
	etag := s.etag
	f.mu.Unlock()
	start := f.now()
	answer, err := f.get(ctx, s, etag, fl.fresh)
	if err != nil && ctx.Err() != nil {
		err = errors.New("no answer in time")
	}
	took := f.now() - start

	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return
	}
	failedBefore := s.lastError != ""
	s.settle(answer, err)
	switch {
	case took >= slowAfter:
		s.lane = laneSlow
	case err != nil:
		s.lane = laneFailing
	default:
		s.lane = laneGood
	}
	s.flight.Store(nil)
	close(fl.done)
	if !s.removed {
		s.due = f.now() + s.pause(answer, err)
		f.schedule.add(s)
		f.poke()
	}
	f.advance(&f.lanes[in])
	f.mu.Unlock()

	switch {
	case err != nil && !failedBefore:
		f.logger.Warn("jwks: fetches fail", "issuer", s.issuer, "error", clean(err.Error()))
	case err == nil && failedBefore:
		f.logger.Info("jwks: fetches work again", "issuer", s.issuer)
	}
}

// advance gives the place of a fetch that ended to the next in its lane. f.mu is held.
func (f *Fetcher) advance(l *lane) {
	l.active--
	for len(l.queue) > 0 {
		s := l.queue[0]
		l.queue = l.queue[1:]
		if !s.removed {
			l.active++
			f.launch(s)
			return
		}
	}
	l.queue = nil
}

// pause returns the time until the next fetch. What the provider grants is used up to
// four fifths, so that a slow fetch still comes in time, and the rest is spread, so that
// many issuers and instances do not ask together.
func (s *Source) pause(a answer, err error) time.Duration {
	switch {
	case err == nil:
		return spread(max(a.life*8/10, minInterval), 0, 10)
	case s.usable(s.current.Load()):
		return spread(minInterval, 0, 10)
	}
	return spread(retryEmpty, -20, 20)
}

// spread returns d and from low to high percent of it.
func spread(d time.Duration, low, high int64) time.Duration {
	return d + time.Duration(low)*d/100 + rand.N(time.Duration(high-low)*d/100)
}

// schedule is a heap of the sources that have no flight, the next due first.
type schedule []*Source

func (q *schedule) add(s *Source) { heap.Push(q, s) }

func (q *schedule) remove(s *Source) {
	if s.place >= 0 {
		heap.Remove(q, s.place)
	}
}

func (q schedule) Len() int           { return len(q) }
func (q schedule) Less(i, j int) bool { return q[i].due < q[j].due }

func (q schedule) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements [heap.Interface].
func (q *schedule) Push(x any) {
	s := x.(*Source)
	s.place = len(*q)
	*q = append(*q, s)
}

// Pop implements [heap.Interface].
func (q *schedule) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	s.place = -1
	return s
}
