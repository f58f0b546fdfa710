package authz_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/internal/testwait"
)

// TestAHandlerThatIgnoresItsContextIsCutOff has an upgraded connection that echoes and
// events that are sent for ever, over HTTP/1.1 and HTTP/2. None looks at the context.
func TestAHandlerThatIgnoresItsContextIsCutOff(t *testing.T) {
	s := newStreams(t, authz.StreamGuardConfig{})
	returned := make(chan string, 3)
	s.echo.GET("/socket", func(c echo.Context) error {
		defer func() { returned <- "/socket" }()
		conn, rw, err := c.Response().Hijack()
		if err != nil {
			return err
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		_, _ = io.Copy(conn, rw)
		return nil
	})
	s.echo.GET("/events", func(c echo.Context) error {
		defer func() { returned <- "/events" }()
		for {
			if _, err := io.WriteString(c.Response(), "data: secret\n\n"); err != nil {
				return err
			}
			if err := http.NewResponseController(c.Response()).Flush(); err != nil {
				return err
			}
			time.Sleep(time.Millisecond) // the pace of the events
		}
	}, authz.Stream())
	server := httptest.NewServer(s.echo)
	defer server.Close()
	bearer, of := s.login(acme, alice, "viewer")
	closed := make(chan string, 3)
	for _, target := range []string{"/socket", "/events"} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\nAuthorization: Bearer %s\r\n\r\nhello", target, bearer)
		r := bufio.NewReader(conn)
		if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, " 101 ") && !strings.Contains(line, " 200 ") {
			t.Fatalf("%s answers %q, %v", target, line, err)
		}
		go func() {
			_, _ = io.Copy(io.Discard, r)
			closed <- target
		}()
	}
	second := httptest.NewUnstartedServer(s.echo)
	second.EnableHTTP2 = true
	second.StartTLS()
	defer second.Close()
	r, err := http.NewRequest("GET", second.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	resp, err := second.Client().Do(r)
	if err != nil || resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Fatalf("over HTTP/2: %v, %v", resp, err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		closed <- "/events over HTTP/2"
	}()

	start := time.Now()
	if err := s.manager.Revoke(t.Context(), of.Ref()); err != nil {
		t.Fatal(err)
	}
	for _, what := range []chan string{returned, closed} {
		for range 3 {
			select {
			case <-what:
			case <-time.After(testwait.Limit):
				t.Fatal("a handler goes on that ignores its context")
			}
		}
	}
	t.Logf("cut off %v after the revocation", time.Since(start).Round(time.Millisecond))
}

// TestAHandlerThatReturnsKeepsItsConnection: what is cut off is the request, not the next
// one on its connection.
func TestAHandlerThatReturnsKeepsItsConnection(t *testing.T) {
	s := newStreams(t, authz.StreamGuardConfig{})
	server := httptest.NewServer(s.echo)
	defer server.Close()
	bearer, of := s.login(acme, alice, "viewer")
	get := func(target string, trace *httptrace.ClientTrace) *http.Response {
		r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", server.URL+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if target == "/events" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp
	}
	go func() {
		<-s.opened
		_ = s.manager.Revoke(context.Background(), of.Ref())
	}()
	if resp := get("/events", &httptrace.ClientTrace{}); resp.StatusCode != 401 {
		t.Fatalf("a stream that ended before it began is answered %d", resp.StatusCode)
	}
	for start := time.Now(); time.Since(start) < time.Second; {
		reused := false
		resp := get("/public", &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
		if resp.StatusCode != 200 || !reused {
			t.Fatalf("%v after a stream its connection answers %d, reused %v", time.Since(start), resp.StatusCode, reused)
		}
	}
}
