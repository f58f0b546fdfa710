// Package jwks gets the keys of issuers from their JSON Web Key Sets and keeps them fresh.
//
//	fetcher, err := jwks.New(jwks.Config{})
//	keys, err := fetcher.Add(jwks.Endpoint{
//		Issuer: "https://id.example.com",
//		URL:    "https://id.example.com/.well-known/jwks.json",
//	})
//	verifier, err := token.NewVerifier(token.Issuer{Name: "https://id.example.com", Keys: keys, …})
//	err = fetcher.Start(ctx)
//	defer fetcher.Close()
//
// For most uses one [Fetcher] serves all issuers, and one [Source] of it is the Keys of each. A
// key set that never changes while the program runs needs no fetcher: [token.ParseJWKS] reads it.
//
// Keys are refreshed on the provider's Cache-Control schedule, within limits, independent of
// request traffic. Beside it an unknown kid causes at most one fetch per issuer in 31 s, claimed
// before it starts, so a stranger who makes up kids neither floods the provider nor hides a
// rotation. Nothing is remembered of a kid
// that was not found, so there is nothing to fill and nothing that would refuse a key
// published later. The bounds, of each issuer and each process:
//
//   - While keys are held, the provider is asked at most twice in 31 s, whatever asks, and
//     however it fails.
//   - A new key is accepted within 35 s of its publication, whatever else is asked, when the
//     provider answers within 3 s; it may hang or fail once in between. One that hangs for
//     longer adds the time that it does.
//   - While no keys are held, it is asked about once a second, until it answers. Its keys are
//     there within 2 s of its return when it then answers within 750 ms, and within 3.5 s
//     and the time it takes when that is up to 3 s.
//   - What one provider does, hang, fail, trickle or send too much, changes nothing in this
//     for another.
//
// An answer replaces the keys only when it is a good key set: an empty one, an error page,
// one without a single usable key or with a published secret changes nothing. A bad entry
// beside good ones is left out, and Stats and the log say which and why. In an outage the last good keys serve
// for 24 h; after that, and before the first answer, the issuer's tokens are answered with
// token.ErrUnavailable, and those of others as ever; so are tokens of keys that are not among
// those held, for as long as it cannot be known whether they are new. A key that a good
// answer lacks is refused from then on.
//
// URLs are the operator's: no header of a token names one. Redirects are refused, plain
// http is for loopback hosts alone, and an operator who lets customers register their own
// URLs sets [Config.PublicOnly], so that none leads into the operator's network.
package jwks

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
)

const defaultMaxIssuers = 1000

// Config says how a [Fetcher] fetches. The zero Config is the one to begin with.
type Config struct {
	// RootCAs are the authorities that may certify providers. Default: the system's.
	RootCAs *x509.CertPool

	// PublicOnly refuses to connect to addresses that are not public: loopback, private,
	// link-local and shared ones (RFC 6890), after names are resolved. Set it when anybody
	// but the operator chooses URLs. No proxy is used then. By default HTTPS_PROXY and its
	// like are heeded and every address is allowed, since many providers are private.
	PublicOnly bool

	// MaxIssuers is how many endpoints there may be at a time. Default 1,000.
	MaxIssuers int

	// Logger gets one record when an issuer's fetches begin to fail, one when they work
	// again, and one when there are others than before among its keys that are not used.
	// Default: none.
	Logger *slog.Logger
}

// Fetcher keeps the keys of many issuers. Between [Fetcher.Start] and [Fetcher.Close] it
// has one timer for each, and a goroutine for each fetch in progress, of which there are
// at most two for an issuer. It is safe for concurrent use.
type Fetcher struct {
	transport http.RoundTripper
	limit     int
	logger    *slog.Logger
	epoch     time.Time // the clock counts from here, so that setting the time does not move it
	work      sync.WaitGroup
	waiting   atomic.Int32 // requests, for all issuers together
	bodies    bodies

	mu      sync.Mutex
	stop    context.CancelFunc // ends life; nil before Start
	life    context.Context    // from Start to Close or the end of its context, of no request
	closed  bool
	sources map[string]*Source
}

// New returns a fetcher without endpoints. It starts nothing.
func New(cfg Config) (*Fetcher, error) {
	var problems configerr.Problems
	if cfg.MaxIssuers < 0 {
		problems.Add("MaxIssuers", "%d is less than 0", cfg.MaxIssuers)
	}
	if err := problems.Err("jwks", nil); err != nil {
		return nil, err
	}
	if cfg.MaxIssuers == 0 {
		cfg.MaxIssuers = defaultMaxIssuers
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Fetcher{
		transport: newTransport(cfg), limit: cfg.MaxIssuers, logger: cfg.Logger,
		epoch: time.Now(), sources: map[string]*Source{},
	}, nil
}

// ErrStarted means that a [Fetcher] was started before or is closed.
var ErrStarted = errors.New("jwks: started before")

// Start begins to fetch, all endpoints at once, until ctx is done or Close is called. It does
// not wait for any answer: a provider that is down delays neither the start nor another issuer.
// The second call returns [ErrStarted], and so does a call after Close. After ctx is done the keys
// serve on as after Close, which still has to be called.
func (f *Fetcher) Start(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.stop != nil {
		return ErrStarted
	}
	f.life, f.stop = context.WithCancel(ctx)
	context.AfterFunc(f.life, f.rest)
	for _, s := range f.sources {
		f.begin(s)
	}
	return nil
}

// rest stops what is under way when the context of Start is done, and lets nothing begin.
func (f *Fetcher) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sources {
		s.silence()
	}
}

// Close ends all fetching and waits for the goroutines. Keys held by then serve on until
// they are 24 h old, so that requests in progress end as they would have.
func (f *Fetcher) Close() error {
	f.mu.Lock()
	f.closed = true
	if f.stop != nil {
		f.stop()
	}
	for _, s := range f.sources {
		s.silence()
	}
	f.mu.Unlock()
	f.work.Wait()
	return nil
}

// Add returns the source of an issuer's keys, for [token.Issuer.Keys]. Once the fetcher is
// started the first fetch begins at once. All problems of the endpoint are reported,
// each beginning with its field; an issuer or a URL that is there already, one endpoint
// too many and a closed fetcher are errors. Of one URL for two issuers the holder of its
// keys would sign for both.
func (f *Fetcher) Add(e Endpoint) (*Source, error) {
	s, err := newSource(f, e)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return nil, errors.New("jwks: closed")
	case f.sources[e.Issuer] != nil:
		return nil, errors.New("jwks: invalid config: Issuer: twice")
	case len(f.sources) >= f.limit:
		return nil, fmt.Errorf("jwks: invalid config: MaxIssuers: %d issuers, no more are allowed", f.limit)
	}
	for _, other := range f.sources {
		if other.at(canonicalURL(s.url)) {
			return nil, errors.New("jwks: invalid config: URL: that of another issuer")
		}
	}
	f.sources[e.Issuer] = s
	f.begin(s)
	return s, nil
}

// Remove ends the fetching for an issuer and reports whether there was any. Its source
// answers token.ErrUnavailable from then on: remove the issuer from the verifier first,
// which refuses its tokens.
func (f *Fetcher) Remove(issuer string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sources[issuer]
	if s == nil {
		return false
	}
	delete(f.sources, issuer)
	s.removed = true
	s.silence()
	s.current.Store(nil)
	return true
}

// Stats describes the keys of one issuer, and the fetches since it was added.
type Stats struct {
	Issuer string

	// Ready means that tokens can be verified: there are keys, of a fetch less than 24 h ago.
	Ready bool

	// Keys is how many there are, and Ignored says of each of the others its kid and why it is
	// not used, of at most 32 of them: lines of [token.KeySet.Ignored], for logs.
	Keys    int
	Ignored []string

	// Age is the time since the last good fetch, 0 when there was none. Alarm long before
	// 24 h.
	Age time.Duration

	// Fetches counts all that ended, Failed those of them that brought nothing good.
	Fetches, Failed uint64

	// LastError says why the last fetch failed, and is "" when it did not: printable ASCII
	// of at most 256 bytes, without the URL.
	LastError string
}

// Stats returns those of every issuer, in the order of their names.
func (f *Fetcher) Stats() []Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Stats, 0, len(f.sources))
	for _, s := range f.sources {
		all = append(all, s.health())
	}
	slices.SortFunc(all, func(a, b Stats) int { return strings.Compare(a.Issuer, b.Issuer) })
	return all
}

func (f *Fetcher) now() time.Duration { return time.Since(f.epoch) }
