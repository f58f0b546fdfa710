//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
)

var errCut = errors.New("the network is cut")

// cutAfter lets so many writes through, which are sent alone, and then nothing more.
type cutAfter struct{ left atomic.Int64 }

func (c *cutAfter) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *cutAfter) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (c *cutAfter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if len(cmds) == 1 && strings.HasPrefix(cmds[0].Name(), "eval") && c.left.Add(-1) < 0 {
			cmds[0].SetErr(errCut)
			return errCut
		}
		return next(ctx, cmds)
	}
}

// A logout at the provider is several steps. A client that is told that the sign-in is over hears it
// from an instance that has ended its session: a logout that came no further than its first steps had
// the sign-in refused by one instance and its session let in by another.
func TestALogoutThatWasCutShortIsFinishedByWhoeverRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	var hook cutAfter
	hook.left.Store(1 << 30)
	caller := hooked(t, f.server.Addr(), f.opts, &hook)
	first := session.Stranger{Issuer: provider, Name: "first", Tenant: acme, User: alice, IssuedAt: time.Now()}
	if _, err := f.store.Adopt(t.Context(), adoption(first)); err != nil {
		t.Fatal(err)
	}
	if err := f.store.EndSignIn(t.Context(), provider, "first"); err != nil { // so that Redis knows the scripts
		t.Fatal(err)
	}
	short := 0
	for steps, done := 0, false; !done; steps++ {
		stranger := session.Stranger{Issuer: provider, Name: fmt.Sprint(steps), Tenant: acme, User: alice, IssuedAt: time.Now()}
		s, err := f.store.Adopt(t.Context(), adoption(stranger))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := caller.Adopt(t.Context(), adoption(stranger)); err != nil { // which has it hear the time
			t.Fatal(err)
		}
		hook.left.Store(int64(steps))
		err = caller.EndSignIn(t.Context(), stranger.Issuer, stranger.Name)
		hook.left.Store(1 << 30)
		if done = err == nil; !done && !isOutage(err) {
			t.Fatalf("after %d steps: EndSignIn: %v, want an outage", steps, err)
		}
		third := open(t, f.server.URL(), f.opts)
		_, refused := third.Adopt(t.Context(), adoption(stranger))
		_, live := f.store.Load(t.Context(), s.Ref())
		if errors.Is(refused, session.ErrSignedOut) != errors.Is(live, session.ErrNotFound) || done && refused == nil {
			t.Errorf("after %d steps: the sign-in is %v to one instance, and its session %v to another", steps, refused, live)
		}
		if !done && errors.Is(refused, session.ErrSignedOut) {
			short++
		}
		if steps > 10 {
			t.Fatal("the logout is never done")
		}
	}
	if short < 2 {
		t.Errorf("%d logouts were cut short after their first step: this test proves nothing", short)
	}
}

// An end that too few replicas have is an outage, and is made all the same, in every slot.
func TestAnEndThatTooFewReplicasHaveIsMadeAllTheSame(t *testing.T) {
	t.Parallel()
	f := newFixture(t, time.Second)
	alone := f.opts
	alone.WaitReplicas = 1 // and there is none
	caller := open(t, f.server.URL(), alone)
	stranger := session.Stranger{Issuer: provider, Name: "sso", Tenant: acme, User: alice, IssuedAt: time.Now()}
	other := stranger
	other.User = session.MustParseUserID("bob")
	var ended []session.Session
	for _, stranger := range []session.Stranger{stranger, other} {
		s, err := f.store.Adopt(t.Context(), adoption(stranger))
		if err != nil {
			t.Fatal(err)
		}
		ended = append(ended, s)
		if _, err := caller.Load(t.Context(), s.Ref()); err != nil { // which has it hear the time
			t.Fatal(err)
		}
	}
	if err := caller.EndSignIn(t.Context(), provider, "sso"); !isOutage(err) {
		t.Fatalf("EndSignIn: %v, want an outage", err)
	}
	carol := session.Stranger{Issuer: provider, Tenant: acme, User: session.MustParseUserID("carol"), IssuedAt: time.Now()}
	s, err := f.store.Adopt(t.Context(), adoption(carol))
	if err != nil {
		t.Fatal(err)
	}
	ended = append(ended, s)
	if err := caller.RevokePerson(t.Context(), provider, carol.User); !isOutage(err) {
		t.Fatalf("RevokePerson: %v, want an outage", err)
	}
	for _, s := range ended {
		if _, err := f.store.Load(t.Context(), s.Ref()); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("the session of %v after its end: %v", s.User, err)
		}
	}
}
