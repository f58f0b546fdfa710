package service_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/service"
)

// upgraded opens a connection that the handler takes over.
func upgraded(t *testing.T, s *service.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "101") {
		t.Fatal(line, err)
	}
	return conn
}

// hijack takes a connection over, and says so.
func hijack(t *testing.T, w http.ResponseWriter) net.Conn {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return nil
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
	return conn
}

// A connection that a handler has taken over ends before the parts it needs: its context ends when the other
// requests are over, and the handler has the rest of the time to drain.
func TestAConnectionThatWasTakenOverEndsBeforeWhatItNeeds(t *testing.T) {
	var d diary
	s := newServer(t, service.ServerConfig{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := hijack(t, w)
		defer conn.Close()
		<-r.Context().Done()
		time.Sleep(20 * time.Millisecond) // the last words
		d.add("goodbye")
	})})
	g := newGroup(t, service.Config{Parts: append([]service.Part{d.part("redis")}, s.Parts("redis")...)})
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	upgraded(t, s)
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if got := strings.Join(d.all(), ", "); got != "open redis, goodbye, close redis" {
		t.Error(got)
	}
	if st := s.Stats(); st.InFlight != 0 || st.CutOff != 0 {
		t.Errorf("%+v", st)
	}
}

// A handler that only listens to its connection does not hear of its context. When the time to drain is over
// the connection is cut off, and the handler ends before what it needs.
func TestAConnectionThatWasTakenOverIsCutOff(t *testing.T) {
	var d diary
	s := newServer(t, service.ServerConfig{Drain: 50 * time.Millisecond, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn := hijack(t, w)
		_, _ = io.Copy(io.Discard, conn)
		d.add("cut off")
	})})
	g := newGroup(t, service.Config{Parts: append([]service.Part{d.part("redis")}, s.Parts("redis")...)})
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := upgraded(t, s)
	if err := g.Close(); err == nil || !strings.Contains(err.Error(), "1 requests were cut off") {
		t.Error(err)
	}
	if got := strings.Join(d.all(), ", "); got != "open redis, cut off, close redis" {
		t.Error(got)
	}
	_ = conn.SetReadDeadline(time.Now().Add(testwait.Limit))
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
	if st := s.Stats(); st.CutOff != 1 {
		t.Errorf("%+v", st)
	}
}

// A connection that ends by itself is forgotten, and holds up nothing.
func TestAConnectionThatHasEndedHoldsUpNothing(t *testing.T) {
	s := newServer(t, service.ServerConfig{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn := hijack(t, w)
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
	})})
	g := newGroup(t, service.Config{Parts: s.Parts()})
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	upgraded(t, s).Close()
	testwait.Until(t, "it has ended", func() bool { return s.Stats().InFlight == 0 })
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// Requests that are cut off have ended before what they need is closed, where their handlers heed their
// context.
func TestRequestsThatAreCutOffEndBeforeWhatTheyNeed(t *testing.T) {
	var d diary
	s := newServer(t, service.ServerConfig{Drain: 20 * time.Millisecond, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		time.Sleep(20 * time.Millisecond)
		d.add("rolled back")
	})})
	g := newGroup(t, service.Config{Parts: append([]service.Part{d.part("redis")}, s.Parts("redis")...)})
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr(), http.NoBody)
		if resp, err := http.DefaultClient.Do(r); err == nil {
			resp.Body.Close()
		}
	}()
	testwait.Until(t, "it is in flight", func() bool { return s.Stats().InFlight == 1 })
	if err := g.Close(); err == nil || !strings.Contains(err.Error(), "1 requests were cut off") {
		t.Error(err)
	}
	if got := strings.Join(d.all(), ", "); got != "open redis, rolled back, close redis" {
		t.Error(got)
	}
}
