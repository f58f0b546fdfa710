package httpauthz_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/authz/httpauthz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// TestHostile runs the suite that services run against themselves on the Mux.
func TestHostile(t *testing.T) {
	w := newFixture(t)
	refs := map[string]session.Ref{}
	left := authztest.Hostile(t, authztest.Service{
		Handler: w.mux, Method: "GET", Path: "/notes/1",
		Token: func() string {
			bearer, s := w.login("viewer")
			refs[bearer] = s.Ref()
			return bearer
		},
	}, authztest.Options{
		Key: w.key, Public: "/public", Forbidden: "PUT /notes/1", Cookie: cookie, TenantHeader: "X-Tenant",
		Revoke: func(bearer string) {
			if err := w.manager.Revoke(context.Background(), refs[bearer]); err != nil {
				t.Fatal(err)
			}
		},
		Suspend: func() func() {
			set := func(s tenant.Status) {
				if err := w.manager.SetTenantStatus(context.Background(), acme, s); err != nil {
					t.Fatal(err)
				}
			}
			set(tenant.Suspended)
			return func() { set(tenant.Active) }
		},
		Outage: func() func() {
			down := error(session.ErrUnavailable)
			w.store.fail.Store(&down)
			return func() { w.store.fail.Store(nil) }
		},
	})
	maps.DeleteFunc(left, func(_ int, why string) bool { return strings.Contains(why, "Options.Provider") }) // it trusts none
	if len(left) > 25 {
		t.Errorf("%d rows are left out: %v", len(left), left)
	}
}

// TestWhatNetHTTPWouldRedirectIsRefused: no answer of the Mux is a redirect, and none comes
// from a handler.
func TestWhatNetHTTPWouldRedirectIsRefused(t *testing.T) {
	w := newFixture(t)
	w.mux.HandleFunc("GET /tree/", func(rw http.ResponseWriter, _ *http.Request) error { w.reached.Add(1); return nil })
	bearer, _ := w.login("viewer")
	good := http.Header{"Authorization": {"Bearer " + bearer}}
	for _, row := range []struct {
		name, line  string
		anonymous   int
		status      int
		allow       string
		handlerRuns bool
	}{
		{"a slash is missing at the end", "GET /tree", 401, 404, "", false},
		{"a slash is missing before {$}", "GET /dir", 401, 404, "", false},
		{"a slash is too many", "GET /me/", 401, 404, "", false},
		{"an unclean path", "GET /a/./me", 400, 400, "", false},
		{"an empty segment", "GET /notes//1", 400, 400, "", false},
		{"no such route", "GET /nowhere", 401, 404, "", false},
		{"no such method", "DELETE /notes/1", 401, 405, "GET, HEAD, PUT", false},
		{"the root", "GET /", 401, 404, "", false},
		{"the server itself", "OPTIONS *", 400, 400, "", false},
		{"CONNECT to a route", "CONNECT /me", 401, 404, "", false},
		{"CONNECT to a tree", "CONNECT /tree", 401, 404, "", false},
		{"an absolute target", "GET http://own.test/me", 401, 200, "", true},
		{"HEAD of a GET", "HEAD /me", 401, 200, "", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			for header, want := range map[*http.Header]int{{}: row.anonymous, &good: row.status} {
				w.reached.Store(0)
				r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(row.line + " HTTP/1.1\r\nHost: api.test\r\n\r\n")))
				if err != nil {
					t.Fatal(err)
				}
				r.RemoteAddr, r.Header = "192.0.2.1:1", header.Clone()
				if r.Header == nil {
					r.Header = http.Header{}
				}
				rec := httptest.NewRecorder()
				w.mux.ServeHTTP(rec, r)
				if rec.Code != want || rec.Header().Get("Location") != "" {
					t.Errorf("got %d to %q, want %d: %s", rec.Code, rec.Header().Get("Location"), want, rec.Body)
				}
				if ran := w.reached.Load() == 1; ran != (row.handlerRuns && want == 200) {
					t.Errorf("a handler ran: %t", ran)
				}
				if want == 405 && rec.Header().Get("Allow") != row.allow {
					t.Errorf("Allow is %q", rec.Header().Get("Allow"))
				}
			}
		})
	}
}

// TestPatternsAreNamedAsTheTableSays is the table of the package documentation.
func TestPatternsAreNamedAsTheTableSays(t *testing.T) {
	for pattern, want := range map[string]string{
		"GET /notes/{id}":              "GET /notes/:id",
		"GET /t/{tenant}/notes/{id}":   "GET /t/:tenant/notes/:id",
		"GET /files/{rest...}":         "GET /files/*",
		"GET /files/":                  "GET /files/*",
		"GET /files/{$}":               "GET /files/",
		"GET /{$}":                     "GET /",
		"GET /":                        "GET /*",
		"PUT \t api.test/notes/{id}":   "PUT //api.test/notes/:id",
		"GET /v1/things:cancel":        "GET /v1/things:cancel",
		"GET /café":                    "GET /café",
		"MKCOL /x":                     "MKCOL /x",
		"POST api.test/{a}/{b}/{c...}": "POST //api.test/:a/:b/*",
	} {
		m := emptyMux(t)
		m.Handle(pattern, http.NotFoundHandler())
		if got := m.Routes(); len(got) != 1 || got[0].String() != want {
			t.Errorf("%s is named %v, want %s", pattern, got, want)
		}
	}
	for pattern, why := range map[string]string{
		"/notes": "has no method", "api.test/notes": "has no method", "CONNECT /x": "CONNECT",
		"GET /:id": "read as something else", "GET /a/*": "read as something else", "GET /a*b": "read as something else",
		"GET /a%2Fb": "read as something else", "get /x": "no rule can name", "GET ": "has no path",
	} {
		func() {
			defer func() {
				if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), why) {
					t.Errorf("%s: panics with %v, want %q", pattern, v, why)
				}
			}()
			emptyMux(t).Handle(pattern, http.NotFoundHandler())
		}()
	}
}

func emptyMux(t *testing.T) *httpauthz.Mux {
	t.Helper()
	w := newFixture(t)
	m, err := httpauthz.NewMux(authz.Config{Tokens: w.verifier(), Sessions: w.manager, Policy: w.engine})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestVerify(t *testing.T) {
	w := newFixture(t)
	missing := loadEngine(t, strings.ReplaceAll(rules, "p, role:authenticated, *,    /me, ", "p, role:authenticated, *,    /mee,"))
	w.mux.HandleFunc("GET /tree/", func(http.ResponseWriter, *http.Request) error { return nil })
	var found *authz.VerifyError
	if err := httpauthz.Verify(w.mux, w.mux, w.engine); !errors.As(err, &found) || len(found.Unruled) != 2 || len(found.Unguarded)+len(found.Unrouted)+len(found.Exposed) != 0 {
		t.Errorf("of a service with two routes without a rule: %v", err)
	}
	if err := httpauthz.Verify(w.mux, w.mux, missing); !errors.As(err, &found) || len(found.Unguarded) != 1 || len(found.Unrouted) != 1 {
		t.Errorf("of another policy: %v", err)
	}
	for name, around := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"one path is answered in front": func(_ http.ResponseWriter, r *http.Request) bool { return r.URL.Path == "/me" },
		"OPTIONS is answered in front":  func(_ http.ResponseWriter, r *http.Request) bool { return r.Method == "OPTIONS" },
		"all is answered in front":      func(http.ResponseWriter, *http.Request) bool { return true },
	} {
		h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if !around(rw, r) {
				w.mux.ServeHTTP(rw, r)
			}
		})
		if err := httpauthz.Verify(h, w.mux, w.engine); !errors.As(err, &found) || len(found.Unguarded) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := w.reached.Load(); n != 0 {
		t.Errorf("Verify reached %d handlers", n)
	}
	for name, err := range map[string]error{
		"no handler": httpauthz.Verify(nil, w.mux, w.engine), "no mux": httpauthz.Verify(w.mux, nil, w.engine), "no policy": httpauthz.Verify(w.mux, w.mux, nil),
		"a nil engine": httpauthz.Verify(w.mux, w.mux, (*policy.Engine)(nil)),
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// TestAHandlersOwnErrorIsToldToNoClient is 500 with a fixed text, or what OnError writes.
func TestAHandlersOwnErrorIsToldToNoClient(t *testing.T) {
	w := newFixture(t)
	var seen error
	w.mux.HandleFunc("GET /dir/late", func(rw http.ResponseWriter, _ *http.Request) error {
		_, _ = rw.Write([]byte("begun"))
		return errors.New("hunter2")
	})
	w.mux.HandleFunc("GET /files/broken", func(http.ResponseWriter, *http.Request) error { return errors.New("hunter2") })
	bearer, _ := w.login("viewer")
	good := http.Header{"Authorization": {"Bearer " + bearer}}
	if err := w.engine.Reload(files(t, rules+"\np, role:authenticated, *, /dir/late, GET, true, allow\n")); err != nil {
		t.Fatal(err)
	}
	if rec := ask(w.mux, "GET", "/files/broken", good); rec.Code != 500 || strings.Contains(rec.Body.String(), "hunter2") {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	w.mux.OnError = func(rw http.ResponseWriter, _ *http.Request, err error) { seen = err; rw.WriteHeader(418) }
	if rec := ask(w.mux, "GET", "/files/broken", good); rec.Code != 418 || seen == nil {
		t.Errorf("OnError: got %d, told %v", rec.Code, seen)
	}
	if seen = nil; ask(w.mux, "GET", "/dir/late", good).Body.String() != "begun" || seen != nil {
		t.Errorf("an answer that has begun is answered again: %v", seen)
	}
}
