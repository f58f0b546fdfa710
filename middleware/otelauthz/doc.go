// Package otelauthz makes spans and metrics of what Reeve decides, by OpenTelemetry.
//
//	telemetry, err := otelauthz.New(otelauthz.Config{Tracers: tracerProvider, Meters: meterProvider})
//	e.Use(authz.Middleware(authz.Config{…, Tracer: telemetry, Observer: telemetry.Observe}))
//
// Each stage of a request is a span, and stages of a handler are within it:
//
//	reeve.verify, reeve.load, reeve.decide, reeve.handler, reeve.check, …
//
// No span and no metric holds the id of a user, a tenant, a session or an object, a token, or
// anything else that a client sent. Metrics have a bounded set of labels, whatever clients send:
//
//	metric                  kind       told apart by
//	reeve.decisions         counter    kind, outcome, status, action, object, edge
//	reeve.decision.duration histogram  kind, outcome
//	reeve.stage.duration    histogram  stage, outcome
//	reeve.alerts            counter    kind
//
// object is the template of a route, or the type of an object; edge says that a decision was made
// without the session store.
package otelauthz
