package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"

	"github.com/reevehq/reeve/examples/service/config"
	"github.com/reevehq/reeve/middleware/otelauthz"
)

// traces sends spans to a collector, or nowhere. No request waits for it: spans that the collector
// does not take in time are dropped.
type traces struct {
	provider trace.TracerProvider
	sdk      *sdktrace.TracerProvider // nil for nowhere
	stages   *otelauthz.Telemetry
	logger   *slog.Logger
}

// newTraces connects to nobody yet.
func newTraces(cfg *config.Config, logger *slog.Logger) (*traces, error) {
	t := &traces{provider: nooptrace.NewTracerProvider(), logger: logger}
	if url := cfg.Traces.URL.Reveal(); url != "" {
		options := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(url)}
		if value := cfg.Traces.Authorization.Reveal(); value != "" {
			options = append(options, otlptracehttp.WithHeaders(map[string]string{"Authorization": value}))
		}
		exporter, err := otlptracehttp.New(context.Background(), options...)
		if err != nil {
			return nil, fmt.Errorf("traces: %w", err)
		}
		t.sdk = sdktrace.NewTracerProvider(
			sdktrace.WithBatcher(exporter),
			// By the id alone: a client cannot have its requests traced, nor leave them out.
			sdktrace.WithSampler(sdktrace.TraceIDRatioBased(1/float64(cfg.Traces.OneIn))),
			sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", name), attribute.String("service.version", version()))),
		)
		t.provider = t.sdk
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Warn("traces", slog.String("error", err.Error())) }))
	}
	var err error
	t.stages, err = otelauthz.New(otelauthz.Config{Tracers: t.provider, Meters: noopmetric.NewMeterProvider()})
	return t, err
}

// close sends what is left. A collector that does not take it is no failure of the service.
func (t *traces) close(ctx context.Context) error {
	if t.sdk == nil {
		return nil
	}
	if err := t.sdk.Shutdown(ctx); err != nil {
		t.logger.Warn("traces: some were not sent", slog.String("error", err.Error()))
	}
	return nil
}

// span makes the span of a request, within the trace that its header names (W3C Trace Context). It
// has the method, where it is a known one, and the status.
func (t *traces) span(next http.Handler) http.Handler {
	var header propagation.TraceContext
	tracer := t.provider.Tracer("github.com/reevehq/reeve/examples/service")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := header.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("http.request.method", method(r.Method))))
		defer span.End()
		seen := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(seen, r.WithContext(ctx))
		span.SetAttributes(attribute.Int("http.response.status_code", seen.status))
	})
}

// method is one that is known: a client may send any.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "_OTHER"
}

// version is that of the program, as it was built.
func version() string {
	info, is := debug.ReadBuildInfo()
	if !is || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
