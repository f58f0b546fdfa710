package authzen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
)

// Paths of the API.
const (
	PathEvaluation     = "/access/v1/evaluation"
	PathEvaluations    = "/access/v1/evaluations"
	PathSearchSubject  = "/access/v1/search/subject"
	PathSearchResource = "/access/v1/search/resource"
	PathSearchAction   = "/access/v1/search/action"
	PathMetadata       = "/.well-known/authzen-configuration"
)

// maxRequestID bounds an X-Request-ID, which is sent back.
const maxRequestID = 256

// Handler is a policy decision point. It is immutable and safe for concurrent use.
type Handler struct {
	cfg      Config
	metadata string // the document, "" for none
}

// NewHandler returns a Handler. The error names every invalid field of cfg.
func NewHandler(cfg Config) (*Handler, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	h := &Handler{cfg: cfg}
	return h, h.describe()
}

// Router is a router with a guard in front of every pattern: a httpauthz.Mux.
type Router interface {
	Handle(pattern string, h http.Handler, require ...authz.Requirement)
}

// Register mounts what the handler answers. Each route needs a rule that says who may ask.
func (h *Handler) Register(r Router) {
	for _, path := range h.paths() {
		method := http.MethodPost
		if path == PathMetadata {
			method = http.MethodGet
		}
		r.Handle(method+" "+path, h)
	}
}

// paths are those of what is configured.
func (h *Handler) paths() []string {
	paths := []string{PathEvaluation, PathEvaluations}
	if h.cfg.SearchSubjects != nil {
		paths = append(paths, PathSearchSubject)
	}
	if h.cfg.SearchResources != nil {
		paths = append(paths, PathSearchResource)
	}
	if _, lists := h.cfg.Policy.(ruleLister); lists {
		paths = append(paths, PathSearchAction)
	}
	if h.metadata != "" {
		paths = append(paths, PathMetadata)
	}
	return paths
}

// ServeHTTP implements [http.Handler]. A request that no guard let through is answered 500, and one
// of an anonymous caller 401: neither is decided. A decision, also one that denies, is 200; 400
// says that the request is malformed, 413 that it is too large, and 503 that nothing could be
// decided. The body of an error is a line of text, as the specification has it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if ids := r.Header.Values("X-Request-ID"); len(ids) > 0 {
		if len(ids) > 1 || !echoed(ids[0]) {
			h.fail(w, malformed("the X-Request-ID cannot be sent back"))
			return
		}
		w.Header().Set("X-Request-ID", ids[0])
	}
	answer, err := h.answer(w, r)
	if err != nil {
		h.fail(w, err)
		return
	}
	body, err := json.Marshal(answer)
	if err != nil {
		h.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
}

// errMethod and errPath are refusals of the request as HTTP.
var (
	errMethod = errors.New("this is asked by POST")
	errPath   = errors.New("there is nothing here")
	errLarge  = errors.New("the body is too large")
)

func (h *Handler) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	caller, ok := authz.FromContext(r.Context())
	switch {
	case !ok:
		return nil, authz.ErrNoCaller
	case r.URL.Path == PathMetadata && h.metadata != "" && r.Method == http.MethodGet:
		return json.RawMessage(h.metadata), nil
	case caller.IsAnonymous() || caller.Tenant().IsZero():
		return nil, middleware.ErrAuthenticationRequired
	}
	var answer func(*asking, map[string]any) (any, error)
	switch r.URL.Path {
	case PathEvaluation:
		answer = h.evaluation
	case PathEvaluations:
		answer = h.evaluations
	case PathSearchSubject:
		answer = h.searchSubject
	case PathSearchResource:
		answer = h.searchResource
	case PathSearchAction:
		answer = h.searchAction
	default:
		return nil, errPath
	}
	if r.Method != http.MethodPost {
		return nil, errMethod
	}
	body, err := h.read(w, r)
	if err != nil {
		return nil, err
	}
	return answer(&asking{r.Context(), caller}, body)
}

// read reads the body.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, malformed("the Content-Type is not application/json")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, malformed("the body is encoded")
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, errLarge
	}
	if err != nil {
		return nil, malformed("the body ends early")
	}
	return object(text)
}

// echoed reports whether an identifier may be sent back.
func echoed(id string) bool {
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= maxRequestID
}

// fail answers an error with a line of text, and says nothing of its cause.
func (h *Handler) fail(w http.ResponseWriter, err error) {
	status, line := http.StatusServiceUnavailable, "nothing could be decided, try again"
	bad := malformed("")
	switch {
	case errors.As(err, &bad):
		status, line = http.StatusBadRequest, string(bad)
	case errors.Is(err, errLarge):
		status, line = http.StatusRequestEntityTooLarge, err.Error()
	case errors.Is(err, errPath):
		status, line = http.StatusNotFound, err.Error()
	case errors.Is(err, errMethod):
		w.Header().Set("Allow", http.MethodPost)
		status, line = http.StatusMethodNotAllowed, err.Error()
	case errors.Is(err, middleware.ErrAuthenticationRequired):
		w.Header().Set("WWW-Authenticate", "Bearer")
		status, line = http.StatusUnauthorized, "authenticate first"
	case errors.Is(err, middleware.ErrMisused) || errors.Is(err, errMany):
		status, line = http.StatusInternalServerError, "something went wrong here"
	default:
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, line)
}
