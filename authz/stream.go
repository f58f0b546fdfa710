package authz

import (
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// Why the context of a request ended before the request did: what [context.Cause] returns.
// It may also be [ErrDenied], when no rule allows the route any more, tenant.ErrSuspended or
// tenant.ErrUnknown, and session.ErrUnavailable, when the session could not be asked about
// for longer than [WatchOptions].Grace.
//
// The store does not tell an expired session from a revoked one; here they are told apart
// by the clock of this process.
var (
	// ErrTokenExpired means that the token's time is up, without leeway.
	ErrTokenExpired = fmt.Errorf("authz: the token expired: %w", token.ErrInvalid)

	// ErrSessionExpired means that the session reached its end.
	ErrSessionExpired = fmt.Errorf("authz: the session expired: %w: %w", middleware.ErrInvalidCredential, session.ErrNotFound)

	// ErrSessionIdle means that the session was not used for its idle timeout. An open
	// stream is no use of it: only requests are.
	ErrSessionIdle = fmt.Errorf("authz: the session was idle: %w: %w", middleware.ErrInvalidCredential, session.ErrNotFound)

	// ErrSessionRevoked means that the session is gone before its time.
	ErrSessionRevoked = fmt.Errorf("authz: the session was revoked: %w: %w", middleware.ErrInvalidCredential, session.ErrNotFound)

	// ErrWatchClosed means that the service closed its [Watch], as it does to shut down.
	ErrWatchClosed = fmt.Errorf("authz: the watch is closed: %w", middleware.ErrUnavailable)
)

// Stream returns middleware for a route whose responses go on: server-sent events, long
// polls, downloads. The request's context then ends within a second of the end of what
// let it in, the token, the session, the tenant or the rule, and [context.Cause] says
// which. A handler has to look:
//
//	e.GET("/events", events, authz.Stream())
//
//	for {
//		select {
//		case <-ctx.Done():
//			return nil
//		case e := <-news:
//			…
//		}
//	}
//
// Where it blocks on something else, it ends that from the context:
//
//	stop := context.AfterFunc(ctx, func() { conn.Close() })
//	defer stop()
//
// A handler that goes on regardless is cut off 400 ms later: what it reads and writes
// fails, unless it sets deadlines of its own. A connection that it took over, as for a
// WebSocket, is closed, also where the handler has left it to others and returned; the
// request's context has ended then.
//
// Requests that ask for an upgrade, as WebSockets do, are streams without it, and any other
// request becomes one when it has run for 5 seconds, if anything in it looks at its context:
// a handler that only writes has to be declared. Only a token that has expired, and is
// accepted for its leeway, does not open a stream.
//
// The server's ReadTimeout and WriteTimeout do not cut off a stream that is declared, so a
// service can set both for its other routes. Whatever is written to a client that does not
// read waits for that client; set a write deadline for each message where that matters. A
// request with a body keeps its ReadTimeout.
//
// A stream that is declared and can not be watched is refused: [Config].Watch is required.
func Stream() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			caller, ok := FromContext(c.Request().Context())
			if !ok || caller.gate == nil {
				return ErrNoCaller
			}
			liftTimeouts(c)
			if caller.Anonymous() {
				return next(c) // whom no token and no session let in, none can put out
			}
			if caller.gate.watch == nil {
				return fmt.Errorf("%w: authz.Stream without Config.Watch", middleware.ErrMisused)
			}
			if err := caller.follow(c.Response()); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// liftTimeouts takes away what http.Server set for all requests. The end of the read
// deadline would end the context of a stream: the server watches the connection, to notice
// when the client leaves.
func liftTimeouts(c echo.Context) {
	connection := http.NewResponseController(c.Response())
	_ = connection.SetWriteDeadline(time.Time{}) // not every writer has a connection
	if c.Request().ContentLength == 0 {
		_ = connection.SetReadDeadline(time.Time{})
	}
}

// upgrades reports whether the connection may outlive HTTP. No handshake of RFC 6455
// succeeds without the header, nor one of RFC 8441 without the method.
func upgrades(r *http.Request) bool {
	return len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect
}
