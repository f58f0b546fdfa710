package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/detect"
	"github.com/reevehq/reeve/authz/httpauthz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware/otelauthz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// service is a service and what is seen of it.
type service struct {
	mux     http.Handler
	metrics http.Handler
	token   string
	close   func(context.Context) error
}

func newService(ctx context.Context, policies fs.FS, logger *slog.Logger) (*service, error) {
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	meters, tracers := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)), sdktrace.NewTracerProvider()
	telemetry, err := otelauthz.New(otelauthz.Config{Tracers: tracers, Meters: meters})
	if err != nil {
		return nil, err
	}
	detector, err := detect.New(detect.Config{Alert: func(a detect.Alert) { logger.Warn("alert", slog.Any("alert", a)) }})
	if err != nil {
		return nil, err
	}
	if err := telemetry.Detector(detector); err != nil {
		return nil, err
	}
	engine, err := policy.Load(policies, policy.Options{})
	if err != nil {
		return nil, err
	}
	sessions, verifier, access, err := signIn(ctx)
	if err != nil {
		return nil, err
	}
	mux, err := httpauthz.NewMux(authz.Config{
		Tokens: verifier, Sessions: sessions, Policy: engine, Logger: logger, Tracer: telemetry,
		Observer: func(ctx context.Context, e authz.Event) {
			telemetry.Observe(ctx, e)
			detector.Observe(ctx, e)
		},
	})
	if err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) error { return nil })
	mux.HandleFunc("GET /notes/{id}", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := authz.Check(r.Context(), "read", authz.Object{Type: "note", ID: r.PathValue("id"), Tenant: acme}); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w, "a note")
		return err
	})
	mux.HandleFunc("PUT /notes/{id}", func(http.ResponseWriter, *http.Request) error { return nil })
	if err := httpauthz.Verify(mux, mux, engine); err != nil {
		return nil, err
	}
	return &service{
		mux: mux, metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), token: access,
		close: func(ctx context.Context) error { return errors.Join(meters.Shutdown(ctx), tracers.Shutdown(ctx)) },
	}, nil
}

var acme = tenant.MustParse("acme")

// signIn returns sessions that are kept in the process, and a token of alice, a viewer.
func signIn(ctx context.Context) (*session.Manager, *token.Verifier, string, error) {
	random := make([]byte, 32)
	rand.Read(random) // never fails
	sessions, err := session.NewManager(memstore.New(), session.Config{Key: session.NewSecretKey(random)})
	if err != nil {
		return nil, nil, "", err
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, "", err
	}
	signer, err := token.NewSigner(token.SignerConfig{
		Issuer: "observability", Audience: "observability-api", KeyID: "1", Algorithm: token.EdDSA, Key: session.NewPrivateKey(private), Lifetime: 15 * time.Minute,
	})
	if err != nil {
		return nil, nil, "", err
	}
	verifier, err := token.NewVerifier(signer.Issuer())
	if err != nil {
		return nil, nil, "", err
	}
	if err := sessions.SetTenantStatus(ctx, acme, tenant.Active); err != nil {
		return nil, nil, "", err
	}
	s, _, err := sessions.Create(ctx, session.SignIn{Tenant: acme, User: session.MustParseUserID("alice"), Roles: session.MustRoles("viewer")})
	if err != nil {
		return nil, nil, "", err
	}
	signed, err := signer.Sign(s)
	return sessions, verifier, signed.Reveal(), err
}
