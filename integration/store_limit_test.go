//go:build unix

package integration_test

import (
	"errors"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

// What made room is dead by the script that did it: what is left of it in Redis until it is
// discarded lets nobody in.
func TestASessionThatMadeRoomIsDeadBeforeItIsDiscarded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	var hook between
	slow := hooked(t, f.server.Addr(), f.opts, &hook)
	// Redis knows the scripts, so that each is one command.
	if err := f.store.RevokeOthers(t.Context(), f.create().Ref()); err != nil {
		t.Fatal(err)
	}
	if err := f.store.RevokeUser(t.Context(), acme, alice); err != nil {
		t.Fatal(err)
	}
	old := f.create()
	f.create()
	records, ran := f.records(), false
	stranger := open(t, f.server.URL(), f.opts) // ended nothing itself
	look := func() {
		ran = true
		if f.records() < records {
			t.Error("the records are gone already: this test proves nothing")
		}
		step := session.RefreshStep{Presented: digest("first"), Next: digest("second"), Grace: time.Minute}
		_, loaded := stranger.Load(t.Context(), old.Ref())
		_, updated := stranger.Update(t.Context(), old)
		_, refreshed := stranger.Refresh(t.Context(), old.Ref(), step)
		for method, err := range map[string]error{"Load": loaded, "Update": updated, "Refresh": refreshed, "Touch": stranger.Touch(t.Context(), old.Ref())} {
			if !errors.Is(err, session.ErrNotFound) {
				t.Errorf("%s: %v", method, err)
			}
		}
		if listed, err := stranger.List(t.Context(), acme, alice); err != nil || len(listed) != 1 {
			t.Errorf("%d sessions are listed, %v", len(listed), err)
		}
	}
	first := func() { hook.do.Store(&look) } // before the script, and then before what follows it
	hook.do.Store(&first)
	if _, err := slow.Create(t.Context(), draft(), session.CreateOptions{
		Lifetime: time.Hour, Limit: session.SessionLimit{Sessions: 1, Policy: session.EvictOldest},
	}); err != nil {
		t.Fatal(err)
	}
	if !ran {
		t.Error("nothing was looked at")
	}
}
