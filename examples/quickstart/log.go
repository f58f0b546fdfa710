package main

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
)

// record gathers what one request's log line says. One request is one goroutine, so it
// needs no lock.
type record struct {
	event   authz.Event // the decision about the route, and then about its object
	decided bool
	many    bool  // the request is about many objects: the line is about its route
	cause   error // of a refusal or a failure; for the log alone
}

type recordKey struct{}

func recordOf(ctx context.Context) *record {
	if rec, ok := ctx.Value(recordKey{}).(*record); ok {
		return rec
	}
	return &record{} // outside a request nobody reads it
}

// observe is told of every decision by the middleware.
func observe(ctx context.Context, e authz.Event) {
	rec := recordOf(ctx)
	if rec.many && e.Kind == authz.ObjectDecision {
		return
	}
	rec.event, rec.decided = e, true
}

// keepRouteDecision makes the line of a request that asks about many objects name the
// decision about its route, not that about the last of them.
func keepRouteDecision(ctx context.Context) { recordOf(ctx).many = true }

// noteCause keeps the error behind an answer for the log.
func noteCause(ctx context.Context, err error) { recordOf(ctx).cause = err }

// answerError writes the answer to an error that Reeve has none for.
func answerError(err error, c echo.Context) {
	noteCause(c.Request().Context(), err)
	if c.Response().Committed {
		return
	}
	if err := middleware.Respond(c.Response(), problem(err), realm); err != nil {
		noteCause(c.Request().Context(), err)
	}
}

// logRequests writes one line for each request, and is outside everything else. Nothing
// in the line was written by the client but the method: no path, no header, no body.
func logRequests(logger *slog.Logger, engine *policy.Engine) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if authz.IsVerifyRequest(c.Request().Context()) { // authz.Verify's, not a client's
				return next(c)
			}
			start := time.Now()
			rec := &record{}
			ctx := context.WithValue(c.Request().Context(), recordKey{}, rec)
			c.SetRequest(c.Request().WithContext(ctx))
			// The API's answers are about the caller (RFC 9111 §5.2.2.5).
			c.Response().Header().Set("Cache-Control", "no-store")
			if err := recovered(next, c); err != nil {
				answerError(err, c)
			}
			level, attrs := rec.line(c, engine)
			logger.LogAttrs(ctx, level, "request", append(attrs, slog.Int64("us", time.Since(start).Microseconds()))...)
			return nil
		}
	}
}

// recovered calls next and returns its panic as an error.
func recovered(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return next(c)
}

func (rec *record) line(c echo.Context, engine *policy.Engine) (slog.Level, []slog.Attr) {
	e, status := rec.event, c.Response().Status
	caller, decision := "anonymous", "none"
	if !e.User.IsZero() {
		caller = e.User.String()
	}
	if rec.decided {
		decision = e.Outcome()
	}
	attrs := []slog.Attr{
		slog.String("decision", decision),
		slog.String("tenant", e.Tenant.String()),
		slog.String("caller", caller),
		slog.String("method", c.Request().Method),
		slog.String("route", c.Path()),
		slog.String("rule", rule(e, engine)),
		slog.Int("status", status),
	}
	if actor, acts := e.Actors.Current(); acts {
		attrs = append(attrs, slog.String("actor", actor.User.String()))
	}
	refusedBeforeThePolicy := status >= 400 && e.Decision.Revision == ""
	if rec.cause != nil && (status >= 500 || refusedBeforeThePolicy) {
		attrs = append(attrs, slog.String("cause", rec.cause.Error()))
	}
	if status >= 500 {
		return slog.LevelError, attrs
	}
	return slog.LevelInfo, attrs
}

// rule names the rule that decided. Where none matched, it names the first that would
// allow somebody the same thing, with the role and the condition that it takes.
func rule(e authz.Event, engine *policy.Engine) string {
	if e.Decision.Revision == "" {
		return "not asked"
	}
	if len(e.Decision.Reasons) > 0 {
		r := e.Decision.Reasons[0]
		return fmt.Sprintf("%s:%d", r.File, r.Line)
	}
	kind, _, _ := strings.Cut(e.Object, ":")
	for _, r := range engine.Rules() {
		about := r.Object == kind && r.Action == string(e.Action)
		if e.Kind == authz.RouteDecision {
			about = r.MatchesRoute(string(e.Action), e.Object)
		}
		if about && r.Effect == policy.Allow {
			return fmt.Sprintf("no rule; nearest %s:%d for %s if %s", r.File, r.Line, r.Subject, r.Condition)
		}
	}
	return "no rule"
}
