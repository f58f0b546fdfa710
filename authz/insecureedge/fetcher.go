package insecureedge

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
)

// FetcherConfig configures a [Fetcher]. Node, URL and Client are required.
type FetcherConfig struct {
	// Node is given what is fetched. Required.
	Node *Node

	// URL is where a [Handler] is mounted: "https://publisher.internal:8443/edge". Required. http is for the
	// same machine alone.
	URL string

	// Client asks. Required: it has the certificates by which node and publisher know each other. It
	// follows no redirect.
	Client *http.Client

	// Interval is the time between two fetches. From 100 ms to 30 s. Default: 5 s. In an outage, an
	// ended session is allowed for as much longer as a list is on its way.
	Interval time.Duration

	// Timeout ends a fetch, its body included. From 10 ms to 10 s. Default: 2 s.
	Timeout time.Duration

	// MaxBytes is how long a list or a bundle may be. From 1,024 to 33,554,432 (32 MiB). Default:
	// 16,777,216, which is about a hundred thousand changes.
	MaxBytes int64

	// SkipPolicy leaves the policy to the caller, who calls [Node.AcceptPolicy].
	SkipPolicy bool

	// OnError is told why a fetch failed, for logs, and must return at once. Optional.
	OnError func(error)
}

func (cfg FetcherConfig) withDefaults() (FetcherConfig, error) {
	var problems configerr.Problems
	problems.Require("Node", cfg.Node, "")
	if why := wrongURL(cfg.URL); why != "" {
		problems.Add("URL", "%s", why)
	}
	problems.Require("Client", cfg.Client, "")
	if cfg.Interval == 0 {
		cfg.Interval = 5 * time.Second
	}
	if cfg.Interval < 100*time.Millisecond || cfg.Interval > 30*time.Second {
		problems.Add("Interval", "%v is not between 100ms and 30s", cfg.Interval)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.Timeout < 10*time.Millisecond || cfg.Timeout > 10*time.Second {
		problems.Add("Timeout", "%v is not between 10ms and 10s", cfg.Timeout)
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 16 << 20
	}
	if cfg.MaxBytes < 1<<10 || cfg.MaxBytes > maxSigned {
		problems.Add("MaxBytes", "%d is not between 1,024 and 33,554,432", cfg.MaxBytes)
	}
	return cfg, problems.Err("insecureedge", nil)
}

// wrongURL says why a URL is none to fetch from, without repeating it, since it may hold a password.
func wrongURL(s string) string {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return "required"
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "":
		return "not https://host/path"
	case u.User != nil:
		return "a user and a password belong to Client"
	case u.Scheme == "https":
		return ""
	case u.Scheme != "http":
		return "not https://host/path"
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return ""
	}
	return "http is for the same machine alone: use https"
}

// Fetcher polls a [Handler] and gives its [Node] what is new. It decides nothing: the node checks
// what is signed, by when, for which store, and refuses what is older than it has. A fetch that
// fails changes nothing, so that the node's lists expire, and everything is 503 from then on.
type Fetcher struct {
	cfg    FetcherConfig
	client http.Client
	texts  []*text

	fetching sync.Mutex // one fetch at a time

	mu     sync.Mutex
	stop   context.CancelFunc
	closed bool
	done   sync.WaitGroup
	stats  FetcherStats
}

// FetcherStats are those of a [Fetcher].
type FetcherStats struct {
	Accepted  uint64    // lists and bundles that the node took
	Unchanged uint64    // answers that said nothing new
	Failed    uint64    // answers that did not come, or were refused
	LastList  time.Time // when the node took the last list
}

// NewFetcher returns a fetcher that is not started. The error names every invalid field.
func NewFetcher(cfg FetcherConfig) (*Fetcher, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	f := &Fetcher{cfg: cfg, client: *cfg.Client}
	f.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	base := strings.TrimSuffix(cfg.URL, "/")
	if !cfg.SkipPolicy {
		f.texts = append(f.texts, &text{url: base + pathPolicy, accept: cfg.Node.AcceptPolicy})
	}
	f.texts = append(f.texts, &text{url: base + pathRevocations, list: true, accept: cfg.Node.AcceptRevocations})
	return f, nil
}

// Start begins to fetch, at once and again and again, until Close is called or ctx is over. The
// second call returns [ErrStarted], and so does a call after Close.
func (f *Fetcher) Start(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop != nil || f.closed {
		return ErrStarted
	}
	ctx, f.stop = context.WithCancel(ctx)
	f.done.Go(func() {
		for {
			_ = f.Fetch(ctx) // OnError and Stats tell
			// Nodes that were started together do not ask together for ever.
			pause := f.cfg.Interval - rand.N(f.cfg.Interval/10)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	})
	return nil
}

// Close ends a fetch that is under way. It returns when no goroutine of the fetcher is left, and
// always nil. The node keeps its list and its policy until they expire.
func (f *Fetcher) Close() error {
	f.mu.Lock()
	f.closed = true
	if f.stop != nil {
		f.stop()
	}
	f.mu.Unlock()
	f.done.Wait()
	return nil
}

// Stats returns the counts. It may be called at any time.
func (f *Fetcher) Stats() FetcherStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

// Fetch fetches once: the policy, then the list. The error joins what went wrong with each, and is
// nil also where nothing is new.
func (f *Fetcher) Fetch(ctx context.Context) error {
	f.fetching.Lock()
	defer f.fetching.Unlock()
	var failures []error
	for _, t := range f.texts {
		accepted, err := f.fetch(ctx, t)
		if err != nil && ctx.Err() != nil {
			return errors.Join(append(failures, err)...) // nobody waits for it
		}
		f.note(t, accepted, err)
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// note counts what became of a fetch.
func (f *Fetcher) note(t *text, accepted bool, err error) {
	f.mu.Lock()
	switch {
	case err != nil:
		f.stats.Failed++
	case !accepted:
		f.stats.Unchanged++
	default:
		f.stats.Accepted++
		if t.list {
			f.stats.LastList = time.Now()
		}
	}
	f.mu.Unlock()
	if err != nil && f.cfg.OnError != nil {
		f.cfg.OnError(err)
	}
}
