package authz_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/internal/testwait"
)

// sockets is a service whose route /socket takes connections over and gives them to serve.
type sockets struct {
	*streams
	server *httptest.Server
}

func newSockets(t *testing.T, secure bool, serve func(c echo.Context, conn net.Conn, r io.Reader) error) *sockets {
	s := &sockets{streams: newStreams(t, authz.StreamGuardConfig{})}
	t.Cleanup(func() { _ = s.watch.Close() })
	take := func(c echo.Context) error {
		conn, rw, err := c.Response().Hijack()
		if err != nil {
			return err
		}
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		return serve(c, conn, rw)
	}
	s.echo.GET("/socket", take)
	s.echo.GET("/events", take, authz.Stream())
	s.server = httptest.NewUnstartedServer(s.echo)
	if secure {
		s.server.StartTLS()
	} else {
		s.server.Start()
	}
	t.Cleanup(s.server.Close)
	return s
}

func (s *sockets) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.server.Certificate())
	return pool
}

// dial opens a socket and shows that it works.
func (s *sockets) dial(bearer string) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	return s.open("/socket", "Connection: Upgrade\r\nUpgrade: echo\r\n", bearer)
}

func (s *sockets) open(target, headers, bearer string) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.server.Listener.Addr().String())
	if err == nil && s.server.TLS != nil {
		conn = tls.Client(conn, &tls.Config{RootCAs: s.roots(), ServerName: "example.com"})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\n%sAuthorization: Bearer %s\r\n\r\n", target, headers, bearer)
	r := bufio.NewReader(conn)
	for line := "?"; strings.TrimSpace(line) != ""; {
		if line, err = r.ReadString('\n'); err != nil {
			s.t.Fatalf("no handshake: %v", err)
		}
	}
	return conn, r
}

// forgotten waits until nothing is watched any more.
func (s *sockets) forgotten() {
	s.t.Helper()
	testwait.Until(s.t, "no stream is watched whose connection is closed", func() bool { return s.watch.Stats().Streams == 0 })
}

// echoing answers each line with itself and, as servers of WebSockets do, sets deadlines of
// its own for every one.
func echoing(conn net.Conn, r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		_ = conn.SetWriteDeadline(time.Now().Add(time.Minute))
		if _, err := io.WriteString(conn, line); err != nil {
			return
		}
	}
}

// TestATakenOverConnectionEndsWithItsSession whatever became of its handler: many start
// goroutines for a connection and return, and all that serve WebSockets set deadlines.
func TestATakenOverConnectionEndsWithItsSession(t *testing.T) {
	for name, serve := range map[string]func(c echo.Context, conn net.Conn, r io.Reader) error{
		"the handler stays and ignores its context": func(_ echo.Context, conn net.Conn, r io.Reader) error {
			defer conn.Close()
			echoing(conn, r)
			return nil
		},
		"the handler has left it to others": func(_ echo.Context, conn net.Conn, r io.Reader) error {
			go func() {
				defer conn.Close()
				echoing(conn, r)
			}()
			return nil
		},
		"nobody reads": func(echo.Context, net.Conn, io.Reader) error { return nil },
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", TLS ", secure), func(t *testing.T) {
				s := newSockets(t, secure, serve)
				bearer, of := s.login(acme, alice, "viewer")
				conn, r := s.dial(bearer)
				done := make(chan struct{})
				go func() { // the client keeps talking, so that deadlines move
					defer close(done)
					for {
						if _, err := io.WriteString(conn, "hello\n"); err != nil {
							return
						}
						if name == "nobody reads" {
							_, _ = r.ReadString('\n') // until the other side closes
							return
						}
						if line, err := r.ReadString('\n'); err != nil || line != "hello\n" {
							return
						}
						time.Sleep(time.Millisecond) // the pace of the client
					}
				}()
				if n := s.watch.Stats().Streams; n != 1 {
					t.Fatalf("%d streams are watched", n)
				}
				start := time.Now()
				if err := s.manager.Revoke(t.Context(), of.Ref()); err != nil {
					t.Fatal(err)
				}
				<-done
				took := time.Since(start)
				if took > 15*time.Second { // the client's deadline
					t.Fatalf("the connection outlives its session for %v", took)
				}
				t.Logf("closed %v after the revocation", took.Round(time.Millisecond))
				s.forgotten()
			})
		}
	}
}

// TestATakenOverConnectionThatIsClosedIsForgotten: what closes by itself leaves the watch,
// however long its session lives.
func TestATakenOverConnectionThatIsClosedIsForgotten(t *testing.T) {
	s := newSockets(t, false, func(_ echo.Context, conn net.Conn, r io.Reader) error {
		go func() {
			defer conn.Close()
			echoing(conn, r)
		}()
		return nil
	})
	bearer, _ := s.login(acme, alice, "viewer")
	var open []net.Conn
	for range 10 {
		conn, _ := s.dial(bearer)
		open = append(open, conn)
	}
	if n := s.watch.Stats().Streams; n != 10 {
		t.Fatalf("%d streams are watched", n)
	}
	for _, conn := range open {
		_ = conn.Close()
	}
	s.forgotten()
}

// TestATakenOverConnectionEndsOneDirectionAlone, as a proxy of WebSockets asks it to.
func TestATakenOverConnectionEndsOneDirectionAlone(t *testing.T) {
	for _, secure := range []bool{false, true} {
		heard := make(chan string, 1)
		s := newSockets(t, secure, func(_ echo.Context, conn net.Conn, r io.Reader) error {
			defer conn.Close()
			if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Error(err)
			}
			line, _ := bufio.NewReader(r).ReadString('\n')
			heard <- line
			return nil
		})
		bearer, _ := s.login(acme, alice, "viewer")
		conn, r := s.dial(bearer)
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("TLS %v: the other direction is open: %v", secure, err)
		}
		if _, err := io.WriteString(conn, "still here\n"); err != nil {
			t.Error(err)
		}
		if line := <-heard; line != "still here\n" {
			t.Errorf("TLS %v: the server hears %q", secure, line)
		}
	}
}

// TestADeclaredStreamIsWatchedWhoeverTakesItOver: it asks for no upgrade, and its handler
// takes the connection over all the same, and returns.
func TestADeclaredStreamIsWatchedWhoeverTakesItOver(t *testing.T) {
	s := newSockets(t, false, func(echo.Context, net.Conn, io.Reader) error { return nil })
	bearer, of := s.login(acme, alice, "viewer")
	_, r := s.open("/events", "", bearer)
	if n := s.watch.Stats().Streams; n != 1 {
		t.Fatalf("%d streams are watched", n)
	}
	if err := s.manager.Revoke(t.Context(), of.Ref()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("the connection is open: %v", err)
	}
	s.forgotten()
}
