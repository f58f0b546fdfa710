//go:build unix

package integration_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
)

// afterSignIn does something once after what is stored of a sign-in at a provider was read, which
// is five calls.
type afterSignIn struct{ do atomic.Pointer[func()] }

func (a *afterSignIn) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (a *afterSignIn) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (a *afterSignIn) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if len(cmds) == 5 {
			if do := a.do.Swap(nil); do != nil {
				(*do)()
			}
		}
		return err
	}
}

// A sign-in whose session moves to a new id while another instance adopts it is that session's still:
// the move is no end of it, now or later.
func TestASignInWhoseSessionMovesMeanwhileIsNotSignedOut(t *testing.T) {
	t.Parallel()
	for kind, stranger := range kinds {
		for _, grace := range []time.Duration{0, time.Second} {
			t.Run(kind, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, 5*time.Second)
				var hook afterSignIn
				slow := hooked(t, f.server.Addr(), f.opts, &hook)
				stranger := stranger
				stranger.IssuedAt = time.Now()
				s, err := f.store.Adopt(t.Context(), adoption(stranger))
				if err != nil {
					t.Fatal(err)
				}
				next, ran := s, false
				next.ID = session.NewID()
				move := func() {
					ran = true
					if grace > 0 {
						next, err = f.store.RotateWithGrace(t.Context(), s.Ref(), next, digest("first"), grace)
					} else {
						next, err = f.store.Rotate(t.Context(), s.Ref(), next, digest("first"))
					}
					if err != nil {
						t.Error(err)
					}
				}
				hook.do.Store(&move)
				for range 2 {
					got, err := slow.Adopt(t.Context(), adoption(stranger))
					if err != nil || got.ID != next.ID {
						t.Errorf("the sign-in has %v, %v; want the session that moved", got.ID, err)
					}
				}
				if !ran {
					t.Error("nothing moved: this test proves nothing")
				}
				if _, err := f.store.Load(t.Context(), next.Ref()); err != nil {
					t.Errorf("the session that moved: %v", err)
				}
				// A session that has ended is told from one that has moved.
				if err := f.store.Revoke(t.Context(), next.Ref()); err != nil {
					t.Fatal(err)
				}
				if got, err := slow.Adopt(t.Context(), adoption(stranger)); !errors.Is(err, session.ErrSignedOut) {
					t.Errorf("after its end the sign-in has %v, %v", got.ID, err)
				}
			})
		}
	}
}
