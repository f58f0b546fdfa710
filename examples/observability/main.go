// Command observability is a small service whose decisions are seen: traces and metrics by
// OpenTelemetry, the metrics at /metrics for Prometheus, and a detector.
//
//	go run ./examples/observability
//
// It prints a token of alice. dashboard.json is a dashboard for Grafana, and rules.yaml has rules
// for Prometheus. Traces go nowhere until a service sets an exporter of OpenTelemetry.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

//go:embed policies
var builtIn embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set := flag.NewFlagSet("observability", flag.ContinueOnError)
	set.SetOutput(stderr)
	addr := set.String("addr", "127.0.0.1:8080", "`address` of the service")
	metrics := set.String("metrics", "127.0.0.1:9090", "`address` of /metrics, which clients do not reach")
	if err := set.Parse(args); err != nil {
		return err
	}
	policies, err := fs.Sub(builtIn, "policies")
	if err != nil {
		return err
	}
	s, err := newService(ctx, policies, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "service http://%s  metrics http://%s/metrics\nTOKEN=%s\n", *addr, *metrics, s.token)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	operator := http.NewServeMux()
	operator.Handle("GET /metrics", s.metrics)
	servers := []*http.Server{server(*addr, s.mux), server(*metrics, operator)}
	for _, h := range servers {
		go func() { cancel(h.ListenAndServe()) }()
	}
	<-ctx.Done()
	late, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	for _, h := range servers {
		err = errors.Join(err, h.Shutdown(late))
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return errors.Join(err, s.close(late))
}

func server(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr: addr, Handler: h,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute,
	}
}
