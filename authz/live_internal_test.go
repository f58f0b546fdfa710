package authz

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

type noSessions struct{}

func (noSessions) Peek(ctx context.Context, _ tenant.ID, _ session.UserID, _ []session.ID) ([]session.Session, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (noSessions) TenantStatus(context.Context, tenant.ID) (tenant.Status, error) {
	return tenant.Unknown, nil
}

// follower is the lifetime of a request of a session of one hour with a token of a minute.
func follower(w *Watch, of string) *lifetime {
	caller := &Caller{
		session: session.Session{
			ID: session.NewID(), Tenant: tenant.MustParse(of), User: session.MustParseUserID("alice"),
			ExpiresAt: time.Now().Add(time.Hour),
		},
		gate: &gate{watch: w},
	}
	caller.bind(context.Background())
	caller.life.token = time.Now().Add(time.Minute)
	return &caller.life
}

// TestAClockThatIsSetForwardEndsStreams: timers count time that has passed, as a machine
// that slept has not; tokens expire by the clock on the wall.
func TestAClockThatIsSetForwardEndsStreams(t *testing.T) {
	w, err := NewWatch(noSessions{}, WatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	l := follower(w, "acme")
	if err := l.follow(); err != nil {
		t.Fatal(err)
	}
	w.sweep(time.Now())
	if l.Err() != nil {
		t.Fatal("the stream ended early")
	}
	w.sweep(time.Now().Add(2 * time.Minute))
	if cause := context.Cause(l); !errors.Is(cause, ErrTokenExpired) {
		t.Errorf("the cause is %v", cause)
	}
}

// TestAWatchForgetsWhoIsGone opens and closes streams of many users and tenants.
func TestAWatchForgetsWhoIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := NewWatch(noSessions{}, WatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for i := range 100 {
			l := follower(w, fmt.Sprintf("t%d", i))
			if err := l.follow(); err != nil {
				t.Fatal(err)
			}
			l.finish()
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.users) != 0 || len(w.tenants) != 0 || len(w.queue) != 0 || w.streams != 0 {
			t.Errorf("%d users, %d tenants, %d in the queue, %d streams are kept", len(w.users), len(w.tenants), len(w.queue), w.streams)
		}
	})
}

// open is a writer whose connection can be taken over.
type open struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (o open) Hijack() (net.Conn, *bufio.ReadWriter, error) { return o.conn, nil, nil }

// TestAConnectionIsNotTakenOverOnceItIsCutOff: a server lifts the deadlines from one that is
// taken over, and so what has cut it off.
func TestAConnectionIsNotTakenOverOnceItIsCutOff(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	l := follower(nil, "acme")
	w := &upgradable{open{httptest.NewRecorder(), here}, l}
	if err := l.follow(); err != nil {
		t.Fatal(err)
	}
	l.end(ErrSessionRevoked)
	l.cut()
	if _, _, err := w.Hijack(); !errors.Is(err, ErrSessionRevoked) {
		t.Errorf("got %v", err)
	}
	if _, err := there.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection is open: %v", err)
	}
}

// cutting is a writer that notes being cut off.
type cutting struct {
	*httptest.ResponseRecorder
	read, written time.Time
}

func (c *cutting) SetReadDeadline(t time.Time) error { c.read = t; return nil }

func (c *cutting) SetWriteDeadline(t time.Time) error { c.written = t; return nil }

// TestALongRequestIsCutOffWhoseTokenIsOverWhenItSettles: it began in time, looked at its
// context once, and goes on.
func TestALongRequestIsCutOffWhoseTokenIsOverWhenItSettles(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*lifetime, *Watch)
		want   error
	}{
		"the token has expired": {func(l *lifetime, _ *Watch) { l.token = time.Now().Add(2 * time.Second) }, ErrTokenExpired},
		"the watch is closed":   {func(_ *lifetime, w *Watch) { w.Close() }, ErrWatchClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, err := NewWatch(noSessions{}, WatchOptions{})
				if err != nil {
					t.Fatal(err)
				}
				defer w.Close()
				l, response := follower(w, "acme"), &cutting{}
				var seen []error
				l.writer, l.caller.gate.observer = response, func(_ context.Context, e Event) { seen = append(seen, e.Err) }
				row.change(l, w)
				_ = l.Done()
				time.Sleep(settleTime)
				synctest.Wait()
				if cause := context.Cause(l); !errors.Is(cause, row.want) || len(seen) != 1 || !errors.Is(seen[0], row.want) {
					t.Errorf("ended for %v, and told %v", cause, seen)
				}
				time.Sleep(cutTime)
				synctest.Wait()
				if response.read.IsZero() || response.written.IsZero() {
					t.Error("it goes on")
				}
			})
		})
	}
}
