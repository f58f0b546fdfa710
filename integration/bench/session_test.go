package bench

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

func reeveSessions(b *testing.B, url string) (*session.Manager, session.Session) {
	b.Helper()
	random := session.NewSecretKey([]byte(strings.Repeat("k-", 16)))
	store, err := redisstore.Open(url, redisstore.Config{
		NameKey: random, SealKeys: []session.SecretKey{random}, Timeout: 5 * time.Second,
		Prefix: "bench-" + session.NewID().Fingerprint(),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	m, err := session.NewManager(store, session.Config{Key: random})
	if err != nil {
		b.Fatal(err)
	}
	acme := tenant.MustParse("acme")
	if err := m.SetTenantStatus(b.Context(), acme, tenant.Active); err != nil {
		b.Fatal(err)
	}
	s, _, err := m.Create(b.Context(), session.SignIn{Tenant: acme, User: session.MustParseUserID("alice"), Roles: session.MustRoles("editor")})
	if err != nil {
		b.Fatal(err)
	}
	return m, s
}

func scsSessions(b *testing.B, url string) *scs.SessionManager {
	b.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		b.Fatal(err)
	}
	client := redis.NewClient(options)
	b.Cleanup(func() { client.Close() })
	m := scs.New()
	m.Store = goredisstore.New(client)
	m.IdleTimeout = 30 * time.Minute
	m.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) { log.Print(err) }
	return m
}

// scsClient keeps the cookie of one browser.
type scsClient struct {
	handler http.Handler
	cookie  *http.Cookie
}

func (c *scsClient) do(path string) (int, string) {
	r := httptest.NewRequest("GET", path, nil)
	if c.cookie != nil {
		r.AddCookie(c.cookie)
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		if c.cookie == nil {
			c.cookie = cookie
		}
	}
	body, _ := io.ReadAll(w.Body)
	return w.Code, string(body)
}

// BenchmarkSessionLoad loads a session from Redis as each request does: a GET with an
// idle timeout.
func BenchmarkSessionLoad(b *testing.B) {
	url := redisserver.Shared(b)
	base := 0.0
	b.Run("reeve, from Redis", func(b *testing.B) {
		m, s := reeveSessions(b, url)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Load(b.Context(), s.Ref()); err != nil {
				b.Fatal(err)
			}
		}
		report(b, &base)
	})
	b.Run("scs", func(b *testing.B) {
		m := scsSessions(b, url)
		mux := http.NewServeMux()
		mux.HandleFunc("/login", func(_ http.ResponseWriter, r *http.Request) { m.Put(r.Context(), "user", "alice") })
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, m.GetString(r.Context(), "user")) })
		c := &scsClient{handler: m.LoadAndSave(mux)}
		c.do("/login")
		b.ReportAllocs()
		for b.Loop() {
			if _, body := c.do("/"); body != "alice" {
				b.Fatal(body)
			}
		}
		report(b, &base)
	})
}

// BenchmarkLostUpdates has 50 goroutines change one session at once, each in its own way,
// and reports how many changes are there in the end.
func BenchmarkLostUpdates(b *testing.B) {
	url := redisserver.Shared(b)
	const writers = 50
	b.Run("reeve", func(b *testing.B) {
		m, s := reeveSessions(b, url)
		survivors := 0
		for b.Loop() {
			inParallel(writers, func(i int) {
				for {
					_, err := m.Update(b.Context(), s.Ref(), func(s *session.Session) error {
						values := map[string]any{}
						for name, v := range s.Attributes.All() {
							values[name] = v
						}
						values["w"+strconv.Itoa(i)] = true
						var err error
						s.Attributes, err = session.NewAttributes(values)
						return err
					})
					if err == nil {
						return
					}
				}
			})
			now, err := m.Load(b.Context(), s.Ref())
			if err != nil {
				b.Fatal(err)
			}
			survivors = now.Attributes.Len()
		}
		b.ReportMetric(float64(survivors), "survivors/50")
	})
	b.Run("scs", func(b *testing.B) {
		survivors := 0
		for b.Loop() {
			m := scsSessions(b, url)
			start := make(chan struct{})
			mux := http.NewServeMux()
			mux.HandleFunc("/login", func(_ http.ResponseWriter, r *http.Request) { m.Put(r.Context(), "user", "alice") })
			mux.HandleFunc("/put", func(_ http.ResponseWriter, r *http.Request) {
				<-start
				m.Put(r.Context(), r.URL.RawQuery, true)
			})
			mux.HandleFunc("/count", func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, len(m.Keys(r.Context()))-1)
			})
			c := &scsClient{handler: m.LoadAndSave(mux)}
			c.do("/login")
			time.AfterFunc(50*time.Millisecond, func() { close(start) })
			inParallel(writers, func(i int) {
				(&scsClient{c.handler, c.cookie}).do("/put?w" + strconv.Itoa(i))
			})
			_, body := c.do("/count")
			survivors, _ = strconv.Atoi(body)
		}
		b.ReportMetric(float64(survivors), "survivors/50")
	})
}

// BenchmarkLogoutRace has a request under way while its user signs out, and reports
// whether the session lives afterwards.
func BenchmarkLogoutRace(b *testing.B) {
	url := redisserver.Shared(b)
	b.Run("reeve", func(b *testing.B) {
		revived := 0
		for b.Loop() {
			m, s := reeveSessions(b, url)
			_, _ = m.Update(b.Context(), s.Ref(), func(changed *session.Session) error {
				changed.Roles = session.MustRoles("viewer")
				return m.Revoke(context.WithoutCancel(b.Context()), s.Ref())
			})
			if _, err := m.Load(b.Context(), s.Ref()); err == nil {
				revived++
			}
		}
		b.ReportMetric(float64(revived)/float64(b.N), "revived/op")
	})
	b.Run("scs", func(b *testing.B) {
		revived := 0
		for b.Loop() {
			m := scsSessions(b, url)
			loaded, done := make(chan struct{}), make(chan struct{})
			mux := http.NewServeMux()
			mux.HandleFunc("/login", func(_ http.ResponseWriter, r *http.Request) { m.Put(r.Context(), "user", "alice") })
			mux.HandleFunc("/work", func(_ http.ResponseWriter, r *http.Request) {
				close(loaded)
				<-done
				m.Put(r.Context(), "seen", true)
			})
			mux.HandleFunc("/logout", func(_ http.ResponseWriter, r *http.Request) { _ = m.Destroy(r.Context()) })
			mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, m.GetString(r.Context(), "user")) })
			c := &scsClient{handler: m.LoadAndSave(mux)}
			c.do("/login")
			var wg sync.WaitGroup
			wg.Go(func() { (&scsClient{c.handler, c.cookie}).do("/work") })
			<-loaded
			(&scsClient{c.handler, c.cookie}).do("/logout")
			close(done)
			wg.Wait()
			if _, body := (&scsClient{c.handler, c.cookie}).do("/"); body == "alice" {
				revived++
			}
		}
		b.ReportMetric(float64(revived)/float64(b.N), "revived/op")
	})
}

func inParallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
