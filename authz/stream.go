package authz

import (
	"fmt"
	"net/http"
	"time"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// Why the context of a request ended before the request did: what [context.Cause] returns.
// It may also be [ErrDenied], when no rule allows the route any more, tenant.ErrSuspended or
// tenant.ErrUnknown, and session.ErrUnavailable, when the session could not be asked about
// for longer than [StreamGuardConfig].Grace.
//
// The store does not tell an expired session from a revoked one; here they are told apart
// by the clock of this process.
var (
	// ErrTokenExpired means that the token's time is up, without leeway.
	ErrTokenExpired = fmt.Errorf("authz: the token expired: %w", token.ErrInvalid)

	// ErrSessionExpired means that the session reached its end.
	ErrSessionExpired = fmt.Errorf("authz: the session expired: %w: %w", middleware.ErrInvalidCredential, session.ErrNotFound)

	// ErrSessionIdle means that the session was not used for its idle timeout. Only requests count
	// as use, an open stream does not.
	ErrSessionIdle = fmt.Errorf("authz: the session was idle: %w: %w", middleware.ErrInvalidCredential, session.ErrNotFound)

	// ErrSessionRevoked means that the session is gone before its time.
	ErrSessionRevoked = fmt.Errorf("authz: the session was revoked: %w: %w", middleware.ErrInvalidCredential, session.ErrNotFound)

	// ErrStreamGuardClosed means that the service closed its [StreamGuard], as it does to shut
	// down, or has not started it.
	ErrStreamGuardClosed = fmt.Errorf("authz: the stream guard is closed: %w", middleware.ErrUnavailable)
)

// Streaming returns the [Requirement] of a route whose responses go on: see [Stream].
func Streaming() Requirement {
	return func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, error) {
		caller, ok := FromContext(r.Context())
		if !ok || caller.guard == nil || caller.life.origin == fromPrincipal {
			return w, ErrNoCaller
		}
		liftTimeouts(w, r)
		if caller.IsAnonymous() {
			return w, nil // no token and no session let the request in, so none can end it
		}
		if caller.guard.streams == nil {
			return w, fmt.Errorf("%w: a stream without Config.Streams", middleware.ErrMisused)
		}
		return caller.follow(w)
	}
}

// liftTimeouts takes away what http.Server set for all requests. The end of the read
// deadline would end the context of a stream: the server watches the connection, to notice
// when the client leaves.
func liftTimeouts(w http.ResponseWriter, r *http.Request) {
	connection := http.NewResponseController(w)
	_ = connection.SetWriteDeadline(time.Time{}) // not every writer has a connection
	if r.ContentLength == 0 {
		_ = connection.SetReadDeadline(time.Time{})
	}
}

// upgrades reports whether the connection may outlive HTTP. No handshake of RFC 6455
// succeeds without the header, nor one of RFC 8441 without the method.
func upgrades(r *http.Request) bool {
	return len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect
}
