//go:build unix

package integration_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

const streamPolicy = `
p, role:authenticated, *, /events, GET, true, allow
p, role:authenticated, *, /socket, GET, true, allow
p, role:authenticated, *, /me,     GET, true, allow
`

// service is a service of its own with its sessions in Redis: two routes that stream, one
// that does not.
type service struct {
	tb      testing.TB
	server  *httptest.Server
	addr    string
	manager *session.Manager
	signer  *token.Signer
	watch   *authz.StreamGuard
}

func newService(tb testing.TB, url string, lifetime time.Duration, watch authz.StreamGuardConfig, change func(*authz.Config)) *service {
	tb.Helper()
	opts := storeOptions()
	opts.Timeout = 500 * time.Millisecond
	manager := must(session.NewManager(open(tb, url, opts), session.Config{Key: secretKey(3)}))(tb)
	return newServiceOn(tb, manager, lifetime, watch, change)
}

func newServiceOn(tb testing.TB, manager *session.Manager, lifetime time.Duration, watch authz.StreamGuardConfig, change func(*authz.Config)) *service {
	tb.Helper()
	s := &service{tb: tb, manager: manager}
	watch.Sessions = s.manager
	s.watch = must(authz.NewStreamGuard(watch))(tb)
	if err := s.watch.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		tb.Fatal(err)
	}
	s.signer = must(token.NewSigner(token.SignerConfig{
		Issuer: "https://issuer.test", Audience: "api", KeyID: "k1", Algorithm: token.EdDSA, Key: session.NewPrivateKey(key), Lifetime: lifetime,
	}))(tb)
	cfg := authz.Config{
		Tokens: must(token.NewVerifier(s.signer.Issuer()))(tb), Sessions: s.manager, Streams: s.watch,
		Policy: engineOf(tb, streamPolicy), Timeout: 2 * time.Second, // a busy machine is not what is tested
	}
	if change != nil {
		change(&cfg)
	}
	e := echo.New()
	e.Use(authz.Middleware(cfg))
	e.GET("/events", events, authz.Stream())
	e.GET("/socket", socket)
	e.GET("/me", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	s.server = httptest.NewServer(e)
	s.addr = s.server.Listener.Addr().String()
	tb.Cleanup(func() {
		s.watch.Close()
		s.server.Close()
	})
	return s
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// events is a handler of server-sent events.
func events(c echo.Context) error {
	w := c.Response()
	w.Header().Set("Content-Type", "text/event-stream")
	if _, err := io.WriteString(w, "data: hello\n\n"); err != nil {
		return err
	}
	w.Flush()
	<-c.Request().Context().Done()
	return nil
}

// socket is a handler of WebSockets as RFC 6455 has them, as far as to close one for
// policy (§7.4.1: 1008) when its context ends.
func socket(c echo.Context) error {
	accept := sha1.Sum([]byte(c.Request().Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	conn, _, err := c.Response().Hijack()
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(accept[:])); err != nil {
		return err
	}
	stop := context.AfterFunc(c.Request().Context(), func() {
		_, _ = conn.Write([]byte{0x88, 2, 1008 >> 8, 1008 & 0xff})
		conn.Close()
	})
	defer stop()
	_, _ = io.Copy(io.Discard, conn) // until the client or the context ends it
	return nil
}

// login signs a user of a tenant in.
func (s *service) login(t tenant.ID, user string) session.Session {
	s.tb.Helper()
	var created session.Session
	eventually(s.tb, user+" signs in", func() (err error) {
		created, _, err = s.manager.Create(context.Background(), session.SignIn{Tenant: t, User: session.MustParseUserID(user)})
		return err
	})
	return created
}

func (s *service) sign(of session.Session) string {
	s.tb.Helper()
	signed, err := s.signer.Sign(of)
	if err != nil {
		s.tb.Fatal(err)
	}
	return signed.Reveal()
}

// peer is the other end of an open stream.
type peer struct {
	conn  net.Conn
	ended time.Time
	last  []byte // what came before the end
}

// dial opens a stream; its answer must begin with status.
func (s *service) dial(path, bearer, status string) (*peer, *bufio.Reader) {
	s.tb.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.tb.Fatal(err)
	}
	upgrade := "Connection: close\r\n" // so that the end of the answer is the end of the connection
	if path == "/socket" {
		upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n%s\r\n", path, bearer, upgrade); err != nil {
		s.tb.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(testwait.Limit))
	r := bufio.NewReaderSize(conn, 512)
	line, err := r.ReadString('\n')
	if err != nil || !strings.Contains(line, " "+status+" ") {
		s.tb.Fatalf("%s answers %q, %v, want %s", path, line, err, status)
	}
	for end := "\r\n"; ; {
		if line, err = r.ReadString('\n'); err != nil {
			s.tb.Fatal(err)
		}
		if line == end {
			break
		}
	}
	_ = conn.SetReadDeadline(time.Time{})
	return &peer{conn: conn}, r
}

// crowd is many open streams.
type crowd struct {
	clients []*peer
	closed  sync.WaitGroup
}

func (c *crowd) add(one *peer, r *bufio.Reader) {
	c.clients = append(c.clients, one)
	c.closed.Go(func() {
		defer one.conn.Close()
		one.last, _ = io.ReadAll(io.LimitReader(r, 1<<16))
		one.ended = time.Now()
	})
}

// wait returns when all are closed, and how long after start the last one was.
func (c *crowd) wait(tb testing.TB, start time.Time) time.Duration {
	tb.Helper()
	done := make(chan struct{})
	go func() { c.closed.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(testwait.Limit):
		tb.Error("streams are still open")
		for _, one := range c.clients {
			one.conn.Close()
		}
		<-done
	}
	slices.SortFunc(c.clients, func(a, b *peer) int { return a.ended.Compare(b.ended) })
	return c.clients[len(c.clients)-1].ended.Sub(start)
}
