package insecureedge

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
)

// The paths of a [Handler], below where it is mounted.
const (
	pathRevocations = "/revocations"
	pathPolicy      = "/policy"
)

// listEvery is how old a list may be that a handler serves again: callers cause one signature in a
// second at most.
const listEvery = time.Second

// HandlerConfig configures a [Handler]. Publisher is required.
type HandlerConfig struct {
	// Publisher makes the lists. Required. It is started and closed by the caller.
	Publisher *Publisher

	// Policy returns the newest bundle of [SignPolicy], nil for none, and must return at once. It may be called
	// by several goroutines. Optional: nodes are given the policy in another way then.
	Policy func() []byte
}

// Handler serves what a [Publisher] signs, to [Fetcher]s: GET /revocations and GET /policy, below
// where it is mounted by [http.StripPrefix]. Both have an ETag. While the publisher does not hear
// the store the list is 503, and no older one is served in its place.
//
// It authenticates nobody. A list names no one, but says how many sessions change, and the
// policy may be confidential: mount it where only nodes can ask, by mutual TLS or a network of
// their own.
type Handler struct {
	cfg HandlerConfig
	now func() time.Time

	mu     sync.Mutex
	list   []byte
	signed time.Time
}

var _ http.Handler = (*Handler)(nil)

// NewHandler returns a handler. The error names every invalid field.
func NewHandler(cfg HandlerConfig) (*Handler, error) {
	var problems configerr.Problems
	problems.Require("Publisher", cfg.Publisher, "")
	if err := problems.Err("insecureedge", nil); err != nil {
		return nil, err
	}
	return &Handler{cfg: cfg, now: time.Now}, nil
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store") // an old list in a cache on the way is worth nothing
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	switch r.URL.Path {
	case pathRevocations:
		list, err := h.revocations()
		if err != nil {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "no list of revocations now", http.StatusServiceUnavailable)
			return
		}
		serve(w, r, list)
	case pathPolicy:
		var policy []byte
		if h.cfg.Policy != nil {
			policy = h.cfg.Policy()
		}
		if len(policy) == 0 {
			http.NotFound(w, r)
			return
		}
		serve(w, r, policy)
	default:
		http.NotFound(w, r)
	}
}

// revocations returns the list that was signed last, or a new one. While the publisher does not
// hear, there is none.
func (h *Handler) revocations() ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if age := now.Sub(h.signed); h.list != nil && age >= 0 && age < listEvery {
		return h.list, nil
	}
	h.list = nil
	list, err := h.cfg.Publisher.Revocations()
	if err != nil {
		return nil, err
	}
	h.list, h.signed = list, now
	return list, nil
}

// serve answers with a signed text, or says that it is the one that the caller has.
func serve(w http.ResponseWriter, r *http.Request, text []byte) {
	etag := etagOf(text)
	w.Header().Set("ETag", etag)
	for _, has := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimSpace(has) == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(text)
	}
}

// etagOf tells texts apart.
func etagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}
