//go:build unix

package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// TestOpenStreamsEndWithWhatLetThemIn opens sockets, half of them server-sent events and
// half upgraded connections, four for each session, and ends their sessions in every way.
func TestOpenStreamsEndWithWhatLetThemIn(t *testing.T) {
	ctx := context.Background()
	limit := 5 * time.Second // the promise is one; the machine may be busy with other tests
	if testneed.Soak() {
		limit = time.Second
	}
	for _, tt := range []struct {
		name    string
		sockets int // 1000 in the long proof
		bound   time.Duration
		spares  bool // whether other tenants' streams go on
		end     func(*service, *redisserver.Server, []session.Session) error
		repair  func(*redisserver.Server)
	}{
		{"the tenant is revoked", 1000, 0, true, func(s *service, _ *redisserver.Server, _ []session.Session) error {
			return s.manager.RevokeTenant(ctx, acme)
		}, nil},
		{"the tenant is suspended", 200, 0, true, func(s *service, _ *redisserver.Server, _ []session.Session) error {
			return s.manager.SetTenantStatus(ctx, acme, tenant.Suspended)
		}, nil},
		{"every user signs out", 200, 0, true, func(s *service, _ *redisserver.Server, all []session.Session) error {
			for _, one := range all {
				if err := s.manager.Revoke(ctx, one.Ref()); err != nil {
					return err
				}
			}
			return nil
		}, nil},
		{"Redis is gone for longer than the grace", 200, 2 * time.Second, false, func(_ *service, r *redisserver.Server, _ []session.Session) error {
			r.Kill()
			return nil
		}, (*redisserver.Server).Restart},
		{"Redis hangs for longer than the grace", 200, 2 * time.Second, false, func(_ *service, r *redisserver.Server, _ []session.Session) error {
			r.Freeze()
			return nil
		}, (*redisserver.Server).Thaw},
		{"the service shuts down", 200, 0, false, func(s *service, _ *redisserver.Server, _ []session.Session) error {
			return s.watch.Close()
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if testneed.Soak() {
				tt.sockets = 1000
			}
			redis := redisserver.Start(t)
			s := newService(t, redis.URL(), time.Hour, authz.StreamGuardConfig{Grace: 2 * time.Second}, nil)
			for _, id := range []tenant.ID{acme, globex} {
				if err := s.manager.SetTenantStatus(ctx, id, tenant.Active); err != nil {
					t.Fatal(err)
				}
			}
			before := runtime.NumGoroutine()
			var all []session.Session
			var open, others crowd
			for i := range tt.sockets / 4 {
				one := s.login(acme, fmt.Sprintf("user-%d", i))
				all = append(all, one)
				bearer := s.sign(one)
				for range 2 {
					open.add(s.dial("/events", bearer, "200"))
					open.add(s.dial("/socket", bearer, "101"))
				}
			}
			bearer := s.sign(s.login(globex, "carol"))
			others.add(s.dial("/socket", bearer, "101"))
			if n := s.watch.Stats().Streams; n != len(open.clients)+1 {
				t.Fatalf("%d streams are watched, %d are open", n, len(open.clients)+1)
			}

			start := time.Now()
			if err := tt.end(s, redis, all); err != nil {
				t.Fatal(err)
			}
			took := open.wait(t, start)
			t.Logf("%d sockets of %d sessions: the first closed %v after, the last %v", len(open.clients), len(all),
				open.clients[0].ended.Sub(start).Round(time.Millisecond), took.Round(time.Millisecond))
			if took > tt.bound+limit {
				t.Errorf("the last closed after %v, the bound is %v", took, tt.bound+limit)
			}
			told := 0
			for _, one := range open.clients {
				if bytes.HasSuffix(one.last, []byte{0x88, 2, 1008 >> 8, 1008 & 0xff}) {
					told++
				}
			}
			if told != len(open.clients)/2 {
				t.Errorf("%d of %d upgraded connections were told why", told, len(open.clients)/2)
			}
			// A client sees its socket close an instant before the service has forgotten it.
			if tt.spares {
				testwait.Until(t, "the stream of the other tenant is the one that is left", func() bool { return s.watch.Stats().Streams == 1 })
			}
			if tt.repair != nil {
				tt.repair(redis) // or its client goes on trying
			}
			others.clients[0].conn.Close()
			others.wait(t, start)
			testwait.Until(t, "no goroutine and no stream is left", func() bool { return runtime.NumGoroutine() <= before && s.watch.Stats().Streams == 0 })
		})
	}
}

// TestOpenStreamsEndWhenTheirTokenExpires opens each socket with a token of two seconds.
func TestOpenStreamsEndWhenTheirTokenExpires(t *testing.T) {
	sockets := 100
	late := 5 * time.Second
	if testneed.Soak() {
		sockets, late = 1000, time.Second
	}
	s := newService(t, redisserver.Shared(t), 2*time.Second, authz.StreamGuardConfig{}, nil)
	if err := s.manager.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	one := s.login(acme, "alice")
	var open crowd
	expires := map[*peer]time.Time{}
	for i := range sockets {
		// exp is in whole seconds: at least one is left to connect in.
		expiry := time.Now().Truncate(time.Second).Add(2 * time.Second)
		path, status := "/events", "200"
		if i%2 == 1 {
			path, status = "/socket", "101"
		}
		c, r := s.dial(path, s.sign(one), status)
		open.add(c, r)
		expires[c] = expiry
	}
	open.wait(t, time.Now())
	var worst time.Duration
	for c, expiry := range expires {
		worst = max(worst, c.ended.Sub(expiry))
		if early := expiry.Sub(c.ended); early > 1100*time.Millisecond {
			t.Errorf("a stream ended %v before its token", early)
		}
	}
	t.Logf("%d sockets: the last closed %v after its token expired", sockets, worst.Round(time.Millisecond))
	if worst > late {
		t.Errorf("a stream outlived its token by %v", worst)
	}
}

// TestARestartOfRedisEndsNoStream: within the grace nobody is put out.
func TestARestartOfRedisEndsNoStream(t *testing.T) {
	redis := redisserver.Start(t)
	s := newService(t, redis.URL(), time.Hour, authz.StreamGuardConfig{Grace: 30 * time.Second}, nil)
	if err := s.manager.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	one := s.login(acme, "alice")
	var open crowd
	for range 20 {
		open.add(s.dial("/socket", s.sign(one), "101"))
	}
	redis.Kill()
	redis.Restart()
	eventually(t, "the session is loaded again", func() error { _, err := s.manager.Load(t.Context(), one.Ref()); return err })
	if n := s.watch.Stats().Streams; n != 20 {
		t.Errorf("%d of 20 streams are left after a restart of Redis", n)
	}
	start := time.Now()
	if err := s.manager.Revoke(t.Context(), one.Ref()); err != nil {
		t.Fatal(err)
	}
	t.Logf("after the restart a revocation closes the last stream in %v", open.wait(t, start).Round(time.Millisecond))
}
