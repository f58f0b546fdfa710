package authz

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
)

// upgradable is the writer of a stream. It sees the connection being taken over, which may
// then outlive the handler: many leave it to goroutines of their own and return.
type upgradable struct {
	http.ResponseWriter
	life *lifetime
}

// follow is that of the request's lifetime, with its connection. It returns the writer to use
// instead of w.
func (c *Caller) follow(w http.ResponseWriter) (http.ResponseWriter, error) {
	if err := c.life.follow(); err != nil {
		return nil, err
	}
	if _, already := w.(*upgradable); already {
		return w, nil
	}
	return &upgradable{w, &c.life}, nil
}

// Unwrap lets [http.ResponseController] find what this writer does not do itself.
func (u *upgradable) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// Flush implements [http.Flusher], for who looks for that.
func (u *upgradable) Flush() { _ = u.FlushError() }

// FlushError is the method that [http.ResponseController] looks for first.
func (u *upgradable) FlushError() error { return http.NewResponseController(u.ResponseWriter).Flush() }

// Hijack implements [http.Hijacker].
func (u *upgradable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h := &hijacked{conn, u.life}
	if err := u.life.take(h); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return h, rw, nil
}

// hijacked is a connection that belongs to whoever took it over, until its request's
// lifetime ends.
type hijacked struct {
	net.Conn
	life *lifetime
}

// Close implements [net.Conn].
func (h *hijacked) Close() error {
	h.life.closed()
	return h.Conn.Close()
}

// CloseWrite ends one direction, where the connection can, as proxies do for a side that has
// said all.
func (h *hijacked) CloseWrite() error {
	if c, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn returns the connection itself, as that of crypto/tls does.
func (h *hijacked) NetConn() net.Conn { return h.Conn }

// take notes that the connection is taken over. An error says why it is too late: the
// server has lifted the deadlines that cut it off.
func (l *lifetime) take(h *hijacked) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.isCut() || l.state == lifeOver {
		return context.Cause(l.make())
	}
	l.conn = h
	return nil
}

// closed notes that the holder of the connection has closed it.
func (l *lifetime) closed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = nil
	l.step(eventClose)
}
