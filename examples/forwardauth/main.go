// Command forwardauth answers nginx, Traefik and Envoy for programs that are not in Go, by the
// policy and the sessions of Reeve:
//
//	go run ./examples/forwardauth -app 127.0.0.1:8080
//	nginx -p "$PWD/examples/forwardauth/nginx" -c nginx.conf
//
// Without -redis sessions are kept in the process, and a token of alice is printed. With -redis
// they are those of the service that signs users in, such as the quickstart, whose keys.json is
// the argument of -keys. It listens on loopback alone: only the proxy can ask it.
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
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/reevehq/reeve/authz/forwardauth"
)

//go:embed policies routes.txt
var builtIn embed.FS

// flags are the command line.
type flags struct {
	addr, grpc, app, proxy, routes, policies, redis, keys string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		slog.Error(err.Error())
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var f flags
	set := flag.NewFlagSet("forwardauth", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&f.addr, "addr", "127.0.0.1:9091", "`address` at which the proxy asks")
	set.StringVar(&f.grpc, "grpc", "", "`address` at which Envoy asks by gRPC")
	set.StringVar(&f.app, "app", "", "`address` of a program that shows what it is told, to try with")
	set.StringVar(&f.proxy, "proxy", "nginx", "nginx, traefik or envoy")
	set.StringVar(&f.routes, "routes", "", "`file` of routes; built in by default")
	set.StringVar(&f.policies, "policies", "", "`folder` of the policy; built in by default")
	set.StringVar(&f.redis, "redis", "", "`URL` of the Redis that has the sessions; none by default")
	set.StringVar(&f.keys, "keys", "", "`file` of the keys of the service that signs users in, with -redis")
	if err := set.Parse(args); err != nil {
		return flag.ErrHelp
	}
	id, err := openIdentity(ctx, f.redis, f.keys)
	if err != nil {
		return err
	}
	defer id.close()
	server, err := newServer(f, id)
	if err != nil {
		return err
	}
	if id.token != "" {
		fmt.Fprintf(stdout, "forwardauth for %s at %s\nTOKEN=%s\n", f.proxy, f.addr, id.token)
	}
	return serve(ctx, f, server)
}

// newServer reads policy and routes, and refuses those that differ.
func newServer(f flags, id *identity) (*forwardauth.Server, error) {
	proxy, err := forwardauth.ParseProxy(f.proxy)
	if err != nil {
		return nil, err
	}
	folder, err := fs.Sub(builtIn, "policies")
	if f.policies != "" {
		folder, err = os.DirFS(f.policies), nil
	}
	if err != nil {
		return nil, err
	}
	routes, err := builtIn.ReadFile("routes.txt")
	if f.routes != "" {
		routes, err = os.ReadFile(f.routes)
	}
	if err != nil {
		return nil, err
	}
	cfg, err := id.config(folder)
	if err != nil {
		return nil, err
	}
	server, err := forwardauth.New(forwardauth.Config{Authz: cfg, Routes: readRoutes(string(routes)), Proxy: proxy})
	if err != nil {
		return nil, err
	}
	return server, server.Verify()
}

// readRoutes reads a file of routes: one a line, in any number of spaces, and comments.
func readRoutes(text string) (routes []string) {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			routes = append(routes, strings.Join(words, " "))
		}
	}
	return routes
}

// serve answers at each address until ctx ends or one fails.
func serve(ctx context.Context, f flags, server *forwardauth.Server) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var stops []func()
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	listen := func(addr string, serve func(net.Listener) error, stop func()) error {
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		stops = append(stops, stop)
		go func() { cancel(serve(listener)) }()
		return nil
	}
	asked := httpServer(server)
	if err := listen(f.addr, asked.Serve, func() { stop(asked) }); err != nil {
		return err
	}
	if f.grpc != "" {
		g := grpc.NewServer()
		register(g, server)
		if err := listen(f.grpc, g.Serve, func() { stopGRPC(g) }); err != nil {
			return err
		}
	}
	if f.app != "" { // the last, so that it is in nobody's place
		app := httpServer(http.HandlerFunc(show))
		if err := listen(f.app, app.Serve, func() { stop(app) }); err != nil {
			return err
		}
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, http.ErrServerClosed) {
		return cause
	}
	return nil
}

func httpServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute}
}

// stopLimit is how long questions in flight may take: a proxy refuses those that are not answered.
const stopLimit = 5 * time.Second

func stop(s *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	_ = s.Shutdown(ctx)
}

func stopGRPC(g *grpc.Server) {
	late := time.AfterFunc(stopLimit, g.Stop) // which ends GracefulStop as well
	defer late.Stop()
	g.GracefulStop()
}

// show is a program behind the proxy: it believes the headers, and nothing else.
func show(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, r.Method, r.URL.EscapedPath())
	for _, name := range forwardauth.Headers() {
		fmt.Fprintf(w, "%s: %s\n", name, strings.Join(r.Header[name], " | "))
	}
}
