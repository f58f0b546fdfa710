//go:build unix

package service_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
)

const comment = `{"body":"a word"}`

// slow is a request whose body has not arrived yet, so that its handler waits.
type slow struct{ conn net.Conn }

func (i *instance) slow(token string) slow {
	i.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(i.api, "http://"))
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, "POST /tasks/task-1001/comments HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		token, len(comment), comment[:5]); err != nil {
		i.t.Fatal(err)
	}
	return slow{conn}
}

// finish sends the rest and returns the first line of the answer.
func (s slow) finish() (string, error) {
	if _, err := io.WriteString(s.conn, comment[5:]); err != nil {
		return "", err
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(testwait.Limit)); err != nil {
		return "", err
	}
	text, err := io.ReadAll(s.conn) // to the end of the connection, which the service closes
	line, _, _ := strings.Cut(string(text), "\r\n")
	return line, err
}

// Fifty slow requests are in flight when SIGTERM comes. Each is answered, nothing more is accepted, the
// parts are closed in the order that the README lists, and the process exits with 0.
func TestNoRequestInFlightIsDroppedBySIGTERM(t *testing.T) {
	t.Parallel()
	i := start(t).ready()
	token := i.login("gus")
	var requests []slow
	for range 50 {
		requests = append(requests, i.slow(token))
	}
	testwait.Until(t, "all are in flight", func() bool { return strings.Contains(i.text("/metrics"), "tracker_requests_in_flight 50\n") })
	i.signal(syscall.SIGTERM)
	testwait.Until(t, "nothing is accepted any more", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(i.api, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if code := i.probe("/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz of a draining service: %d", code)
	}
	if code := i.probe("/livez"); code != http.StatusOK {
		t.Errorf("/livez of a draining service: %d", code)
	}
	for n, r := range requests {
		if line, err := r.finish(); err != nil || line != "HTTP/1.1 201 Created" {
			t.Fatalf("request %d: %q %v", n, line, err)
		}
	}
	if code := <-i.ended; code != 0 {
		t.Errorf("exit %d", code)
	}
	const want = "listener, requests, jobs, health, policy, issuers, audit, database, instances, redis, telemetry listener, telemetry requests, traces"
	if got := i.closed(); got != want {
		t.Errorf("closed %s\nwant   %s\n%s", got, want, i.out)
	}
}

// An operator who cannot wait sends a second signal: the process is gone at once, whatever is in flight.
func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	t.Parallel()
	for sig, code := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130} {
		i := start(t, "http.drain=1h").ready()
		i.slow(i.login("gus"))
		testwait.Until(t, "it is in flight", func() bool { return strings.Contains(i.text("/metrics"), "tracker_requests_in_flight 1\n") })
		i.signal(sig)
		testwait.Until(t, "it drains", func() bool { return strings.Contains(i.out.String(), `service: closed" part=listener`) })
		i.signal(sig)
		if got := <-i.ended; got != code {
			t.Errorf("%v: exit %d, want %d\n%s", sig, got, code, i.out)
		}
	}
}

// A listener that cannot bind is a failure of the start: exit 1, and everything that was open is closed.
func TestAListenerThatCannotBindExits(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	i := startAt(t, taken.Addr().String(), freeAddr(t))
	if code := <-i.ended; code != 1 || !strings.Contains(i.out.String(), `part "listener": open: listen tcp`) || !strings.HasSuffix(i.closed(), "redis, telemetry listener, telemetry requests, traces") {
		t.Errorf("exit %d\n%s", code, i.out)
	}
}
