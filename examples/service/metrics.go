package main

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/detect"
	"github.com/reevehq/reeve/service"
)

// metrics are those of /metrics. Labels are states, outcomes and names of checks: no tenant, no
// user, no path.
type metrics struct {
	registry  *prometheus.Registry
	decisions *prometheus.CounterVec
}

func newMetrics(t *tracker) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.decisions = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tracker_decisions_total", Help: "Decisions by kind and outcome."}, []string{"kind", "outcome"})
	m.registry.MustRegister(m.decisions, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, s := range service.States() {
		m.gauge("tracker_state", "1 for the state of now.", prometheus.Labels{"state": s.String()}, func() float64 { return truth(t.lifecycle.State() == s) })
	}
	m.gauge("tracker_ready", "1 when /readyz says yes.", nil, func() float64 { return truth(t.health.Ready()) })
	m.gauge("tracker_requests_in_flight", "Requests in flight.", nil, func() float64 { return float64(t.api.Stats().InFlight) })
	m.counter("tracker_requests_total", "Requests by what became of them.", prometheus.Labels{"result": "served"}, func() float64 { return float64(t.api.Stats().Served) })
	m.counter("tracker_requests_total", "Requests by what became of them.", prometheus.Labels{"result": "refused"}, func() float64 { return float64(t.api.Stats().Refused) })
	m.counter("tracker_requests_total", "Requests by what became of them.", prometheus.Labels{"result": "cut_off"}, func() float64 { return float64(t.api.Stats().CutOff) })
	m.counter("tracker_audit_written_total", "Decisions in the audit log.", nil, func() float64 { return float64(t.audit.written.Load()) })
	m.counter("tracker_audit_dropped_total", "Decisions that are not in the audit log.", nil, func() float64 { return float64(t.audit.dropped.Load()) })
	m.counter("tracker_policy_loads_total", "Policies that took effect.", nil, func() float64 { return float64(t.engine.Stats().Loads) })
	m.counter("tracker_policy_refused_total", "Policies that did not load.", nil, func() float64 { return float64(t.engine.Stats().Refused) })
	if t.store != nil {
		m.gauge("tracker_redis_breaker_open", "1 while Redis is not asked, because it does not answer.", nil, func() float64 { return truth(t.store.Stats().BreakerOpen) })
		m.counter("tracker_redis_losses_total", "Times that Redis was seen to have lost keys.", nil, func() float64 { return float64(t.store.Server().Losses) })
	}
	if t.member != nil {
		m.counter("tracker_beats_total", "Times that the instance said that it is there.", prometheus.Labels{"result": "heard"}, func() float64 { return float64(t.member.Stats().Heartbeats) })
		m.counter("tracker_beats_total", "Times that the instance said that it is there.", prometheus.Labels{"result": "failed"}, func() float64 { return float64(t.member.Stats().Failures) })
	}
	if t.detector != nil {
		for _, k := range detect.Kinds() {
			m.counter("tracker_alerts_total", "Alerts of the detector, told or not.", prometheus.Labels{"kind": k.String()}, func() float64 { return float64(t.detector.Stats().Alerts[k]) })
		}
	}
	for i, c := range t.checks() {
		m.counter("tracker_check_failures_total", "Answers of checks that were errors.", prometheus.Labels{"check": c.Name}, func() float64 { return float64(t.health.Stats()[i].Failures) })
	}
	return m
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func (m *metrics) gauge(name, help string, labels prometheus.Labels, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
}

func (m *metrics) counter(name, help string, labels prometheus.Labels, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, value))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// observe is told of every decision, by the application.
func (t *tracker) observe(ctx context.Context, e authz.Event) {
	t.metrics.decisions.WithLabelValues(e.Kind.String(), e.Outcome()).Inc()
	t.audit.observe(e)
	if t.detector != nil {
		t.detector.Observe(ctx, e)
	}
}
