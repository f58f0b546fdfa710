package otelauthz

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/middleware"
)

const scope = "github.com/reevehq/reeve/middleware/otelauthz"

// Config configures a [Telemetry]. Both providers are required; those of OpenTelemetry's noop
// packages make nothing.
type Config struct {
	// Tracers makes the spans, within the span of the request's context where there is one, such
	// as that of otelhttp or otelecho. Required.
	Tracers trace.TracerProvider

	// Meters makes the metrics. Required.
	Meters metric.MeterProvider

	// MaxValues is how many different actions, and how many routes and types of objects, metrics
	// and spans name. All further ones are "other". From 1 to 10,000. Default: 500.
	MaxValues int
}

// Telemetry is a [middleware.Tracer], and its Observe an [authz.Observer]. It starts no goroutine,
// owns nothing and is safe for concurrent use.
type Telemetry struct {
	tracer           trace.Tracer
	meter            metric.Meter
	decisions        metric.Int64Counter
	decision, stages metric.Float64Histogram
	actions, objects *known
}

var _ middleware.Tracer = (*Telemetry)(nil)

// New returns what cfg describes, or an error that names every invalid field.
func New(cfg Config) (*Telemetry, error) {
	var problems configerr.Problems
	problems.Require("Tracers", cfg.Tracers, "")
	problems.Require("Meters", cfg.Meters, "")
	if cfg.MaxValues == 0 {
		cfg.MaxValues = 500
	}
	if cfg.MaxValues < 1 || cfg.MaxValues > 10_000 {
		problems.Add("MaxValues", "%d is not between 1 and 10,000", cfg.MaxValues)
	}
	if err := problems.Err("otelauthz", nil); err != nil {
		return nil, err
	}
	t := &Telemetry{tracer: cfg.Tracers.Tracer(scope), meter: cfg.Meters.Meter(scope), actions: newKnown(cfg.MaxValues), objects: newKnown(cfg.MaxValues)}
	var errs [3]error
	t.decisions, errs[0] = t.meter.Int64Counter("reeve.decisions", metric.WithDescription("Decisions about routes, objects, sign-ins and streams."))
	t.decision, errs[1] = t.meter.Float64Histogram("reeve.decision.duration", metric.WithUnit("s"), buckets,
		metric.WithDescription("How long a decision took, of a route from the bytes of the request on."))
	t.stages, errs[2] = t.meter.Float64Histogram("reeve.stage.duration", metric.WithUnit("s"), buckets,
		metric.WithDescription("How long a stage of a request took."))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("otelauthz: %w", err)
	}
	return t, nil
}

// buckets reach from a decision in memory to the longest time that a client waits.
var buckets = metric.WithExplicitBucketBoundaries(1e-6, 1e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)

// Observe is an [authz.Observer].
func (t *Telemetry) Observe(ctx context.Context, e authz.Event) {
	outcome := e.Outcome()
	ctx = context.WithoutCancel(ctx)
	kind := attribute.String("kind", e.Kind.String())
	t.decisions.Add(ctx, 1, metric.WithAttributes(
		kind, attribute.String("outcome", outcome), attribute.Int("status", status(e.Status)),
		attribute.String("action", t.action(e)), attribute.String("object", t.object(e)), attribute.Bool("edge", e.Edge),
	))
	if e.Kind != authz.StreamDecision { // whose time is that of the stream
		t.decision.Record(ctx, e.Elapsed.Seconds(), metric.WithAttributes(kind, attribute.String("outcome", outcome)))
	}
}

// status is one that HTTP has, and 0 for none.
func status(code int) int {
	if http.StatusText(code) == "" {
		return 0
	}
	return code
}

type startKey struct{}

// StageStart implements [middleware.Tracer].
func (t *Telemetry) StageStart(ctx context.Context, data middleware.TraceStart) context.Context {
	attrs := make([]attribute.KeyValue, 0, 3)
	if data.Route != "" {
		attrs = append(attrs, attribute.String("reeve.route", t.objects.name(data.Route)))
	}
	if data.Stage == middleware.StageCheck {
		attrs = append(attrs, attribute.String("reeve.action", t.actions.name(data.Action)), attribute.String("reeve.object", t.objects.name(data.ObjectType)))
	}
	ctx, _ = t.tracer.Start(ctx, "reeve."+data.Stage.String(), trace.WithAttributes(attrs...))
	return context.WithValue(ctx, startKey{}, time.Now())
}

// StageEnd implements [middleware.Tracer].
func (t *Telemetry) StageEnd(ctx context.Context, data middleware.TraceEnd) {
	outcome, span := outcomeOf(data.Err), trace.SpanFromContext(ctx)
	span.SetAttributes(attribute.String("reeve.outcome", outcome))
	if data.Revision != "" {
		span.SetAttributes(attribute.String("reeve.revision", data.Revision))
	}
	if data.Err != nil {
		span.SetAttributes(attribute.String("error.type", data.Err.Error())) // one of a fixed set
	}
	if outcome == "error" { // a refusal is no fault of the service
		span.SetStatus(codes.Error, data.Err.Error())
	}
	span.End()
	if start, ok := ctx.Value(startKey{}).(time.Time); ok {
		t.stages.Record(context.WithoutCancel(ctx), time.Since(start).Seconds(),
			metric.WithAttributes(attribute.String("stage", data.Stage.String()), attribute.String("outcome", outcome)))
	}
}

// outcomeOf is that of [authz.Event] for a stage.
func outcomeOf(err error) string {
	if err == nil {
		return "allow"
	}
	if p, ok := middleware.FromError(err); ok && p.Status < http.StatusInternalServerError {
		return "deny"
	}
	return "error"
}
