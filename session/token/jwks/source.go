package jwks

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/session/token"
)

// The limits of a source.
const (
	maxStale   = 24 * time.Hour         // how long keys serve after the last good fetch
	minLife    = 30 * time.Second       // of an answer, whatever its provider says
	maxLife    = 24 * time.Hour         // the same
	maxWait    = 250 * time.Millisecond // of a request for a fetch, from when that starts
	maxWaiting = 64                     // requests that wait at a time, of all issuers
	maxOwn     = 32                     // the same of one issuer
	maxIgnored = 32                     // lines of Stats.Ignored
	maxText    = 255                    // bytes of an issuer's name
)

// The outages. They carry no detail, since every request in an outage makes one; Stats
// has it.
var (
	errNoKeys = fmt.Errorf("jwks: no keys were fetched yet: %w", token.ErrUnavailable)
	errUnsure = fmt.Errorf("jwks: an unknown key, and whether there is one could not be asked: %w", token.ErrUnavailable)
	errStale  = fmt.Errorf("jwks: the last good keys are older than 24 h: %w", token.ErrUnavailable)
)

// Source holds the keys of one issuer; [Fetcher.Add] makes one. It is safe for concurrent
// use.
type Source struct {
	fetcher *Fetcher

	discover bool // the metadata name the place of the keys
	issuer   string
	url      *url.URL // of the keys, or of the metadata
	maxAge   time.Duration

	current   atomic.Pointer[keys]    // nil before the first good fetch
	attempt   atomic.Pointer[attempt] // nil when no fetch is in progress
	failing   atomic.Bool             // whether the last fetch failed
	missAfter atomic.Int64            // on the fetcher's clock: when an unknown kid may cause the next fetch
	waiting   atomic.Int32            // requests

	// Guarded by the mutex of the fetcher.
	dropped         map[string]bool // by thumbprint
	etag            string          // of the answer that current came with
	ignored         []string
	fetches, failed uint64
	lastError       string
	clock           *time.Timer     // begins a fetch; nil before Start
	starts          []time.Duration // of the last two fetches
	tries           int             // since the last good one
	fresh           bool            // the next go past every cache on the way
	removed         bool
	found           *url.URL // of the keys, by metadata
	foundAt         time.Duration
}

// keys are those of a good fetch. They are never changed.
type keys struct {
	byID    map[string][]token.Key // of one id, for different algorithms
	count   int
	fetched time.Duration
}

// keysOf returns those of all that are not dropped.
func keysOf(all []token.Key, dropped map[string]bool, fetched time.Duration) *keys {
	held := &keys{byID: make(map[string][]token.Key, len(all)), fetched: fetched}
	for _, k := range all {
		if !dropped[k.Thumbprint()] {
			held.byID[k.ID()] = append(held.byID[k.ID()], k)
			held.count++
		}
	}
	return held
}

var _ token.KeySource = (*Source)(nil)

func newSource(f *Fetcher, e Endpoint) (*Source, error) {
	var problems configerr.Problems
	if e.Issuer == "" || len(e.Issuer) > maxText || clean(e.Issuer) != e.Issuer {
		problems.Add("Issuer", "required, printable ASCII of at most 255 bytes")
	}
	u, err := parseURL(e.URL)
	switch {
	case e.Discover && e.URL != "":
		problems.Add("URL", "beside Discover: the issuer's metadata name it")
	case e.Discover:
		if u, err = metadataURL(e.Issuer); err != nil {
			problems.Add("Discover", "the issuer is no URL to begin with: %w", err)
		}
	case err != nil:
		problems.Add("URL", "%w", err)
	}
	if e.MaxAge == 0 {
		e.MaxAge = maxLife
	}
	if e.MaxAge < minLife || e.MaxAge > maxLife {
		problems.Add("MaxAge", "%v, %v to %v is allowed", e.MaxAge, minLife, maxLife)
	}
	dropped := map[string]bool{}
	for n, given := range e.Dropped {
		for thumbprint := range strings.SplitSeq(given, " ") {
			if sum, err := base64.RawURLEncoding.Strict().DecodeString(thumbprint); err != nil || len(sum) != 32 {
				problems.Add(fmt.Sprintf("Dropped[%d]", n), "not a SHA-256 thumbprint in base64url")
			}
			dropped[thumbprint] = true
		}
	}
	if err := problems.Err("jwks", nil); err != nil {
		return nil, err
	}
	return &Source{fetcher: f, issuer: e.Issuer, url: u, discover: e.Discover, maxAge: e.MaxAge, dropped: dropped}, nil
}

// Key implements [token.KeySource]. A known key costs two map look-ups and no lock. An
// unknown kid may cause a fetch, on the terms of the package, and the request waits for a
// fetch that started less than 250 ms ago until it is that old, so that the first tokens
// of a new key are not refused. Nobody waits for a provider that has just failed to answer,
// and with 32 requests of the issuer waiting, or 64 of all the fetcher's, others are
// answered at once, so that those who wait for one provider leave room for others' tokens.
// It returns [token.ErrUnavailable] before the first good fetch, and 24 h after the last. It
// does so too for an unknown kid while a fetch is under way, or when the last one failed: the
// key may be a new one, and its user is not to be signed out because nobody could ask.
func (s *Source) Key(ctx context.Context, kid string, alg token.Algorithm) (token.Key, error) {
	held := s.current.Load()
	key, known, err := s.find(held, kid, alg)
	if err == nil || known {
		return key, err
	}
	fl := s.attempt.Load()
	if fl == nil && s.usable(held) {
		fl = s.claim()
	}
	// The keys are looked at again, since a fetch may have ended meanwhile. One that another
	// request has begun since says nothing about this answer.
	ended := fl == nil || s.wait(ctx, fl)
	if ended {
		key, known, err = s.find(s.current.Load(), kid, alg)
	}
	if err == token.ErrUnknownKey && !known && (!ended || s.failing.Load()) {
		err = errUnsure
	}
	return key, err
}

// find looks for a key among those held. known means that no fetch would change the
// answer: there is a key of that id, which is for another algorithm.
func (s *Source) find(held *keys, kid string, alg token.Algorithm) (key token.Key, known bool, err error) {
	if held == nil {
		return token.Key{}, false, errNoKeys
	}
	if !s.usable(held) {
		return token.Key{}, false, errStale
	}
	for _, key := range held.byID[kid] {
		if key.Algorithm() == alg || alg == token.Ed25519 && key.Algorithm() == token.EdDSA {
			return key, true, nil
		}
	}
	return token.Key{}, len(held.byID[kid]) > 0, token.ErrUnknownKey
}

func (s *Source) usable(held *keys) bool {
	return held != nil && s.fetcher.now()-held.fetched < maxStale
}

// claim begins a fetch for an unknown kid and returns it, or nil when it is too early. The
// right to the next one is given away before this one begins, by time alone, so that
// neither its length nor its outcome lets more through. A fetch that is under way already
// costs nobody that right: it may have begun before the key was published.
func (s *Source) claim() *attempt {
	f := s.fetcher
	if int64(f.now()) < s.missAfter.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	fl := s.attempt.Load()
	if fl != nil || f.stop == nil || f.closed || s.removed || int64(f.now()) < s.missAfter.Load() {
		return fl
	}
	s.missAfter.Store(int64(f.now() + window))
	s.fresh = true
	f.begin(s) // or as soon as one may
	return s.attempt.Load()
}

// wait waits for a fetch to end and reports whether it did.
func (s *Source) wait(ctx context.Context, fl *attempt) bool {
	left := fl.began + maxWait - s.fetcher.now()
	if !fl.first || left <= 0 {
		return false
	}
	defer s.waiting.Add(-1)
	defer s.fetcher.waiting.Add(-1)
	if own, all := s.waiting.Add(1), s.fetcher.waiting.Add(1); own > maxOwn || all > maxWaiting {
		return false
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-fl.done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// recordOutcome takes over the outcome of a fetch. The mutex of the fetcher is held.
func (s *Source) recordOutcome(a answer, err error) {
	s.fetches++
	s.failing.Store(err != nil)
	if err != nil {
		s.failed++
		s.lastError = clean(err.Error())
		return
	}
	s.lastError = ""
	if a.set == nil { // unchanged, which the provider said of the keys that are held
		held := *s.current.Load()
		held.fetched = s.fetcher.now()
		s.current.Store(&held)
		return
	}
	s.etag = a.etag
	s.ignored = a.set.Ignored()
	if more := len(s.ignored) - maxIgnored; more > 0 {
		s.ignored = append(s.ignored[:maxIgnored:maxIgnored], fmt.Sprintf("and %d more", more))
	}
	s.current.Store(keysOf(a.set.Keys(), s.dropped, s.fetcher.now()))
}

// DropKey ends the trust in a key at once, for a private key that has been stolen: it is
// accepted no more, under this id or another, however often the provider publishes it.
// It returns the key's thumbprint, which [Endpoint.Dropped] takes to outlast a restart,
// and false when there is no key of that id. An id may be of several keys, for different
// algorithms: all of them end, and the result is their thumbprints with a space between,
// which Dropped takes as they are. Another key may take the id. Every instance has to be
// told.
func (s *Source) DropKey(kid string) (thumbprint string, ok bool) {
	s.fetcher.mu.Lock()
	defer s.fetcher.mu.Unlock()
	held := s.current.Load()
	if held == nil {
		return "", false
	}
	var thumbprints []string
	for _, key := range held.byID[kid] {
		if t := key.Thumbprint(); !slices.Contains(thumbprints, t) {
			thumbprints = append(thumbprints, t)
			s.dropped[t] = true
		}
	}
	if len(thumbprints) == 0 {
		return "", false
	}
	all := slices.Concat(slices.Collect(maps.Values(held.byID))...)
	s.current.Store(keysOf(all, s.dropped, held.fetched))
	return strings.Join(thumbprints, " "), true
}

// health returns a snapshot. The mutex of the fetcher is held.
func (s *Source) health() Stats {
	h := Stats{
		Issuer: s.issuer, Ignored: append([]string(nil), s.ignored...),
		Fetches: s.fetches, Failed: s.failed, LastError: s.lastError,
	}
	if held := s.current.Load(); held != nil {
		h.Ready, h.Keys, h.Age = s.usable(held), held.count, s.fetcher.now()-held.fetched
	}
	return h
}
