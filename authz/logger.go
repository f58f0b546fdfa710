package authz

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/reevehq/reeve/middleware"
)

// Limits of the log of refusals, which anonymous clients can cause at any rate.
const (
	logPerSecond = 10
	maxCause     = 300 // bytes
	maxCauseWord = 32  // bytes; a token, a digest and a key are longer than words
)

// refusalLog tells a logger why requests are refused. It starts no goroutine.
type refusalLog struct {
	logger *slog.Logger // nil for slog.Default

	mu   sync.Mutex
	last [logPerSecond]time.Time // when the last records were written, a ring
	next int                     // the oldest of them
	left int                     // refusals since the last record
}

// refused notes that r was refused for err, which is one of Reeve's. route is "" for none.
func (l *refusalLog) refused(r *http.Request, route string, err error) {
	logger, ctx := l.logger, r.Context()
	if logger == nil {
		logger = slog.Default()
	}
	if !logger.Enabled(ctx, slog.LevelWarn) {
		return
	}
	left, ok := l.turn(time.Now())
	if !ok {
		return
	}
	attrs := []slog.Attr{slog.String("route", loggedRoute(r.Method, route)), slog.String("cause", cause(err))}
	if left > 0 {
		attrs = append(attrs, slog.Int("left_out", left))
	}
	logger.LogAttrs(context.WithoutCancel(ctx), slog.LevelWarn, "refused", attrs...)
}

// turn reports whether a record may be written now, and how many were left out before it.
func (l *refusalLog) turn(now time.Time) (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if oldest := l.last[l.next]; !oldest.IsZero() && now.Sub(oldest) < time.Second {
		l.left++
		return 0, false
	}
	l.last[l.next] = now
	l.next = (l.next + 1) % logPerSecond
	left, l.left = l.left, 0
	return left, true
}

// loggedRoute is the method and the name of the route. A method that HTTP does not have is the
// client's text and left out, and a request that no route serves has no name.
func loggedRoute(method, path string) string {
	if path == "" {
		path = "none"
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method + " " + path
	}
	return path
}

// stageError is an error of a stage before the handler: no handler has put anything into it.
type stageError struct{ error }

func (e *stageError) Unwrap() error { return e.error }

// refusal is an error of a decision, with what a log may say of it.
type refusal struct {
	error
	action   Action
	kind     string // the object's type, "" for a route
	decision Decision
}

func (r *refusal) Unwrap() error { return r.error }

// why names the rule that refused, by file and line.
func (r *refusal) why() string {
	what := "the route"
	if r.kind != "" || r.action != "" {
		what = plainWord(string(r.action)) + " " + plainWord(r.kind)
	}
	if len(r.decision.Reasons) == 0 {
		return "no rule allows " + what
	}
	rule := r.decision.Reasons[0]
	file := rule.File
	if folder, _, inFolder := strings.Cut(file, "/"); inFolder {
		file = folder + "/*" // which is named after a tenant
	}
	return file + ":" + strconv.Itoa(rule.Line) + " denies " + what
}

// cause is the reason of err without anything that a client or a handler may have put into
// its text: that of the decision or the stage which refused, or else the error by which the
// table answers.
func cause(err error) string {
	known := middleware.Cause(err)
	for i := 0; known == nil && i < len(handedOn); i++ {
		if errors.Is(err, handedOn[i].err) {
			known = handedOn[i].err
		}
	}
	if known == nil {
		return "an error that has no row in the table"
	}
	var (
		decided *refusal
		staged  *stageError
		stepUp  *middleware.StepUpError
	)
	switch {
	case errors.As(err, &stepUp):
		return strings.ReplaceAll(stepUp.Error(), `"`, "")
	case errors.As(err, &decided) && (middleware.IsOutage(err) || errors.Is(err, middleware.ErrMisused)):
		return plain(decided.Error())
	case decided != nil:
		return known.Error() + ": " + decided.why()
	case errors.As(err, &staged):
		return plain(staged.Error())
	}
	return known.Error()
}

var (
	word   = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,127}$`)
	quoted = regexp.MustCompile("\"(\\\\.|[^\"\\\\])*(\"|\\\\?$)|`[^`]*(`|$)") // as %q quotes
)

// plainWord is an action or a type as it is, or a placeholder for what can be none.
func plainWord(s string) string {
	if !readable(s) || !word.MatchString(s) {
		return masked
	}
	return s
}

// plain cuts out of a text what is quoted, what does not print, what is too long for a word
// and what looks like an id, and bounds the rest.
func plain(s string) string {
	s = quoted.ReplaceAllString(s[:min(len(s), 4*maxCause)], masked)
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' })
	length := 0
	for i, w := range words {
		if w != masked && !readable(w) {
			words[i] = masked
		}
		if length += len(words[i]) + 1; length > maxCause {
			return strings.Join(words[:i], " ") + " …"
		}
	}
	return strings.Join(words, " ")
}

// masked stands for text that is cut out.
const masked = "(…)"

// readable reports whether w is a word that people write, and no id, digest or token.
func readable(w string) bool {
	letters, digits := false, false
	for _, r := range w {
		if r < '!' || r > '~' {
			return false
		}
		letters = letters || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		digits = digits || '0' <= r && r <= '9'
	}
	return len(w) <= maxCauseWord && !(letters && digits && len(w) >= 8)
}
