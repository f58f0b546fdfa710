package authz_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

// logTo returns an option by which refusals are logged to out, without the time.
func logTo(out *bytes.Buffer) option {
	return func(c *authz.Config) {
		c.Logger = slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		}))
	}
}

// TestARefusalIsLoggedWithItsRouteAndItsCause: everything that one needs in development, and
// nothing else.
func TestARefusalIsLoggedWithItsRouteAndItsCause(t *testing.T) {
	for name, row := range map[string]struct {
		method, target string
		bearer         func(w *fixture, good string, s session.Session) string
		extra          headers
		want           string // "" for no record
	}{
		"an allowed request":         {"GET", "/me", nil, nil, ""},
		"nobody where one is needed": {"GET", "/me", anonymous, nil, `route="GET /me" cause="middleware: authentication required"`},
		"no rule for the route":      {"GET", "/unruled", nil, nil, `route="GET /unruled" cause="middleware: forbidden: no rule allows the route"`},
		"no route":                   {"GET", "/nothing/here", anonymous, nil, `route="GET none" cause="middleware: authentication required"`},
		"a deny rule":                {"GET", "/notes/13", nil, nil, `route="GET /notes/:id" cause="middleware: forbidden: policy.csv:11 denies read note"`},
		"a path of two readings":     {"GET", "//me", nil, nil, `route="GET none" cause="middleware: ambiguous request: two slashes in a row"`},
		"another tenant": {"GET", "/me", nil, headers{"X-Tenant": "globex"},
			`route="GET /me" cause="tenant: mismatch: the request names another tenant than the session"`},
		"a session that is gone": {"GET", "/me", func(w *fixture, good string, s session.Session) string {
			if err := w.manager.Revoke(context.Background(), s.Ref()); err != nil {
				w.t.Fatal(err)
			}
			return good
		}, nil, `route="GET /me" cause="middleware: the request's session is gone`},
		"a store that is out": {"GET", "/me", func(w *fixture, good string, _ session.Session) string {
			w.store.fail.Store(&errDown)
			return good
		}, nil, `cause="session: store unavailable dial tcp: refused, (…)"`},
		"a method that is the client's": {"SECRETMETHOD", "/unruled2", anonymous, nil, `route=none cause=`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w := newFixture(t, logTo(&out))
			bearer, s := w.login(acme, alice, "viewer")
			if row.bearer != nil {
				bearer = row.bearer(w, bearer, s)
			}
			w.do(row.method, row.target, bearer, row.extra)
			got := out.String()
			if row.want == "" {
				if got != "" {
					t.Errorf("got %s", got)
				}
				return
			}
			if strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "level=WARN msg=refused route=") || !strings.Contains(got, row.want) {
				t.Errorf("got  %swant %s", got, row.want)
			}
		})
	}
}

func anonymous(*fixture, string, session.Session) string { return "" }

// TestNothingThatAClientSentIsLogged, nor what a handler or a stage quotes of it: everything
// in a request is a secret here.
func TestNothingThatAClientSentIsLogged(t *testing.T) {
	const secret = "s3cr3t-v4lue"
	for name, handler := range map[string]func(ctx context.Context) error{
		"a denied object": func(ctx context.Context) error {
			_, err := authz.Check(ctx, "delete", authz.Object{Type: "note", ID: secret, Tenant: acme})
			return err
		},
		"a type of the client's": func(ctx context.Context) error {
			_, err := authz.Check(ctx, "read", authz.Object{Type: secret, ID: "1", Tenant: acme})
			return err
		},
		"an action of the client's": func(ctx context.Context) error {
			_, err := authz.Check(ctx, authz.Action(secret+"\nlevel=ERROR"), ours(secret))
			return err
		},
		"an error wrapped in front": func(context.Context) error { return fmt.Errorf("invoice %s: %w", secret, authz.ErrDenied) },
		"an error wrapped behind":   func(context.Context) error { return fmt.Errorf("%w: invoice %s\nlevel=ERROR", authz.ErrHidden, secret) },
		"an outage":                 func(context.Context) error { return fmt.Errorf("%w: dial %s", session.ErrUnavailable, secret) },
		"a misuse":                  func(context.Context) error { return fmt.Errorf("%w: %s", middleware.ErrMisused, secret) },
		"joined errors":             func(context.Context) error { return errors.Join(errors.New(secret), authz.ErrDenied) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w := newFixture(t, logTo(&out))
			w.echo.GET("/notes/:id", func(c echo.Context) error { return handler(c.Request().Context()) })
			bearer, s := w.login(acme, alice, "viewer")
			w.do("GET", "/notes/"+secret+"?q="+secret, bearer, headers{"X-Secret": secret, "User-Agent": secret})
			got := out.String()
			if strings.Count(got, "\n") != 1 || !strings.Contains(got, `route="GET /notes/:id"`) {
				t.Fatalf("got %s", got)
			}
			for _, text := range []string{secret, "alice", "acme", bearer, s.ID.Fingerprint(), "level=ERROR"} {
				if strings.Contains(got, text) {
					t.Errorf("the log holds %q: %s", text, got)
				}
			}
		})
	}
	for name, text := range map[string]string{
		"a quoted value":  `claims: aud is "` + secret + `"`,
		"an open quote":   `claims: aud is "` + secret,
		"an id":           "no session " + secret,
		"a long word":     "token " + strings.Repeat("a", 50),
		"a control code":  "x\x1b[31m" + secret,
		"another script":  "x \u202e" + secret,
		"a line":          "x\nlevel=ERROR " + secret,
		"a very long one": strings.Repeat("word ", 10_000) + secret,
	} {
		var out bytes.Buffer
		w := newFixture(t, logTo(&out), func(c *authz.Config) {
			c.Sessions = loaderFunc(func(context.Context, session.Ref) (session.Session, error) {
				return session.Session{}, fmt.Errorf("%w: %s", session.ErrCorrupt, text)
			})
		})
		bearer, _ := w.login(acme, alice, "viewer")
		w.do("GET", "/me", bearer)
		got := out.String()
		if strings.Count(got, "\n") != 1 || len(got) > 500 || strings.Contains(got, secret) || strings.Contains(got, strings.Repeat("a", 33)) ||
			strings.ContainsAny(got, "\x1b\u202e") {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// TestAtMostTenRefusalsAreLoggedInAnySecond, whenever they come, and none is lost from the
// count: what was left out is in the next record.
func TestAtMostTenRefusalsAreLoggedInAnySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var records []slog.Record
		var at []time.Time
		w := newFixture(t, func(c *authz.Config) {
			c.Logger = slog.New(recorder(func(r slog.Record) {
				records, at = append(records, r), append(at, time.Now())
			}))
		})
		sent := 0
		flood := func(n int, every time.Duration) {
			for range n {
				w.do("GET", "/me", "")
				sent++
				time.Sleep(every)
			}
		}
		flood(25, 0) // at once
		time.Sleep(950 * time.Millisecond)
		flood(10, 0)                   // before a second has passed
		flood(300, 7*time.Millisecond) // for two seconds
		time.Sleep(2 * time.Second)
		flood(1, 0)
		for i := range at {
			if i >= 10 && at[i].Sub(at[i-10]) < time.Second {
				t.Errorf("records %d to %d came within %v", i-10, i, at[i].Sub(at[i-10]))
			}
		}
		left := 0
		for _, r := range records {
			r.Attrs(func(a slog.Attr) bool {
				if a.Key == "left_out" {
					left += int(a.Value.Int64())
				}
				return true
			})
		}
		if left+len(records) != sent || len(records) < 11+20 {
			t.Errorf("%d records and %d left out of %d", len(records), left, sent)
		}
	})
}

// TestRefusalsAreLoggedToSlogUnlessItIsTurnedOff: without a word in the config one sees why.
func TestRefusalsAreLoggedToSlogUnlessItIsTurnedOff(t *testing.T) {
	var records int
	old := slog.Default()
	slog.SetDefault(slog.New(recorder(func(slog.Record) { records++ })))
	defer slog.SetDefault(old)
	w := newFixture(t, func(c *authz.Config) { c.Logger = nil })
	if w.do("GET", "/me", ""); records != 1 {
		t.Errorf("%d records by default", records)
	}
	w = newFixture(t, func(c *authz.Config) { c.Logger = slog.New(slog.DiscardHandler) })
	if w.do("GET", "/me", ""); records != 1 {
		t.Error("a logger that discards does not")
	}
}

// TestAllowedRequestsAreNotLogged, nor is what a handler only asks about.
func TestAllowedRequestsAreNotLogged(t *testing.T) {
	var out bytes.Buffer
	w := newFixture(t, logTo(&out))
	bearer, _ := w.login(acme, alice, "viewer")
	w.inside(bearer, func(ctx context.Context) {
		if authz.Can(ctx, "update", ours("bob")) {
			t.Error("allowed")
		}
		_, _ = authz.Check(ctx, "update", ours("bob"))
	})
	w.echo.GET("/public", func(echo.Context) error { return echo.NewHTTPError(http.StatusTeapot) })
	w.do("GET", "/public", "")
	if out.Len() > 0 {
		t.Errorf("got %s", out.String())
	}
}

// recorder is a handler of slog that is told every record.
type recorder func(slog.Record)

func (recorder) Enabled(context.Context, slog.Level) bool { return true }
func (f recorder) Handle(_ context.Context, r slog.Record) error {
	f(r)
	return nil
}
func (f recorder) WithAttrs([]slog.Attr) slog.Handler { return f }
func (f recorder) WithGroup(string) slog.Handler      { return f }
