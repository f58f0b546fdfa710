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

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

// streamAfter is how long a request may run before it counts as a stream. Shorter ones are
// let finish, also when they revoke their own session or their token is just expiring.
const streamAfter = 5 * time.Second

// cutTime is how long a handler has to end what its context has ended, and to say why to
// the other side. Then its connection is cut off.
const cutTime = 400 * time.Millisecond

// lifetime is the context of a request. It answers tenant, session and caller; for an anonymous
// caller nothing of the context around it, who has neither. From the moment that a signed-in
// request is followed, it ends with the token, the session and the rule that let the request in.
//
// It allocates nothing until somebody asks when it ends, and takes no part in the watch
// until it is followed: most requests do neither.
type lifetime struct {
	context.Context // of the request as the server made it

	caller *Caller
	since  time.Time // when the request came, before its session was loaded

	latest atomic.Pointer[session.Session] // as the watch saw it, nil before
	ending atomic.Pointer[ending]

	mu    sync.Mutex
	state lifeState

	// Of the caller, here because they take no memory so.
	origin origin
	known  uint8       // which of the first parameters of the route there are
	asked  atomic.Bool // whether the handler has asked about an object

	timer *time.Timer
	conn  *hijacked // that the handler took over, until it is closed
}

// bind makes l the context of a request that came at a time.
func (l *lifetime) bind(ctx context.Context, since time.Time) { l.Context, l.since = ctx, since }

// ending is the context that ends, made when it is first asked for.
type ending struct {
	context.Context
	cancel context.CancelCauseFunc
}

// Done implements [context.Context].
func (l *lifetime) Done() <-chan struct{} {
	if l.caller.IsAnonymous() {
		return l.Context.Done()
	}
	return l.ends().Done()
}

// Err implements [context.Context].
func (l *lifetime) Err() error {
	if l.caller.IsAnonymous() {
		return l.Context.Err()
	}
	return l.ends().Err()
}

// Value implements [context.Context]. Asking the ending context, once there is one, lets
// package context find it: its children then need no goroutine, and Cause is answered.
func (l *lifetime) Value(key any) any {
	if k, ok := key.(reqctx.Key); ok {
		return l.caller.value(k)
	}
	if e := l.ending.Load(); e != nil {
		return e.Value(key)
	}
	return l.Context.Value(key)
}

// value answers the keys. An anonymous caller has neither tenant nor session, and inherits none.
func (c *Caller) value(k reqctx.Key) any {
	switch {
	case k == reqctx.CallerKey:
		return c
	case k == reqctx.ShareKey:
		return c.guard.authenticator
	case c.IsAnonymous():
	case k == reqctx.TenantKey:
		return &c.loaded().Tenant
	case k == reqctx.SessionKey:
		return c
	}
	return nil
}

// ends returns the context that ends, and on the first call starts to count the time after
// which the request is followed.
func (l *lifetime) ends() *ending {
	if e := l.ending.Load(); e != nil {
		return e
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.make()
	if l.timer == nil {
		l.timer = time.AfterFunc(streamAfter-time.Since(l.since), l.convertToStream)
	}
	return e
}

// convertToStream follows a request that has run for long, and ends it where the token, session or
// rule that let it in is over by then.
func (l *lifetime) convertToStream() {
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
	if !l.step(eventFollow) {
		return context.Cause(e)
	}
	at, cause := l.caller.loaded().ExpiresAt, ErrSessionExpired
	if expires := time.Unix(l.caller.tokenEnds, 0); expires.Before(at) {
		at, cause = expires, ErrTokenExpired
	}
	left := time.Until(at)
	if left <= 0 {
		e.cancel(cause)
		return cause
	}
	if streams := l.caller.guard.streams; streams != nil && !streams.add(l) {
		e.cancel(ErrStreamGuardClosed)
		return ErrStreamGuardClosed
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
	l.caller.guard.observe(l.Context, Event{
		Kind:    StreamDecision,
		Action:  l.caller.action,
		Object:  l.caller.route,
		Err:     cause,
		Elapsed: time.Since(l.since),
	}, l.caller)
}

// last gives the handler its last moments. It returns false when they have begun before,
// or the handler has returned.
func (l *lifetime) last() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.step(eventEnd) {
		return false
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	wait := cutTime
	if l.state == lifeDetachedEnding {
		wait = 1 // at once: the holder of the connection has no context to look at
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
// do, since a WebSocket library sets its own for each message. From any other it cuts the
// handler off itself. The lock keeps that from returning meanwhile: then the connection may
// be another request's.
func (l *lifetime) cutOff() net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.step(eventCut) {
		return nil
	}
	if l.conn != nil {
		return l.conn
	}
	if writer := l.caller.answer.ResponseWriter; writer != nil {
		past := time.Unix(1, 0)
		connection := http.NewResponseController(writer)
		_ = connection.SetReadDeadline(past) // not every writer has a connection to cut
		_ = connection.SetWriteDeadline(past)
	}
	return nil
}

func (l *lifetime) leave() {
	if streams := l.caller.guard.streams; streams != nil {
		streams.remove(l)
	}
}

// finish is called when the handler has returned. The server ends the request's context
// soon after; until then middleware outside may still need it. A connection that the handler
// took over and did not close goes on, and so does the watch.
func (l *lifetime) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.step(eventDetach)
		return
	}
	l.step(eventReturn)
}

// conclude ends what was begun for a request that is over. The lock is held.
func (l *lifetime) conclude(from lifeState) {
	if l.timer != nil {
		l.timer.Stop()
	}
	if from != lifeOpen {
		l.leave()
	}
}

// explain returns the error of a handler, and why its context ended where the handler says that
// it did.
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

// decideAgain returns why the session, as it is now, does not let the request go on; nil when it
// does.
func (l *lifetime) decideAgain(ctx context.Context, now *session.Session) error {
	l.latest.Store(now)
	decision, err := l.caller.guard.ask(ctx, l.caller.routeRequest())
	if failure := asOutage(err); failure != nil {
		return failure
	}
	if err != nil || !decision.Allowed() {
		return withCause(ErrDenied, err)
	}
	return nil
}

// gone returns why the session is not live any more, before its end.
func (l *lifetime) gone(now time.Time) error {
	if s := l.caller.current(); now.Sub(s.LastSeenAt) >= s.IdleTimeout {
		return ErrSessionIdle
	}
	return ErrSessionRevoked
}
