//go:build unix

package integration_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
)

// A revocation of an id that another instance has rotated ends that id, and not the sign-in,
// whose session lives on under its new one. It counted as the sign-in's end on this instance.
func TestTheEndOfARotatedIDIsNotThatOfItsSignIn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	there := open(t, f.server.URL(), f.opts)
	rotations := map[string]func(session.Session, session.Session) (session.Session, error){
		"rotated": func(old, next session.Session) (session.Session, error) {
			return there.Rotate(t.Context(), old.Ref(), next, session.Digest{1})
		},
		"rotated with a grace": func(old, next session.Session) (session.Session, error) {
			return there.RotateWithGrace(t.Context(), old.Ref(), next, session.Digest{1}, session.MaxRotateGrace)
		},
	}
	n := 0
	for kind, stranger := range kinds {
		for how, rotate := range rotations {
			t.Run(kind+" "+how, func(t *testing.T) {
				n++
				stranger := stranger // of its own user and session
				stranger.User = session.MustParseUserID(fmt.Sprint("rotated-", n))
				stranger.IssuedAt = time.Now().Add(-time.Minute).Truncate(time.Second)
				if stranger.Name != "" {
					stranger.Name = kind + how
				}
				s := adoptAtBoth(t, f.store, there, stranger)
				next := s
				next.ID = session.NewID()
				next, err := rotate(s, next)
				if err != nil {
					t.Fatal(err)
				}
				if err := f.store.Revoke(t.Context(), s.Ref()); err != nil {
					t.Fatal(err)
				}
				for where, store := range map[string]session.Store{"here": f.store, "there": there} {
					got, err := store.Adopt(t.Context(), adoption(stranger))
					if err != nil || got.ID != next.ID {
						t.Fatalf("%s the sign-in has %v, %v; want the session that it was rotated to", where, got.ID, err)
					}
				}
				if err := f.store.Revoke(t.Context(), next.Ref()); err != nil {
					t.Fatal(err)
				}
				for where, store := range map[string]session.Store{"here": f.store, "there": there} {
					if got, err := store.Adopt(t.Context(), adoption(stranger)); err == nil {
						t.Fatalf("%s the sign-in has %v after its end", where, got.ID)
					}
				}
			})
		}
	}
}

// adoptAtBoth adopts a sign-in at two instances, so that both remember whose session it is.
func adoptAtBoth(t *testing.T, a, b *redisstore.Store, stranger session.Stranger) session.Session {
	t.Helper()
	s, err := a.Adopt(t.Context(), adoption(stranger))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Adopt(t.Context(), adoption(stranger)); err != nil || got.ID != s.ID {
		t.Fatalf("elsewhere the sign-in has %v, %v", got.ID, err)
	}
	return s
}
