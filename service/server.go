package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
)

// Defaults of a [ServerConfig].
const (
	defaultDrain = 20 * time.Second

	defaultReadHeaderTimeout = 5 * time.Second
	defaultReadTimeout       = 10 * time.Second
	defaultWriteTimeout      = 20 * time.Second
	defaultIdleTimeout       = 60 * time.Second
	maxHeaderBytes           = 32 << 10
)

// ServerConfig configures a [Server]. Addr and Handler are required.
type ServerConfig struct {
	// Addr is the host and the port to listen on. Port 0 picks a free one. Required.
	Addr string

	// Handler serves. Required.
	Handler http.Handler

	// Lifecycle is that of the group: while it does not serve, as in Starting and Paused, requests
	// are refused with 503, and while it is Draining clients are told to ask elsewhere next time.
	// Default: nil, every request is served, as those of health and metrics must be.
	Lifecycle *Lifecycle

	// Name begins the names of the parts: "ops" makes "ops listener" and "ops requests". Default: "".
	Name string

	// Drain is how long requests in flight may take once nothing is accepted any more. Then they
	// are cut off. Default 20 s.
	Drain time.Duration

	// The limits of [http.Server]. Default: 5 s for headers, 10 s for a request, 20 s for an answer
	// and 60 s between requests. Below zero there is none, as WriteTimeout has to be for streams.
	ReadHeaderTimeout, ReadTimeout, WriteTimeout, IdleTimeout time.Duration

	// Logger gets what [http.Server] logs. Default: [slog.Default].
	Logger *slog.Logger
}

// complete returns the configuration with its defaults set, or every problem it has.
func (cfg ServerConfig) complete() (ServerConfig, error) {
	var problems configerr.Problems
	if _, _, err := net.SplitHostPort(cfg.Addr); err != nil {
		problems.Add("Addr", "%q is not host:port", cfg.Addr)
	}
	problems.Require("Handler", cfg.Handler, "")
	if cfg.Drain < 0 {
		problems.Add("Drain", "%v is less than 0", cfg.Drain)
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&cfg.Drain, defaultDrain},
		{&cfg.ReadHeaderTimeout, defaultReadHeaderTimeout},
		{&cfg.ReadTimeout, defaultReadTimeout},
		{&cfg.WriteTimeout, defaultWriteTimeout},
		{&cfg.IdleTimeout, defaultIdleTimeout},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg, problems.Err("service", nil)
}

// ServerStats counts requests.
type ServerStats struct {
	InFlight int64
	Served   int64 // that a handler has answered
	Refused  int64 // with 503, for the state
	CutOff   int64 // that were in flight when the time to drain was over
}

// Server is an [http.Server] as two parts of a [Group]: one that accepts, and one that lets the
// requests in flight finish. A connection that a handler has taken over ([http.Hijacker]) is a request in
// flight until the handler returns: its context ends when the others are over. It is safe for concurrent use.
type Server struct {
	cfg    ServerConfig
	server *http.Server
	cancel context.CancelFunc // ends the context of requests

	listener  atomic.Pointer[net.Listener]
	takenOver connections

	inFlight, served, refused, cutOff atomic.Int64
}

// NewServer returns a server that does not listen yet, or every problem of cfg.
func NewServer(cfg ServerConfig) (*Server, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.server = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: cfg.ReadHeaderTimeout,
		ReadTimeout:       cfg.ReadTimeout,
		WriteTimeout:      cfg.WriteTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withConn,
		ConnState:         s.takenOver.note,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// Parts returns the parts, which need others. On closing, the first to go is the listener: nothing
// is accepted any more. Then the requests in flight finish, and only then what they need is closed.
func (s *Server) Parts(needs ...string) []Part {
	requests, listener := s.name("requests"), s.name("listener")
	return []Part{
		{Name: requests, Needs: needs, Close: s.drain, CloseTimeout: s.cfg.Drain},
		{Name: listener, Needs: []string{requests}, Open: s.listen, Run: s.serve, Close: s.stopAccepting},
	}
}

func (s *Server) name(part string) string {
	if s.cfg.Name == "" {
		return part
	}
	return s.cfg.Name + " " + part
}

// Addr returns the address on which the server listens, with the port that was picked, and "" before
// that.
func (s *Server) Addr() string {
	l := s.listener.Load()
	if l == nil {
		return ""
	}
	return (*l).Addr().String()
}

// Stats returns the counts so far.
func (s *Server) Stats() ServerStats {
	return ServerStats{InFlight: s.inFlight.Load(), Served: s.served.Load(), Refused: s.refused.Load(), CutOff: s.cutOff.Load()}
}

func (s *Server) listen(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return err
	}
	s.listener.Store(&l)
	s.cfg.Logger.Info("service: listening", slog.String("part", s.name("listener")), slog.String("addr", l.Addr().String()))
	return nil
}

func (s *Server) serve(context.Context) error {
	err := s.server.Serve(*s.listener.Load())
	if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) stopAccepting(context.Context) error {
	err := (*s.listener.Load()).Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Limits of the end of requests.
const (
	drainPoll   = 5 * time.Millisecond // between two looks whether handlers have returned
	cutOffLimit = graceOfClose * 4 / 5 // for handlers to return whose requests are cut off
)

// drain waits for the requests in flight, and then for handlers that have taken their connection over, which
// hear of it by their context. Those that are left when ctx is over are cut off.
func (s *Server) drain(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err == nil {
		s.cancel()
		if err = s.returned(ctx); err == nil {
			return nil
		}
	}
	left := s.inFlight.Load()
	if left == 0 { // connections without a request are nobody's work
		s.cancel()
		return s.server.Close()
	}
	s.cutOff.Add(left)
	// In this order: a handler that ends because its context does must not answer 200 with half of it.
	closed := errors.Join(s.server.Close(), s.takenOver.close())
	s.cancel()
	limit, cancel := context.WithTimeout(context.Background(), cutOffLimit)
	defer cancel()
	_ = s.returned(limit) // what they need is closed next
	return errors.Join(fmt.Errorf("%d requests were cut off: %w", left, context.Cause(ctx)), closed)
}

// returned waits until no handler works any more.
func (s *Server) returned(ctx context.Context) error {
	ticks := time.NewTicker(drainPoll)
	defer ticks.Stop()
	for s.inFlight.Load() > 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks.C:
		}
	}
	return nil
}

// unavailable is the body of refusals (RFC 9457).
const unavailable = `{"type":"about:blank","title":"Service Unavailable","status":503}` + "\n"

// ServeHTTP passes requests on, or refuses them where the state says so.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	defer s.takenOver.forget(r)
	if l := s.cfg.Lifecycle; l != nil {
		h := w.Header()
		if l.State() == Draining {
			h.Set("Connection", "close")
		}
		if !l.Serves() {
			s.refused.Add(1)
			h.Set("Content-Type", "application/problem+json")
			h.Set("Cache-Control", "no-store")
			h.Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(unavailable))
			return
		}
	}
	defer s.served.Add(1)
	s.cfg.Handler.ServeHTTP(w, r)
}
