package authz_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// hangingTenant is a watch's view of sessions in which those of one tenant take their time.
type hangingTenant struct {
	*sessions
	slow   tenant.ID
	mu     sync.Mutex
	peeked map[string]int // how many ids were asked for, at most, by tenant
}

func (h *hangingTenant) Peek(ctx context.Context, t tenant.ID, u session.UserID, ids []session.ID) ([]session.Session, error) {
	h.mu.Lock()
	h.peeked[t.String()] = max(h.peeked[t.String()], len(ids))
	h.mu.Unlock()
	if t == h.slow {
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return h.sessions.Peek(ctx, t, u, ids)
}

// TestStreamsOfOneTenantDelayNoOtherTenants: acme's hundred streams need far more checks than
// there are workers; a revocation in globex is found as soon as ever. A check asks about the
// sessions that have streams, and about no other of their user.
func TestStreamsOfOneTenantDelayNoOtherTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hangingTenant{slow: acme, peeked: map[string]int{}}
		s := newStreamsOf(t, func(own *sessions) authz.SessionLister { h.sessions = own; return h }, authz.StreamGuardConfig{Concurrency: 4})
		for range 20 {
			s.login(globex, alice, "viewer") // elsewhere, and without a stream
		}
		for i := range 100 {
			bearer, _ := s.login(acme, session.MustParseUserID(fmt.Sprint("user-", i)), "viewer")
			s.open("/events", bearer)
		}
		bearer, of := s.login(globex, alice, "viewer")
		quiet := s.open("/events", bearer)
		if !quiet.alive(3 * time.Second) {
			t.Fatal("the stream of the other tenant ended")
		}
		if err := s.manager.Revoke(t.Context(), of.Ref()); err != nil {
			t.Fatal(err)
		}
		if quiet.alive(400*time.Millisecond + 350*time.Millisecond) {
			t.Error("a revocation is found late, behind the checks of another tenant")
		}
		_ = s.watch.Close()
		if h.peeked["globex"] != 1 {
			t.Errorf("a check of one stream asked about %d sessions", h.peeked["globex"])
		}
	})
}
