// Command tracker is a task tracker for several organisations behind Reeve. It needs no server:
//
//	go run ./examples/tracker
//
// The data is in SQLite, one file for each organisation. With DATABASE_URL it is in PostgreSQL,
// behind row-level security: see the README beside this file. It listens on loopback only, and
// its users and their password are examples.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/reevehq/reeve/examples/tracker/app"
	"github.com/reevehq/reeve/session"
)

const (
	startTimeout    = 30 * time.Second
	shutdownTimeout = 5 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "tracker:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("tracker", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "loopback `address` to listen on; port 0 picks a free one")
	data := flags.String("data", "", "`folder` of the SQLite files (default a temporary one, removed on exit)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if host, err := netip.ParseAddrPort(*addr); err != nil || !host.Addr().IsLoopback() {
		return fmt.Errorf("-addr: %q is not a loopback address with a port", *addr)
	}
	database, err := postgreSQL(getenv)
	if err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tracker, err := app.New(starting, app.Config{Data: *data, PostgreSQL: database, Logger: slog.New(slog.NewTextHandler(stderr, nil))})
	if err != nil {
		return err
	}
	defer tracker.Close()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Fprint(stdout, banner(listener.Addr().String(), database.URL != ""))
	return serve(ctx, tracker, listener)
}

// postgreSQL reads the environment.
func postgreSQL(getenv func(string) string) (cfg app.PostgreSQL, err error) {
	cfg.URL, cfg.OwnerURL = getenv("DATABASE_URL"), getenv("DATABASE_OWNER_URL")
	if cfg.URL == "" {
		return app.PostgreSQL{}, nil
	}
	if cfg.Key, err = session.ParseSecretKey(getenv("TENANT_KEY")); err != nil {
		return app.PostgreSQL{}, fmt.Errorf("TENANT_KEY: %w", err)
	}
	return cfg, nil
}

func banner(addr string, postgres bool) string {
	data := "SQLite, one file for each organisation (DATABASE_URL for PostgreSQL)"
	if postgres {
		data = "PostgreSQL, row-level security with a signed tenant"
	}
	return fmt.Sprintf(`reeve tracker      data: %[2]s
  API  http://%[1]s     organisations  acme, globex
  users  alice, sam, gus (acme: owner, member, guest)  carol, sam, gil (globex)     password: demo
try it
  TOKEN=$(curl -s %[1]s/login -d tenant=acme -d user=gus -d password=demo | jq -r .access_token)
  curl -i %[1]s/tasks/task-1001 -H "Authorization: Bearer $TOKEN"   # 200
  curl -i %[1]s/tasks/task-1002 -H "Authorization: Bearer $TOKEN"   # 404, a private task
  curl -i %[1]s/tasks/task-2001 -H "Authorization: Bearer $TOKEN"   # 404, a task of globex
`, addr, data)
}

func serve(ctx context.Context, handler http.Handler, listener net.Listener) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return server.Shutdown(ctx)
}
