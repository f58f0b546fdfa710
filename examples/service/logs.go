package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/DeRuina/timberjack"
	"go.opentelemetry.io/otel/trace"

	"github.com/reevehq/reeve/examples/service/config"
)

// logs is the log of the service: a level that can change while it runs, and a file that is put aside
// by its size and removed by its age, or standard output, of which somebody else takes care.
type logs struct {
	*slog.Logger
	level slog.LevelVar
	file  *timberjack.Logger // nil for standard output
	out   *lastWrite
}

// lastWrite keeps the error of the last write, which slog drops.
type lastWrite struct {
	io.Writer
	failed atomic.Pointer[error]
}

// Write implements [io.Writer].
func (w *lastWrite) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		w.failed.Store(&err)
	} else if w.failed.Load() != nil {
		w.failed.Store(nil)
	}
	return n, err
}

// Err returns why the last line was not written, such as a disk that is full. Nobody but a check can
// tell, since the log cannot.
func (l *logs) Err() error {
	if err := l.out.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func newLogs(cfg *config.Config, stdout io.Writer) (*logs, error) {
	l := &logs{}
	l.setLevel(cfg)
	l.out = &lastWrite{Writer: stdout}
	if cfg.Log.File != "" {
		if err := writable(cfg.Log.File); err != nil {
			return nil, err
		}
		l.file = &timberjack.Logger{
			Filename: cfg.Log.File, MaxSize: cfg.Log.SizeMB, MaxAge: cfg.Log.Days, MaxBackups: cfg.Log.Files, FileMode: 0o600,
		}
		l.out.Writer = l.file
	}
	options := &slog.HandlerOptions{Level: &l.level}
	var handler slog.Handler = slog.NewTextHandler(l.out, options)
	if cfg.Log.Format == "json" {
		handler = slog.NewJSONHandler(l.out, options)
	}
	l.Logger = slog.New(withTrace{handler})
	return l, nil
}

// writable refuses what is no file that can be written. The library would put a folder aside.
func writable(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func (l *logs) setLevel(cfg *config.Config) {
	var level slog.Level
	if level.UnmarshalText([]byte(cfg.Log.Level)) == nil { // the schema has checked it
		l.level.Set(level)
	}
}

// reload takes the level of another configuration.
func (l *logs) reload(cfg *config.Config) { l.setLevel(cfg) }

// Close closes the file.
func (l *logs) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

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
