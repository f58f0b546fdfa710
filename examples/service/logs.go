package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/reevehq/reeve/examples/service/config"
)

// logs is the log of the service: lines that go to a [sink], by a level that can change while it runs.
type logs struct {
	*slog.Logger
	level slog.LevelVar
	out   *sink
	lines func(io.Writer) slog.Handler // in the format of the configuration
}

func newLogs(cfg *config.Config, stdout io.Writer) (_ *logs, err error) {
	l := &logs{}
	l.setLevel(cfg)
	if l.out, err = newSink(cfg, stdout); err != nil {
		return nil, err
	}
	l.lines = func(to io.Writer) slog.Handler {
		options := &slog.HandlerOptions{Level: &l.level}
		if cfg.Log.Format == "json" {
			return slog.NewJSONHandler(to, options)
		}
		return slog.NewTextHandler(to, options)
	}
	l.Logger = slog.New(withTrace{l.lines(l.out)})
	return l, nil
}

// Err returns why lines are not written. Nobody but a check can tell, since the log cannot.
func (l *logs) Err() error {
	return l.out.check(func(lines int) []byte {
		var line bytes.Buffer
		r := slog.NewRecord(time.Now(), slog.LevelError, "log: lines are missing here", 0)
		r.AddAttrs(slog.Int("lines", lines))
		_ = l.lines(&line).Handle(context.Background(), r) // into memory
		return line.Bytes()
	})
}

func (l *logs) setLevel(cfg *config.Config) {
	var level slog.Level
	if level.UnmarshalText([]byte(cfg.Log.Level)) == nil { // the schema has checked it
		l.level.Set(level)
	}
}

// reload takes the level of another configuration, and opens the file anew.
func (l *logs) reload(cfg *config.Config) error {
	l.setLevel(cfg)
	return l.out.reopen()
}

// Close closes the file.
func (l *logs) Close() error { return l.out.Close() }

// withTrace adds the id of the trace that the context belongs to.
type withTrace struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h withTrace) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h withTrace) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withTrace{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h withTrace) WithGroup(name string) slog.Handler { return withTrace{h.Handler.WithGroup(name)} }

// logged logs a request: at debug, and at warn when the answer is 5xx. Neither the path nor a header is
// logged.
func logged(next http.Handler, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, seen := time.Now(), &statusWriter{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		level := slog.LevelDebug
		if seen.status >= http.StatusInternalServerError {
			level = slog.LevelWarn
		}
		logger.LogAttrs(r.Context(), level, "request", slog.String("method", r.Method), slog.Int("status", seen.status), slog.Duration("took", time.Since(began)))
	})
}

// statusWriter notes the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
