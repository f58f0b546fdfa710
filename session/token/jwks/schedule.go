package jwks

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// The clocks. Every issuer has its own, and its own fetches: nothing is shared that one
// provider could use up, so one that hangs, fails or trickles takes no other's time.
//
// While there are keys, a provider sees at most two fetches in 31 s: the third waits until the
// first is that old, whatever asks for it. A rotated key is found by the second of two fetches when
// the first hangs, so that a new key is accepted 31 + 1 + 3 s after its publication at the latest.
//
// While there are none, one fetch starts about every second. The first may be patient, for
// a provider that is far away; those that start beside it are given up soon, for one that
// hung and is back.
const (
	window     = 31 * time.Second       // for two fetches with keys, and between two for unknown kids
	fetchLimit = 3 * time.Second        // of one fetch
	second     = time.Second            // from a fetch to the next when it brings nothing, with keys
	retry      = 800 * time.Millisecond // between two fetches without keys, and up to a quarter more
	haste      = 750 * time.Millisecond // of a fetch beside another, without keys
	atOnce     = 2                      // fetches of one issuer
)

// attempt waits for an answer of one provider, with a fetch or two, from its start
// until its outcome is there to be seen.
type attempt struct {
	done  chan struct{}
	began time.Duration
	first bool // there has been no failure since the last good fetch
	under int  // fetches under way
	ends  []context.CancelFunc
}

// arm sets the clock of a source. f.mu is held.
func (f *Fetcher) arm(s *Source, in time.Duration) {
	if s.clock != nil {
		s.clock.Reset(in)
		return
	}
	s.clock = time.AfterFunc(in, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.begin(s)
	})
}

// begin starts a fetch, or sets the clock to when one may start. f.mu is held.
func (f *Fetcher) begin(s *Source) {
	if f.stop == nil || f.life.Err() != nil || f.closed || s.removed {
		return
	}
	if early := s.early(); early > 0 {
		f.arm(s, early)
		return
	}
	fl, limit := s.attempt.Load(), fetchLimit
	switch {
	case fl == nil:
		fl = &attempt{done: make(chan struct{}), began: f.now(), first: s.tries == 0}
		s.attempt.Store(fl)
	case fl.under == atOnce:
		f.arm(s, s.next())
		return
	case !s.usable(s.current.Load()):
		limit = haste
	}
	s.tries++
	s.starts = append(s.starts, f.now())
	s.starts = s.starts[max(0, len(s.starts)-2):]
	f.arm(s, s.next())

	ctx, end := context.WithTimeout(f.life, limit)
	fl.under++
	fl.ends = append(fl.ends, end)
	etag, fresh := s.etag, s.fresh
	f.work.Go(func() {
		defer end()
		answer, err := f.get(ctx, s, etag, fresh)
		if err != nil && ctx.Err() != nil {
			err = errors.New("no answer in time")
		}
		f.end(s, fl, answer, err)
	})
}

// early returns how long it is until the next fetch may start.
func (s *Source) early() time.Duration {
	if len(s.starts) < 2 || !s.usable(s.current.Load()) {
		return 0
	}
	return s.starts[0] + window - s.fetcher.now()
}

// next returns the time from a fetch that has just started to the one after it, unless it
// brings keys. Those without keys are spread, so that many issuers do not ask together.
func (s *Source) next() time.Duration {
	if !s.usable(s.current.Load()) {
		return spread(retry, 25)
	}
	return second
}

// end publishes the outcome of a fetch and tells the log what is new.
func (f *Fetcher) end(s *Source, fl *attempt, answer answer, err error) {
	f.mu.Lock()
	before := s.health()
	f.publish(s, fl, answer, err)
	after := s.health()
	f.mu.Unlock()
	switch {
	case before.LastError == "" && after.LastError != "":
		f.logger.Warn("jwks: fetches fail", "issuer", s.issuer, "error", after.LastError)
	case before.LastError != "" && after.LastError == "":
		f.logger.Info("jwks: fetches work again", "issuer", s.issuer)
	}
	if len(after.Ignored) > 0 && !slices.Equal(before.Ignored, after.Ignored) {
		f.logger.Warn("jwks: keys are not used", "issuer", s.issuer, "keys", after.Ignored)
	}
}

// publish takes over the outcome of a fetch. That of an attempt is the first good answer, or
// the last failure; the other fetch of it is ended and counts for nothing. f.mu is held.
func (f *Fetcher) publish(s *Source, fl *attempt, answer answer, err error) {
	fl.under--
	if f.closed || f.life.Err() != nil || s.removed || s.attempt.Load() != fl {
		return
	}
	s.recordOutcome(answer, err)
	if err == nil {
		s.tries, s.fresh = 0, false
		// The time that the provider grants is used up to four fifths, so that a slow fetch still
		// comes in time, and the rest is spread, so that many issuers and instances do not ask
		// together.
		f.arm(s, spread(max(answer.life*8/10, window), 10))
	}
	if err == nil || fl.under == 0 {
		f.land(s, fl)
	}
}

// land ends an attempt and what is under way for it. f.mu is held.
func (f *Fetcher) land(s *Source, fl *attempt) {
	s.attempt.Store(nil)
	close(fl.done)
	for _, end := range fl.ends {
		end()
	}
}

// spread returns d and up to so many percent more.
func spread(d time.Duration, percent int64) time.Duration {
	return d + rand.N(time.Duration(percent)*d/100)
}

// silence stops the clock of a source and what is under way for it. f.mu is held.
func (s *Source) silence() {
	if s.clock != nil {
		s.clock.Stop()
	}
	if fl := s.attempt.Load(); fl != nil {
		s.fetcher.land(s, fl)
	}
}
