package service

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
)

// connections are those that handlers have taken over, which [http.Server] neither waits for nor closes.
type connections struct{ open sync.Map } // of net.Conn

type connKey struct{}

// withConn is for [http.Server].ConnContext.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// note is for [http.Server].ConnState.
func (c *connections) note(conn net.Conn, state http.ConnState) {
	if state == http.StateHijacked {
		c.open.Store(conn, nil)
	}
}

// forget is called when a handler has returned: what it has handed on is not its own any more.
func (c *connections) forget(r *http.Request) {
	if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		c.open.Delete(conn)
	}
}

// close closes them, so that handlers which only listen to theirs return.
func (c *connections) close() (err error) {
	c.open.Range(func(conn, _ any) bool {
		if of, ok := conn.(net.Conn); ok {
			if failed := of.Close(); !errors.Is(failed, net.ErrClosed) {
				err = errors.Join(err, failed)
			}
		}
		return true
	})
	return err
}
