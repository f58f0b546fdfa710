package authz_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// heard is a feed on which nothing is announced.
type heard struct{}

func (heard) Topics(ref session.Ref) session.Topics {
	return session.Topics{Session: string(ref.ID.Bytes()), User: ref.Tenant.String() + "/" + ref.User.String(), Tenant: ref.Tenant.String()}
}

func (heard) Listen(ctx context.Context, l session.Listener) {
	l.Reset()
	for ticker := time.NewTicker(100 * time.Millisecond); ; {
		now := time.Now()
		l.Heartbeat(now, now)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			ticker.Stop()
			return
		}
	}
}

// warmFixture is a service whose sessions are in memory.
type warmFixture struct {
	echo     *echo.Echo
	plain    *echo.Echo // the same routes, and nothing else
	handler  echo.HandlerFunc
	cache    *cachestore.Store
	manager  *session.Manager
	status   int // of the last request
	sessions []session.Session
	requests []*http.Request // one for each session, which were served once
}

// newWarmFixture returns a service with 100 rules, ten roles and a route each for ten documents of
// theirs to a tenant, and sessions that are in memory.
func newWarmFixture(tb testing.TB, tenants, sessions int, options ...option) *warmFixture {
	tb.Helper()
	ctx := tb.Context()
	var text strings.Builder
	for t := range tenants {
		for i := range 100 {
			fmt.Fprintf(&text, "p, role:r%d, t%d, /r%d/d%d/:id, GET, true, allow\n", i/10, t, i/10, i%10)
		}
	}
	cache, err := cachestore.New(cachestore.Config{Store: memstore.New(), Feed: heard{}})
	if err != nil {
		tb.Fatal(err)
	}
	if err := cache.Start(ctx); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { cache.Close() })
	manager, err := session.NewManager(cache, session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))})
	if err != nil {
		tb.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := token.NewSigner(token.SignerConfig{
		Issuer: "https://issuer.test", Audience: "api", KeyID: "k1", Algorithm: token.ES256, Key: session.NewPrivateKey(key), Lifetime: time.Hour,
	})
	if err != nil {
		tb.Fatal(err)
	}
	verifier, err := token.NewVerifierWithConfig(token.VerifierConfig{Issuers: []token.Issuer{signer.Issuer()}, CacheSize: 2 * sessions})
	if err != nil {
		tb.Fatal(err)
	}
	w := &warmFixture{echo: echo.New(), plain: echo.New(), cache: cache, manager: manager}
	cfg := authz.Config{
		Tokens: verifier, Sessions: manager, Policy: engine(tb, text.String()), Timeout: 20 * time.Second,
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, o := range options {
		o(&cfg)
	}
	w.echo.Use(authz.Middleware(cfg))
	w.handler = func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }
	for _, e := range []*echo.Echo{w.echo, w.plain} {
		for i := range 100 {
			e.GET(fmt.Sprintf("/r%d/d%d/:id", i/10, i%10), func(c echo.Context) error { return w.handler(c) })
		}
	}
	for i := range tenants {
		if err := manager.SetTenantStatus(ctx, tenant.MustParse(fmt.Sprintf("t%d", i)), tenant.Active); err != nil {
			tb.Fatal(err)
		}
	}
	testwait.Until(tb, "the cache hears its feed", func() bool { return cache.Stats().Fresh })
	for i := range sessions {
		role := i / tenants % 10
		s, _, err := manager.Create(ctx, session.SignIn{
			Tenant: tenant.MustParse(fmt.Sprintf("t%d", i%tenants)), User: session.MustParseUserID(fmt.Sprintf("u%d@example.org", i)),
			Roles: session.MustRoles(fmt.Sprintf("r%d", role)),
		})
		if err != nil {
			tb.Fatal(err)
		}
		signed, err := signer.Sign(s)
		if err != nil {
			tb.Fatal(err)
		}
		r := httptest.NewRequest("GET", fmt.Sprintf("/r%d/d%d/%d", role, i%10, i), nil)
		r.Header.Set("Authorization", "Bearer "+signed.Reveal())
		for range 2 { // the second proves that both are remembered
			rec := httptest.NewRecorder()
			if w.echo.ServeHTTP(rec, r); rec.Code != http.StatusNoContent && len(options) == 0 {
				tb.Fatalf("session %d: %d %s", i, rec.Code, rec.Body)
			}
			w.status = rec.Code
		}
		w.requests, w.sessions = append(w.requests, r), append(w.sessions, s)
	}
	return w
}

// TestAWarmRequestStaysWithinItsBudget: two allocations, one of which is Echo's own for any
// middleware, and no read of the store. Under the race detector pools forget at random.
func TestAWarmRequestStaysWithinItsBudget(t *testing.T) {
	testneed.Optimized(t)
	w := newWarmFixture(t, 2, 20)
	rec, i := discard{http.Header{}}, 0
	serve := func(e *echo.Echo) func() {
		return func() {
			e.ServeHTTP(rec, w.requests[i%len(w.requests)])
			i++
		}
	}
	before := w.cache.Stats()
	plain, allocs := testing.AllocsPerRun(500, serve(w.plain)), testing.AllocsPerRun(500, serve(w.echo))
	if limit := 2.0; allocs-plain > limit {
		t.Errorf("%v allocations more than the %v of Echo alone, at most %v", allocs-plain, plain, limit)
	}
	const requests = 2000
	took := func(do func()) float64 {
		var from, to runtime.MemStats
		runtime.ReadMemStats(&from)
		for range requests {
			do()
		}
		runtime.ReadMemStats(&to)
		return float64(to.TotalAlloc-from.TotalAlloc) / requests
	}
	more := took(serve(w.echo)) - took(serve(w.plain))
	t.Logf("%v allocations and %.0f B more than Echo alone", allocs-plain, more)
	if more > 700 && !testneed.Race {
		t.Errorf("%.0f B more than Echo alone, at most 700", more)
	}
	if after := w.cache.Stats(); after.Reads != before.Reads || after.Hits-before.Hits < requests {
		t.Errorf("%d reads of the store for %d hits", after.Reads-before.Reads, after.Hits-before.Hits)
	}
}

// strict is a Loader that embeds a Manager and refuses somebody.
type strict struct {
	*session.Manager
	refused *atomic.Int64
}

func (s strict) Load(context.Context, session.Ref) (session.Session, error) {
	s.refused.Add(1)
	return session.Session{}, session.ErrNotFound
}

// TestALoaderThatEmbedsAManagerIsAsked: its own Load is what counts, whatever the Manager that it
// embeds has in memory.
func TestALoaderThatEmbedsAManagerIsAsked(t *testing.T) {
	var refused atomic.Int64
	w := newWarmFixture(t, 1, 1, func(c *authz.Config) {
		c.Sessions = strict{c.Sessions.(*session.Manager), &refused}
	})
	if w.status != http.StatusUnauthorized || refused.Load() == 0 {
		t.Errorf("got %d, and Load was asked %d times", w.status, refused.Load())
	}
}

// TestAWarmSessionEndsWithTheNextRequest: what is in memory is refused as soon as this instance
// knows of its end, also where the answer to the same request was just given.
func TestAWarmSessionEndsWithTheNextRequest(t *testing.T) {
	for name, end := range map[string]func(m *session.Manager, s session.Session) error{
		"revoked": func(m *session.Manager, s session.Session) error { return m.Revoke(context.Background(), s.Ref()) },
		"of a user who is revoked": func(m *session.Manager, s session.Session) error {
			return m.RevokeUser(context.Background(), s.Tenant, s.User)
		},
		"of a tenant that is suspended": func(m *session.Manager, s session.Session) error {
			return m.SetTenantStatus(context.Background(), s.Tenant, tenant.Suspended)
		},
		"without its role": func(m *session.Manager, s session.Session) error {
			_, err := m.Update(context.Background(), s.Ref(), func(s *session.Session) error { s.Roles = session.Roles{}; return nil })
			return err
		},
	} {
		w := newWarmFixture(t, 1, 1)
		if err := end(w.manager, w.sessions[0]); err != nil {
			t.Fatal(err)
		}
		rec := httptest.NewRecorder()
		if w.echo.ServeHTTP(rec, w.requests[0]); rec.Code < 400 || rec.Code >= 500 {
			t.Errorf("%s: got %d", name, rec.Code)
		}
	}
}

// TestWhatAHandlerHoldsIsItsOwn: requests of one session share it in memory, and none of what a
// handler is given reaches the others.
func TestWhatAHandlerHoldsIsItsOwn(t *testing.T) {
	w := newWarmFixture(t, 1, 1)
	seen := 0
	w.handler = func(c echo.Context) error {
		caller, _ := authz.FromContext(c.Request().Context())
		s, ok := caller.Session()
		again, _ := session.FromContext(c.Request().Context())
		if !ok || s.Ref() != w.sessions[0].Ref() || again.Ref() != s.Ref() || s.Roles.Len() != 1 {
			t.Errorf("the handler sees %v of %v", s.Roles.Names(), s.Ref())
		}
		s.Roles, s.Tenant, s.ID = session.Roles{}, tenant.ID{}, session.ID{}
		c.Request().Method, c.Request().URL = "DELETE", nil
		c.Response().Header()["Cache-Control"][0] = "public"
		seen++
		return c.NoContent(http.StatusNoContent)
	}
	for range 2 {
		r := w.requests[0].Clone(context.Background())
		rec := httptest.NewRecorder()
		if w.echo.ServeHTTP(rec, r); rec.Code != http.StatusNoContent || r.Method != "GET" || r.URL == nil {
			t.Errorf("got %d, and the request of what stands in front is %s %v", rec.Code, r.Method, r.URL)
		}
	}
	if seen != 2 {
		t.Errorf("%d requests reached the handler", seen)
	}
	if middleware.PrivateNoStore != "private, no-store" {
		t.Error("a handler has changed a constant")
	}
}

// BenchmarkWarmRequest measures what Reeve adds to a request of Echo's whose token and session
// are in memory, over all users of all tenants in turn. A server has just read its request: where
// "read" is said each is read from its text first, by both, so that Reeve does not wait for the
// memory of a request that only the benchmark has kept.
func BenchmarkWarmRequest(b *testing.B) {
	for _, tenants := range []int{10, 1000} {
		w := newWarmFixture(b, tenants, 10*tenants)
		texts := make([][]byte, len(w.requests))
		for i, r := range w.requests {
			var text bytes.Buffer
			if err := r.Write(&text); err != nil {
				b.Fatal(err)
			}
			texts[i] = text.Bytes()
		}
		for _, e := range []struct {
			name string
			echo *echo.Echo
		}{{"echo alone", w.plain}, {"reeve", w.echo}} {
			b.Run(fmt.Sprintf("%d rules/%s", 100*tenants, e.name), func(b *testing.B) {
				rec := discard{http.Header{}}
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					e.echo.ServeHTTP(rec, w.requests[i%len(w.requests)])
					i++
				}
			})
			b.Run(fmt.Sprintf("%d rules/%s, read", 100*tenants, e.name), func(b *testing.B) {
				rec, text := discard{http.Header{}}, bytes.NewReader(nil)
				in := bufio.NewReader(text)
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					text.Reset(texts[i%len(texts)])
					in.Reset(text)
					r, err := http.ReadRequest(in)
					if err != nil {
						b.Fatal(err)
					}
					e.echo.ServeHTTP(rec, r)
					i++
				}
			})
		}
	}
}
