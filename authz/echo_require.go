package authz

import (
	"time"

	"github.com/labstack/echo/v4"
)

// Require returns middleware for one route that checks the object the request is about
// before the handler runs. object finds it, with the tenant that is stored with it, see [Check];
// its error is returned as it is, and denies.
func Require(action Action, object func(c echo.Context) (Object, error)) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			obj, err := object(c)
			if err != nil {
				return err
			}
			if _, err := Check(c.Request().Context(), action, obj); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// RequireMaxAge returns middleware for one route that asks the user to sign in again when the
// last time is longer ago than maxAge: see [MaxAge], also for when it panics.
func RequireMaxAge(maxAge time.Duration) echo.MiddlewareFunc { return echoRequire(MaxAge(maxAge)) }

// RequireAMR returns middleware for one route that asks the user to sign in by a stronger
// method when the session's AMR has none of the given ones: see [AMR], also for when it panics.
func RequireAMR(methods ...string) echo.MiddlewareFunc { return echoRequire(AMR(methods...)) }

// RequireACR returns middleware for one route that asks the user to sign in again when their
// identity provider has said none of the values: see [ACR], also for when it panics.
func RequireACR(values ...string) echo.MiddlewareFunc { return echoRequire(ACR(values...)) }

// RequireDPoP returns middleware for one route or group that lets only callers through who came
// with a sender-constrained token and its proof (RFC 9449): see [BoundToken].
func RequireDPoP() echo.MiddlewareFunc { return echoRequire(BoundToken()) }

// SameOrigin returns middleware for a route that signs users in by setting a cookie: see
// [SignInOrigin], also for when it panics.
//
//	e.POST("/login", login, authz.SameOrigin())
func SameOrigin(origins ...string) echo.MiddlewareFunc { return echoRequire(SignInOrigin(origins...)) }

// Stream returns middleware for a route whose responses go on: server-sent events, long
// polls, downloads. The request's context then ends within a second of the end of the token,
// the session, the tenant or the rule that let it in, and [context.Cause] says which. A handler
// has to look:
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
// A handler that goes on regardless is cut off 400 ms later: its reads and writes fail, unless
// it sets deadlines of its own. A connection that it took over, as for a WebSocket, is closed,
// also where the handler has left it to others and returned; the request's context has ended
// then.
//
// Requests that ask for an upgrade, as WebSockets do, are streams without it, and any other
// request becomes one when it has run for 5 seconds, if anything in it looks at its context:
// a handler that only writes has to be declared. An expired token within its leeway cannot open a
// stream.
//
// The server's ReadTimeout and WriteTimeout do not cut off a stream that is declared, so a
// service can set both for its other routes. A write to a client that does not
// read waits for that client; set a write deadline for each message where that matters. A
// request with a body keeps its ReadTimeout.
//
// A stream that is declared and cannot be watched is refused: [Config].Streams is required.
func Stream() echo.MiddlewareFunc { return echoRequire(Streaming()) }

// echoRequire makes Echo middleware of a requirement.
func echoRequire(require Requirement) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			w, err := require(c.Response().Writer, c.Request())
			if err != nil {
				return err
			}
			c.Response().Writer = w
			return next(c)
		}
	}
}
