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

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
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

// started returns a guard that runs until the test ends.
func started(t *testing.T) *StreamGuard {
	t.Helper()
	w, err := NewStreamGuard(StreamGuardConfig{Sessions: noSessions{}})
	if err == nil {
		err = w.Start(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// follower is the lifetime of a request of a session of one hour with a token of a minute.
func follower(w *StreamGuard, of string) *lifetime {
	caller := &Caller{
		id: session.NewID(), tokenEnds: time.Now().Add(time.Minute).Unix(),
		session: &session.Session{
			Tenant: tenant.MustParse(of), User: session.MustParseUserID("alice"),
			ExpiresAt: time.Now().Add(time.Hour),
		},
		guard: &Guard{streams: w, policy: &policy.Engine{}, authenticator: &middleware.Authenticator{}},
	}
	caller.life.caller = caller
	caller.life.bind(context.Background(), time.Now())
	return &caller.life
}

// TestAClockThatIsSetForwardEndsStreams: timers count time that has passed, as a machine
// that slept has not; tokens expire by the clock on the wall.
func TestAClockThatIsSetForwardEndsStreams(t *testing.T) {
	w := started(t)
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
		w := started(t)
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
		change func(*lifetime, *StreamGuard)
		want   error
	}{
		"the token has expired": {func(l *lifetime, _ *StreamGuard) { l.caller.tokenEnds = time.Now().Add(2 * time.Second).Unix() }, ErrTokenExpired},
		"the guard is closed":   {func(_ *lifetime, w *StreamGuard) { w.Close() }, ErrStreamGuardClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := started(t)
				defer w.Close()
				l, response := follower(w, "acme"), &cutting{}
				var seen []error
				l.caller.answer.ResponseWriter, l.caller.guard.observer = response, func(_ context.Context, e Event) { seen = append(seen, e.Err) }
				row.change(l, w)
				_ = l.Done()
				time.Sleep(streamAfter)
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
