package otelauthz

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/reevehq/reeve/authz/detect"
)

// Detector makes the metric reeve.alerts of what d has noticed, from then on. It is called once.
func (t *Telemetry) Detector(d *detect.Detector) error {
	_, err := t.meter.Int64ObservableCounter("reeve.alerts", metric.WithDescription("What the detector has noticed."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			alerts := d.Stats().Alerts
			for _, kind := range detect.Kinds() {
				o.Observe(int64(alerts[kind]), metric.WithAttributes(attribute.String("kind", kind.String())))
			}
			return nil
		}))
	if err != nil {
		return fmt.Errorf("otelauthz: %w", err)
	}
	return nil
}
