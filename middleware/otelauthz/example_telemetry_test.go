package otelauthz_test

import (
	"go.opentelemetry.io/otel"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware/otelauthz"
)

// Spans of each stage, and metrics of each decision, go where the service's other telemetry goes.
func ExampleNew() {
	telemetry, err := otelauthz.New(otelauthz.Config{Tracers: otel.GetTracerProvider(), Meters: otel.GetMeterProvider()})
	if err != nil {
		panic(err)
	}
	_ = authz.Config{Tracer: telemetry, Observer: telemetry.Observe}
}
