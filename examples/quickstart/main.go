// Command quickstart is a small invoice service behind Reeve. It needs no server:
//
//	go run ./examples/quickstart
//
// It prints what to try. Sessions are kept in the process, or in Redis with -redis;
// invoices are in SQLite, one file for each tenant. It listens on loopback only, and its
// users and their password are examples.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/reevehq/reeve/policies"
)

// Exit codes, as those of the reeve command.
const (
	exitFine   = 0
	exitFailed = 1 // while serving
	exitUsage  = 2
	exitLoad   = 3 // before serving: policy, keys, Redis, address in use
)

const (
	startTimeout    = 10 * time.Second // to reach Redis and to open the data
	shutdownTimeout = 5 * time.Second  // for requests in flight
)

// flags are the command line, checked.
type flags struct {
	addr     string // host:port, the host a loopback address
	redis    string // URL; "" keeps sessions in the process
	policies string // folder; "" is the built-in policy
	data     string // folder; "" is a temporary one
	activate string // tenant whose status Redis has lost
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main with its surroundings as parameters. It serves until ctx ends and returns
// the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f, err := parseFlags(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitFine
	}
	if err != nil {
		fmt.Fprintln(stderr, "quickstart:", err)
		return exitUsage
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	app, listener, err := start(ctx, f, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		fmt.Fprintln(stderr, "quickstart:", err)
		return exitLoad
	}
	defer app.close()
	fmt.Fprint(stdout, banner(listener.Addr().String(), f))
	if err := serve(ctx, app, listener, hangup, f.policies != ""); err != nil {
		fmt.Fprintln(stderr, "quickstart:", err)
		return exitFailed
	}
	return exitFine
}

func parseFlags(args []string, stderr io.Writer) (flags, error) {
	var f flags
	set := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.addr, "addr", "127.0.0.1:8080", "loopback `address` to listen on; port 0 picks a free one")
	set.StringVar(&f.redis, "redis", "", "`URL` of a Redis for the sessions (default in the process)")
	set.StringVar(&f.policies, "policies", "", "`folder` of policy files, read again on SIGHUP (default the built-in policy)")
	set.StringVar(&f.data, "data", "", "`folder` for invoices and keys (default a temporary one, removed on exit)")
	set.StringVar(&f.activate, "activate", "", "`tenant` to serve again although Redis has lost its status: not if it was suspended")
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		set.SetOutput(stderr)
		set.Usage()
		return flags{}, err
	}
	if err != nil {
		return flags{}, err
	}
	if set.NArg() > 0 {
		return flags{}, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if f.addr, err = loopback(f.addr); err != nil {
		return flags{}, fmt.Errorf("-addr: %w", err)
	}
	if f.redis != "" && redisHost(f.redis) == "" {
		return flags{}, errors.New("-redis: not a redis:// or rediss:// URL with a host") // the URL may hold a password
	}
	return f, nil
}

// loopback returns addr with its host as a loopback address, or an error: the example
// users must not be served to a network. An empty host and "localhost" are 127.0.0.1.
func loopback(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("%q is not host:port", addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q is not a port", port)
	}
	if host == "" || strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() {
		return "", fmt.Errorf("%q is not a loopback address", host)
	}
	return net.JoinHostPort(host, port), nil
}

// start opens all that serving needs. The caller closes the app.
func start(ctx context.Context, f flags, logger *slog.Logger) (*app, net.Listener, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var files fs.FS = policies.Files()
	if f.policies != "" {
		files = os.DirFS(f.policies)
	}
	app, err := newApp(ctx, config{policies: files, redis: f.redis, data: f.data, activate: f.activate, logger: logger})
	if err != nil {
		return nil, nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", f.addr)
	if err != nil {
		app.close()
		return nil, nil, err
	}
	return app, listener, nil
}

// serve answers requests until ctx ends, and then lets those in flight finish. A hangup
// reads the policy again; where that is the built-in one, it ends the program.
func serve(ctx context.Context, app *app, listener net.Listener, hangup <-chan os.Signal, reloadable bool) error {
	server := &http.Server{
		Handler:           app.routes,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(app.logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	for {
		select {
		case err := <-failed:
			return err
		case <-hangup:
			if reloadable {
				app.reload()
				continue
			}
			return shutdown(ctx, server)
		case <-ctx.Done():
			return shutdown(ctx, server)
		}
	}
}

func shutdown(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off: %w", err), server.Close())
	}
	return nil
}
