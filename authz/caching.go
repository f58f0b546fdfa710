package authz

import (
	"bufio"
	"io"
	"math"
	"net"
	"net/http"

	"github.com/reevehq/reeve/middleware"
)

// keepFromCaches sets the headers by which no cache gives one caller's answer to another.
// private is for the answers that only the caller may see: to those who are signed in, and
// refusals.
func (g *Guard) keepFromCaches(h http.Header, private bool) {
	if private {
		middleware.KeepPrivate(h)
	}
	if g.authenticator.Cookie() != "" {
		middleware.VaryByCookie(h)
	}
}

// guardHeaders keeps the answer to x from caches: now, and once more when it is written, after
// the handler has set headers of its own. w is that of the answer, and the caller's.
func (g *Guard) guardHeaders(x Exchange, w *keptWriter, private bool) {
	w.ResponseWriter, w.guard, w.private = x.Writer(), g, private
	h := x.Response().Header()
	if _, set := h["Cache-Control"]; private && !set {
		w.value[0] = middleware.PrivateNoStore // in memory of this answer, which the handler may write to
		h["Cache-Control"] = w.value[:]
	}
	g.keepFromCaches(h, private)
	x.SetWriter(w)
}

// keptWriter completes the headers of an answer when they are written, whichever way: by
// WriteHeader, by the first byte, or by a Flush that comes before both. It does what the
// writers of net/http do, for who looks for that.
type keptWriter struct {
	http.ResponseWriter
	guard   *Guard // nil where there is nothing to complete
	private bool
	written bool
	status  int16 // of the answer, 0 until it is known
	value   [1]string
}

// begin notes that the answer begins.
func (w *keptWriter) begin(status int) {
	w.complete()
	if !w.written {
		w.written, w.status = true, int16(min(status, math.MaxInt16))
	}
}

// complete completes the headers unless they are written.
func (w *keptWriter) complete() {
	if w.guard != nil && !w.written {
		w.guard.keepFromCaches(w.Header(), w.private)
	}
}

// WriteHeader implements [http.ResponseWriter]. An informational status is followed by another.
func (w *keptWriter) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		w.begin(status)
	} else {
		w.complete()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *keptWriter) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.ResponseWriter.Write(b)
}

// ReadFrom implements [io.ReaderFrom], by which net/http sends a file without copying it.
func (w *keptWriter) ReadFrom(r io.Reader) (int64, error) {
	w.begin(http.StatusOK)
	return io.Copy(w.ResponseWriter, r)
}

// Unwrap lets [http.ResponseController] find what this writer does not do itself.
func (w *keptWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements [http.Flusher].
func (w *keptWriter) Flush() { _ = w.FlushError() }

// FlushError is the method that [http.ResponseController] looks for first.
func (w *keptWriter) FlushError() error {
	w.begin(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements [http.Hijacker].
func (w *keptWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil && w.status == 0 {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

// Push implements [http.Pusher].
func (w *keptWriter) Push(target string, options *http.PushOptions) error {
	if p, ok := w.ResponseWriter.(http.Pusher); ok {
		return p.Push(target, options)
	}
	return http.ErrNotSupported
}
