package authz

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

// settleTime is how long a request may run before it counts as a stream. Shorter ones are
// let finish, also when they revoke their own session or their token is just expiring.
const settleTime = 5 * time.Second

// cutTime is how long a handler has to end what its context has ended, and to say why to
// the other side. Then its connection is cut off.
const cutTime = 400 * time.Millisecond

// lifetime is the context of a signed-in request. From the moment it is followed it ends
// with the token, the session and the rule that let the request in.
//
// It allocates nothing until somebody asks when it ends, and takes no part in the watch
// until it is followed: most requests do neither.
type lifetime struct {
	context.Context // of the request as the server made it

	caller *Caller
	writer http.ResponseWriter
	route  policy.Request // what is decided again; its subject is that of the moment
	token  time.Time      // the token's expiry
	since  time.Time      // when the session was loaded

	latest atomic.Pointer[session.Session] // as the watch saw it, nil before
	ending atomic.Pointer[ending]

	mu       sync.Mutex
	timer    *time.Timer
	followed bool
	ended    bool
	off      bool      // what it reads and writes fails
	returned bool      // the handler has
	over     bool      // and left nothing behind
	conn     *hijacked // that the handler took over, until it is closed
}

// ending is the context that ends, made when it is first asked for.
type ending struct {
	context.Context
	cancel context.CancelCauseFunc
}

// Done implements [context.Context].
func (l *lifetime) Done() <-chan struct{} { return l.begin().Done() }

// Err implements [context.Context].
func (l *lifetime) Err() error { return l.begin().Err() }

// Value implements [context.Context]. Asking the ending context, once there is one, lets
// package context find it: its children then need no goroutine, and Cause is answered.
func (l *lifetime) Value(key any) any {
	if e := l.ending.Load(); e != nil {
		return e.Value(key)
	}
	return l.Context.Value(key)
}

// begin returns the context that ends, and on the first call starts to count the time
// after which the request is followed.
func (l *lifetime) begin() *ending {
	if e := l.ending.Load(); e != nil {
		return e
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.make()
	if l.timer == nil {
		l.timer = time.AfterFunc(settleTime-time.Since(l.since), l.settle)
	}
	return e
}

// settle follows a request that has run for long, and ends it where what let it in is over
// by then.
func (l *lifetime) settle() {
	if cause := l.follow(); cause != nil && !errors.Is(cause, context.Canceled) {
		l.end(cause)
	}
}

// make makes the context that ends. The lock is held.
func (l *lifetime) make() *ending {
	if e := l.ending.Load(); e != nil {
		return e
	}
	ctx, cancel := context.WithCancelCause(l.Context)
	e := &ending{ctx, cancel}
	l.ending.Store(e)
	return e
}

// follow binds the context to what let the request in. It returns why that is over
// already, if it is.
func (l *lifetime) follow() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.make()
	if l.over || l.followed {
		return context.Cause(e)
	}
	l.followed = true
	at, cause := l.caller.session.ExpiresAt, ErrSessionExpired
	if l.token.Before(at) {
		at, cause = l.token, ErrTokenExpired
	}
	left := time.Until(at)
	if left <= 0 {
		e.cancel(cause)
		return cause
	}
	if watch := l.caller.gate.watch; watch != nil && !watch.add(l) {
		e.cancel(ErrWatchClosed)
		return ErrWatchClosed
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = time.AfterFunc(left, func() { l.end(cause) })
	return nil
}

// end ends the context of a request that is followed. It is noted before the handler can
// know, or one that returns at once would be taken for one that was done, and the end of its
// stream be told to nobody.
func (l *lifetime) end(cause error) {
	first := l.last()
	if e := l.ending.Load(); e != nil {
		e.cancel(cause)
	}
	l.leave()
	if !first {
		return
	}
	l.caller.gate.observe(l.Context, Event{
		Kind:    StreamDecision,
		Action:  l.route.Action,
		Object:  l.route.Object.Route,
		Err:     cause,
		Elapsed: time.Since(l.since),
	}, l.caller)
}

// last gives the handler its last moments. It returns false when they have begun before,
// or the handler has returned.
func (l *lifetime) last() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over || l.ended {
		return false
	}
	l.ended = true
	l.timer.Stop()
	wait := cutTime
	if l.returned {
		wait = 0 // whoever holds the connection has no context to look at
	}
	l.timer = time.AfterFunc(wait, l.cut)
	return true
}

// cut lets nothing more through the connection of a handler that goes on regardless.
func (l *lifetime) cut() {
	if conn := l.cutOff(); conn != nil {
		_ = conn.Close()
	}
}

// cutOff returns the connection to close, if the handler took it over: deadlines would not
// do, since who serves a WebSocket sets its own for each message. From any other it cuts the
// handler off itself. The lock keeps that from returning meanwhile: then the connection may
// be another request's.
func (l *lifetime) cutOff() net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil
	}
	l.off = true
	if l.conn != nil {
		return l.conn
	}
	if l.writer != nil {
		past := time.Unix(1, 0)
		connection := http.NewResponseController(l.writer)
		_ = connection.SetReadDeadline(past) // not every writer has a connection to cut
		_ = connection.SetWriteDeadline(past)
	}
	return nil
}

func (l *lifetime) leave() {
	if watch := l.caller.gate.watch; watch != nil {
		watch.remove(l)
	}
}

// finish is called when the handler has returned. The server ends the request's context
// soon after; until then middleware outside may still need it. A connection that the handler
// took over and did not close goes on, and so does the watch.
func (l *lifetime) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.returned = true
	if l.conn == nil {
		l.conclude()
	}
}

// conclude ends what was begun for the request. The lock is held.
func (l *lifetime) conclude() {
	l.over = true
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.followed {
		l.leave()
	}
}

// explain returns the error of a handler, and why its context ended where that is what the
// handler says.
func (l *lifetime) explain(err error) error {
	e := l.ending.Load()
	if e == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	cause := context.Cause(e)
	if _, ours := middleware.FromError(cause); !ours {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// judge says why the session, as it is now, lets the request go on no longer; nil when it
// does.
func (l *lifetime) judge(ctx context.Context, now *session.Session) error {
	l.latest.Store(now)
	request := l.route
	request.Subject = l.caller.subject()
	decision, err := l.caller.gate.policy.Decide(ctx, request)
	if failure := undecided(err); failure != nil {
		return failure
	}
	if err != nil || !decision.Allowed() {
		return because(ErrDenied, err)
	}
	return nil
}

// gone says why the session is not live any more, before its end.
func (l *lifetime) gone(now time.Time) error {
	if s := l.caller.current(); now.Sub(s.LastSeenAt) >= s.IdleTimeout {
		return ErrSessionIdle
	}
	return ErrSessionRevoked
}
