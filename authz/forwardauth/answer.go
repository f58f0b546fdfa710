package forwardauth

import (
	"net/http"
)

// Answer is the answer to a proxy. The zero Answer allows nothing.
type Answer struct {
	// Status is 200, 401, 403 or 503.
	Status int

	// Header of an answer of 200 is what the proxy sets on the request that it passes on, in
	// place of what the client sent: each of [Headers], with an empty value where there is
	// nothing to say. That of every other answer is for the client.
	Header http.Header

	// Body is for the client, a problem document, and empty where the request is allowed.
	Body []byte

	identity identity
}

// Allowed reports whether the proxy may pass the request on.
func (a Answer) Allowed() bool { return a.Status == http.StatusOK }

// write sends the answer.
func (a Answer) write(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range a.Header {
		h[name] = values
	}
	h.Set("Cache-Control", "no-store") // of a proxy's question too
	if a.Status == 0 {
		a.Status = http.StatusForbidden
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the proxy may be gone
}

// answered returns those headers of the guard that are for the client of the proxy.
func answered(h http.Header) http.Header {
	kept := http.Header{}
	for _, name := range []string{"Cache-Control", "Content-Type", "Retry-After", "Www-Authenticate", "Dpop-Nonce", "Vary", EdgeHeader} {
		if values, ok := h[name]; ok {
			kept[name] = values
		}
	}
	return kept
}

// recorder keeps the answer of a guard.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.body = append(r.body, b...)
	return len(b), nil
}
