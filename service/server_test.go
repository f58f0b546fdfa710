package service_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/service"
)

func newServer(t *testing.T, cfg service.ServerConfig) *service.Server {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	cfg.Logger = quiet()
	s, err := service.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Fifty slow requests are in flight when the group is closed. Each gets its whole answer, nothing new
// is accepted meanwhile, and what they need is closed when they are over.
func TestRequestsInFlightFinishBeforeWhatTheyNeedIsClosed(t *testing.T) {
	var d diary
	release := make(chan struct{})
	s := newServer(t, service.ServerConfig{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		d.add("answer")
		_, _ = io.WriteString(w, "whole")
	})})
	g := newGroup(t, service.Config{Parts: append([]service.Part{d.part("redis")}, s.Parts("redis")...)})
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	url := "http://" + s.Addr()
	answers := make(chan error, 50)
	for range 50 {
		go func() {
			resp, err := http.Get(url)
			if err != nil {
				answers <- err
				return
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if string(text) != "whole" {
				err = errors.Join(err, errors.New("got "+string(text)))
			}
			answers <- err
		}()
	}
	testwait.Until(t, "all are in flight", func() bool { return s.Stats().InFlight == 50 })
	closed := make(chan error, 1)
	go func() { closed <- g.Close() }()
	testwait.Until(t, "nothing is accepted any more", func() bool {
		c, err := net.Dial("tcp", s.Addr())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(release)
	for range 50 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	entries := d.all()
	if len(entries) != 52 || entries[51] != "close redis" {
		t.Errorf("%d entries, the last %v", len(entries), entries[len(entries)-1])
	}
	if st := s.Stats(); st.Served != 50 || st.CutOff != 0 || st.InFlight != 0 {
		t.Errorf("%+v", st)
	}
}

// A request that outlasts the time to drain has its context ended, is counted and named.
func TestRequestsThatOutlastTheDrainAreCutOff(t *testing.T) {
	ended := make(chan struct{})
	s := newServer(t, service.ServerConfig{Drain: 50 * time.Millisecond, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(ended)
	})})
	g := newGroup(t, service.Config{Parts: s.Parts()})
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var sent sync.WaitGroup
	sent.Go(func() {
		if resp, err := http.Get("http://" + s.Addr()); err == nil {
			resp.Body.Close()
			t.Error("a request that was cut off has an answer")
		}
	})
	testwait.Until(t, "it is in flight", func() bool { return s.Stats().InFlight == 1 })
	if err := g.Close(); err == nil || !strings.Contains(err.Error(), `part "requests": close: 1 requests were cut off`) {
		t.Error(err)
	}
	sent.Wait()
	<-ended
	if s.Stats().CutOff != 1 {
		t.Errorf("%+v", s.Stats())
	}
}

// In each state a request is served or refused, and a draining server asks clients to go.
func TestRequestsAreServedByState(t *testing.T) {
	l := &service.Lifecycle{}
	s := newServer(t, service.ServerConfig{Lifecycle: l, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
	ask := func() *http.Response {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Result()
	}
	for _, c := range []struct {
		state  service.State
		status int
		close  bool
	}{
		{service.Stopped, 503, false}, {service.Starting, 503, false}, {service.Degraded, 200, false}, {service.Running, 200, false},
		{service.Paused, 503, false}, {service.Running, 200, false}, {service.Draining, 200, true}, {service.Stopped, 503, false},
	} {
		if l.State() != c.state {
			if err := l.Move(c.state); err != nil {
				t.Fatal(err)
			}
		}
		r := ask()
		if r.StatusCode != c.status || (r.Header.Get("Connection") == "close") != c.close || (r.Header.Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%v: %d %v", c.state, r.StatusCode, r.Header)
		}
	}
}

// A service that an operator has paused is not served again while it is stopped, for as long as
// Config.Wait and the requests in flight may be; nor is one that never came to run.
func TestAPauseHoldsToTheEnd(t *testing.T) {
	for name, moves := range map[string][]service.State{
		"paused":           {service.Starting, service.Running, service.Paused, service.Draining},
		"paused, degraded": {service.Starting, service.Degraded, service.Paused, service.Draining},
		"starting":         {service.Starting, service.Draining},
	} {
		l := &service.Lifecycle{}
		s := newServer(t, service.ServerConfig{Lifecycle: l, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%s: it is served", name) })})
		for _, to := range moves {
			if err := l.Move(to); err != nil {
				t.Fatal(err)
			}
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Connection") != "close" || l.Serves() || s.Stats().Refused != 1 {
			t.Errorf("%s: %d %v, %t", name, w.Code, w.Header(), l.Serves())
		}
	}
}

// An address in use is found at the start.
func TestAListenerThatCannotBindStopsTheStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var d diary
	s := newServer(t, service.ServerConfig{Addr: taken.Addr().String(), Handler: http.NotFoundHandler()})
	g := newGroup(t, service.Config{Parts: append([]service.Part{d.part("redis")}, s.Parts("redis")...)})
	if err := g.Run(context.Background()); err == nil || !strings.HasPrefix(err.Error(), `service: part "listener": open: listen tcp`) {
		t.Error(err)
	}
	if entries := d.all(); entries[len(entries)-1] != "close redis" {
		t.Error(entries)
	}
}

func TestAServerThatCannotWorkIsRefused(t *testing.T) {
	_, err := service.NewServer(service.ServerConfig{Addr: "8080", Drain: -1})
	for _, want := range []string{"Addr: ", "Handler: required", "Drain: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A client that has connected and sends nothing, or a part of a request, is none of those in flight: it
// delays the end for as long as requests may take, and makes no failure of it.
func TestAConnectionWithoutARequestMakesNoFailureOfTheEnd(t *testing.T) {
	s := newServer(t, service.ServerConfig{Drain: 50 * time.Millisecond, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
	g := newGroup(t, service.Config{Parts: s.Parts()})
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "GET / HTTP/1.1\r\nHost"} {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.Get("http://" + s.Addr()) // which is accepted after them
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if s.Stats().CutOff != 0 {
		t.Errorf("%+v", s.Stats())
	}
}
