package authz_test

import (
	"context"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

const streamRules = rules + `
p, role:viewer,        *, /events,  GET,  true, allow
p, role:viewer,        *, /socket,  GET,  true, allow
p, role:viewer,        *, /slow,    GET,  true, allow
p, role:anyone,        *, /news,    GET,  true, allow
`

// sessions answers a watch, with a switch for outages.
type sessions struct {
	authz.SessionLister
	calls atomic.Int64
	fail  atomic.Pointer[error]
	hang  atomic.Bool // answers nothing, whatever the context says
	late  func()      // runs between the store's answer and its arrival
}

func (s *sessions) Peek(ctx context.Context, t tenant.ID, u session.UserID, ids []session.ID) ([]session.Session, error) {
	s.calls.Add(1)
	if s.hang.Load() {
		time.Sleep(time.Hour)
	}
	if err := s.fail.Load(); err != nil {
		return nil, *err
	}
	listed, err := s.SessionLister.Peek(ctx, t, u, ids)
	if s.late != nil {
		s.late()
	}
	return listed, err
}

// streams is a fixture with a watch, which is closed when the test ends, and routes that go on
// until their context ends.
type streams struct {
	*fixture
	watch    *authz.StreamGuard
	sessions *sessions
	reload   func(csv string) error // of the policy
	opened   chan struct{}
}

func newStreams(t testing.TB, opts authz.StreamGuardConfig, more ...option) *streams {
	t.Helper()
	return newStreamsOf(t, func(own *sessions) authz.SessionLister { return own }, opts, more...)
}

// newStreamsOf is newStreams with what the watch asks put before its sessions.
func newStreamsOf(t testing.TB, before func(own *sessions) authz.SessionLister, opts authz.StreamGuardConfig, more ...option) *streams {
	t.Helper()
	s := &streams{sessions: &sessions{}, opened: make(chan struct{}, 1)}
	e := engine(t, streamRules)
	s.reload = func(csv string) error { return e.Reload(policyFiles(csv)) }
	var err error
	opts.Sessions = before(s.sessions)
	if s.watch, err = authz.NewStreamGuard(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.watch.Close() })
	s.fixture = newFixture(t, append([]option{func(c *authz.Config) {
		c.Policy, c.Streams, c.Observer = e, s.watch, nil
	}}, more...)...)
	s.sessions.SessionLister = s.manager
	if err := s.watch.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	untilTheEnd := func(c echo.Context) error {
		ctx, cancel := context.WithCancel(c.Request().Context())
		defer cancel()
		s.opened <- struct{}{}
		<-ctx.Done()
		return context.Cause(ctx)
	}
	s.echo.GET("/events", untilTheEnd, authz.Stream())
	s.echo.GET("/news", untilTheEnd, authz.Stream())
	s.echo.GET("/socket", untilTheEnd)
	s.echo.GET("/slow", untilTheEnd)
	return s
}

// stream is a request under way.
type stream struct {
	answer chan *httptest.ResponseRecorder
	ended  time.Time
}

// open sends a request and returns when its handler runs.
func (s *streams) open(target, bearer string, h ...headers) *stream {
	s.t.Helper()
	open := &stream{answer: make(chan *httptest.ResponseRecorder, 1)}
	s.echo.HTTPErrorHandler = func(error, echo.Context) {}
	go func() {
		rec := s.do("GET", target, bearer, h...)
		open.ended = time.Now()
		open.answer <- rec
	}()
	select {
	case <-s.opened:
	case rec := <-open.answer:
		s.t.Fatalf("%s was not opened: %d %s", target, rec.Code, rec.Body)
	}
	return open
}

// alive reports whether the stream goes on after d.
func (o *stream) alive(d time.Duration) bool {
	select {
	case <-o.answer:
		return false
	case <-time.After(d):
		return true
	}
}
