package sessiontest

import (
	"errors"
	"sync"
	"time"

	"github.com/reevehq/reeve/session"
)

func refreshes() []scene {
	return []scene{
		{name: "a refresh advances the family and keeps the session", play: refreshAdvances},
		{name: "a refresh repeated within the grace gets the same salt", play: refreshRepeated},
		{name: "a straggler within the grace does no harm", play: refreshStraggler},
		{name: "the grace ends when its time is over", play: refreshGraceEnds},
		{name: "without a grace no refresh is repeated", play: refreshNoGrace},
		{name: "a repeated refresh does not prolong the grace", play: refreshGraceFixed},
		{name: "a secret older than the previous one ends the session", play: refreshOlder},
		{name: "a secret that was never issued ends the session", play: refreshForeign},
		{name: "a session without a family cannot be refreshed", play: refreshNoFamily},
		{name: "a store that is behind a refresh is an outage and then ends the session", play: refreshBehind, slow: true},
		{name: "an older secret proves no later generation", play: refreshGeneration},
		{name: "a zero digest is refused", play: refreshZero},
		{name: "a refresh extends the idle timeout and never the expiry", play: refreshTimes},
		{name: "of parallel refreshes one advances and the others repeat it", play: refreshRace},
	}
}

func (k *kit) refresh(what string, ref session.Ref, s session.RefreshStep) session.RefreshOutcome {
	k.Helper()
	out, err := k.Store.Refresh(k.ctx, ref, s)
	k.ok(what, err)
	return out
}

func (k *kit) reused(what string, ref session.Ref, s session.RefreshStep) {
	k.Helper()
	out, err := k.Store.Refresh(k.ctx, ref, s)
	k.refused(what, leaked(out.Session, err), session.ErrRefreshReused)
	k.dead(what, ref)
}

// RFC 9700 §4.14.2 rotation: each secret is for one use.
func refreshAdvances(k *kit) {
	s := k.create(acme, alice)
	for n := 1; n <= 20; n++ {
		out := k.refresh("Refresh", s.Ref(), step(n, n+1))
		if out.Repeated || out.Salt != salt(n+1) {
			k.Fatalf("step %d: Repeated %v, salt of this step %v", n, out.Repeated, out.Salt == salt(n+1))
		}
		want := s
		want.LastSeenAt, want.Version = out.Session.LastSeenAt, out.Session.Version // the store's to choose
		k.same("Refresh", out.Session, want)
	}
	got := k.live("refreshed", s.Ref())
	_, err := k.Store.Update(k.ctx, got)
	k.ok("Update by the version that was loaded", err)
}

// The answer to a refresh may be lost on the way: the retry must lead to the successor
// that exists, not to a second one that displaces it, and not to a sign-out.
func refreshRepeated(k *kit) {
	s := k.create(acme, alice)
	k.refresh("Refresh", s.Ref(), step(1, 2))
	for n := 50; n < 55; n++ {
		out := k.refresh("repeated Refresh", s.Ref(), step(1, n))
		if !out.Repeated || out.Salt != salt(2) {
			k.Errorf("Repeated %v, first salt %v", out.Repeated, out.Salt == salt(2))
		}
		if out.Session.Ref() != s.Ref() {
			k.Error("a repeated refresh returned another session")
		}
	}
	if out := k.refresh("Refresh of the successor", s.Ref(), step(2, 3)); out.Repeated {
		k.Error("the successor was taken for a repetition")
	}
	k.reused("a Next that lost is no secret of the family", s.Ref(), step(50, 51))
}

// 415 of 679 revocations of one deployment were benign (nightscout/nocturne #326): a
// slow tab presents the previous secret while a fast one holds the current one.
func refreshStraggler(k *kit) {
	s := k.create(acme, alice)
	k.refresh("Refresh", s.Ref(), step(1, 2))
	k.refresh("straggler", s.Ref(), step(1, 9))
	k.refresh("Refresh of the current secret", s.Ref(), step(2, 3))
	if out := k.refresh("straggler one step behind", s.Ref(), step(2, 9)); !out.Repeated || out.Salt != salt(3) {
		k.Errorf("Repeated %v, salt of the last step %v", out.Repeated, out.Salt == salt(3))
	}
	k.refresh("Refresh of the current secret", s.Ref(), step(3, 4))
	k.live("never reused", s.Ref())
}

// After the grace the same secret means that two parties hold it (RFC 9700 §4.14.2). The
// session ends for both, since nobody can tell which is the thief.
func refreshGraceEnds(k *kit) {
	s := k.create(acme, alice)
	grace := k.tick()
	k.refresh("Refresh", s.Ref(), step(1, 2))
	late := step(1, 3)
	late.Grace = grace
	if k.Advance != nil {
		k.pass(grace)
		if !k.refresh("at the end of the grace", s.Ref(), late).Repeated {
			k.Error("a refresh at the end of the grace is no repetition")
		}
	}
	k.pass(grace + 5*time.Millisecond)
	k.reused("after the grace", s.Ref(), late)
}

// A strict service can refuse every repetition, also within the same millisecond.
func refreshNoGrace(k *kit) {
	for _, grace := range []time.Duration{0, -1, -time.Hour} {
		s := k.create(acme, alice)
		strict := step(1, 2)
		strict.Grace = grace
		if k.refresh("Refresh", s.Ref(), strict).Repeated {
			k.Error("the first use was taken for a repetition")
		}
		k.reused("second use", s.Ref(), strict)
	}
}

// Otherwise a thief who repeats often enough is never late.
func refreshGraceFixed(k *kit) {
	s := k.create(acme, alice)
	grace := 4 * k.tick()
	k.refresh("Refresh", s.Ref(), step(1, 2))
	late := step(1, 3)
	late.Grace = grace
	k.until(grace, "repeating prolonged the grace", func() bool {
		_, err := k.Store.Refresh(k.ctx, s.Ref(), late)
		if err != nil {
			k.refused("repeated Refresh", err, session.ErrRefreshReused)
		}
		return err != nil
	})
	k.dead("reused", s.Ref())
}

// The use of a successor proves that its answer arrived: there is nothing to repeat.
func refreshOlder(k *kit) {
	s := k.create(acme, alice)
	k.refresh("Refresh", s.Ref(), step(1, 2))
	k.refresh("Refresh", s.Ref(), step(2, 3))
	k.reused("two steps behind, within the grace of the first step", s.Ref(), step(1, 4))
	_, err := k.Store.Refresh(k.ctx, s.Ref(), step(3, 4))
	k.refused("the current secret of a dead family", err, session.ErrNotFound)
}

// The caller has authenticated the secret. One that this family does not know is of a
// history that was lost or forked.
func refreshForeign(k *kit) {
	s, other := k.create(acme, alice), k.create(acme, alice)
	k.reused("unknown secret", s.Ref(), step(77, 2))
	k.live("another session of the user", other.Ref())
}

// No digest is stored, so none can match: not even one of zeros.
func refreshNoFamily(k *kit) {
	s, err := k.Store.Create(k.ctx, draft(acme, alice), session.CreateOptions{Lifetime: time.Hour})
	k.ok("Create", err)
	_, err = k.Store.Refresh(k.ctx, s.Ref(), session.RefreshStep{Next: digest(2), Grace: time.Minute})
	k.refused("zero secret", err, session.ErrInvalid)
	k.live("asked with a zero secret", s.Ref())
	_, err = k.Store.Refresh(k.ctx, s.Ref(), step(1, 2))
	k.refused("any secret", err, session.ErrNotFound)
	if errors.Is(err, session.ErrRefreshReused) {
		k.Errorf("a family that is not there is taken for a theft: %v", err)
	}
	k.live("asked with any secret", s.Ref())
}

// A failover has lost the last steps, and a client proves that they were taken: it is no thief (RFC
// 9700 §4.14.2 is about secrets that were used twice). Nobody refreshes an older state meanwhile,
// neither who holds the secret that is current in it. A session that comes back within the limit
// goes on; another is dead.
func refreshBehind(k *kit) {
	for name, lost := range map[string]session.RefreshStep{
		"a later secret":                       {Presented: digest(7), Next: digest(8), Salt: salt(8), Grace: time.Minute, Generation: 6},
		"the later one of a first that is all": {Presented: digest(8), Next: digest(9), Salt: salt(9), Generation: 2},
	} {
		s, other := k.create(acme, alice), k.create(acme, alice)
		k.refresh("Refresh", s.Ref(), generation(1, 2, 0))
		already := len(k.happened(acme, alice))
		behind := func(what string, st session.RefreshStep) {
			out, err := k.Store.Refresh(k.ctx, s.Ref(), st)
			k.refused(name+": "+what, leaked(out.Session, err), session.ErrUnavailable)
			if errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrRefreshReused) {
				k.Errorf("%s: %s: the error says that the session has ended: %v", name, what, err)
			}
		}
		began := time.Now()
		behind("first", lost)
		behind("again", lost)
		if k.Advance != nil || time.Since(began) < session.BehindLimit/2 {
			behind("the secret that is current in the older state", generation(2, 3, 1))
			k.live("while the store is behind", s.Ref())
			k.sameEvents(name+": while the store is behind", k.happened(acme, alice)[already:], nil)
		}
		k.pass(session.BehindLimit + 50*time.Millisecond)
		out, err := k.Store.Refresh(k.ctx, s.Ref(), lost)
		k.refused(name+": after the limit", leaked(out.Session, err), session.ErrNotFound)
		if errors.Is(err, session.ErrRefreshReused) {
			k.Errorf("%s: a store that is behind is taken for a theft: %v", name, err)
		}
		k.dead(name, s.Ref())
		k.live("another session of the user", other.Ref())
		k.sameEvents(name, k.happened(acme, alice)[already:], []session.Event{{Kind: session.EventStoreBehind, Session: s.ID.Fingerprint()}})
	}
}

// generation is a step of a caller that knows how many were taken before it.
func generation(from, to int, n uint64) session.RefreshStep {
	st := step(from, to)
	st.Generation = n
	return st
}

// Only what is above the stored steps says that the store is behind: a secret that was used
// ends the session, whatever it says of itself.
func refreshGeneration(k *kit) {
	s := k.create(acme, alice)
	for n := 1; n <= 5; n++ {
		k.refresh("Refresh", s.Ref(), generation(n, n+1, uint64(n-1)))
	}
	if !k.refresh("repeated", s.Ref(), generation(5, 9, 4)).Repeated {
		k.Error("a repetition that says its generation was none")
	}
	k.reused("an older secret", s.Ref(), generation(3, 4, 2))

	s = k.create(acme, alice)
	k.refresh("Refresh", s.Ref(), generation(1, 2, 0))
	k.reused("a foreign secret of the generation that is stored", s.Ref(), generation(77, 3, 1))
}

// The zero digest stands for no secret and must match nothing, also as the previous
// digest of a family that has taken no step yet.
func refreshZero(k *kit) {
	s := k.create(acme, alice)
	zero := step(1, 2)
	zero.Presented = session.Digest{}
	_, err := k.Store.Refresh(k.ctx, s.Ref(), zero)
	k.refused("zero Presented", err, session.ErrInvalid)
	zero = step(1, 2)
	zero.Next = session.Digest{}
	_, err = k.Store.Refresh(k.ctx, s.Ref(), zero)
	k.refused("zero Next", err, session.ErrInvalid)
	if k.refresh("Refresh", s.Ref(), step(1, 2)).Repeated {
		k.Error("a refused step was remembered")
	}
}

// ASVS 10.4.8: refreshing keeps a session in use and cannot make it last.
func refreshTimes(k *kit) {
	k.steady(func() (tooLate bool) {
		s := draft(acme, alice)
		s.IdleTimeout = 4 * k.tick()
		began := time.Now()
		last := began
		s = k.createFor(s, 13*k.tick())
		n := 1
		for ; n <= 5; n++ { // to 10 ticks, beyond two idle timeouts
			k.pass(2 * k.tick())
			out, err := k.Store.Refresh(k.ctx, s.Ref(), step(n, n+1))
			if errors.Is(err, session.ErrNotFound) && (time.Since(last) >= 3*k.tick() || time.Since(began) >= 12*k.tick()) {
				return true
			}
			k.ok("Refresh within the idle timeout", err)
			last = time.Now()
			if out.Session.ExpiresAt.UnixMilli() != s.ExpiresAt.UnixMilli() {
				k.Errorf("Refresh moved ExpiresAt from %v to %v", s.ExpiresAt, out.Session.ExpiresAt)
			}
		}
		k.until(3*k.tick(), "refreshing kept the session beyond its expiry", func() bool {
			_, err := k.Store.Refresh(k.ctx, s.Ref(), step(n, n+1))
			if err != nil {
				k.refused("Refresh", err, session.ErrNotFound)
			}
			n++
			return err != nil
		})
		k.dead("expired", s.Ref())
		return false
	})
}

// Keycloak's CVE-2026-1035 was a refresh checked in one step and spent in another: one
// single-use token minted many. Here a hundred tabs wake at once, and all get one successor,
// also those whose answer is lost and that ask again. None of it is a theft; a token that is
// used after its successor was, is one.
func refreshRace(k *kit) {
	tabs := k.rounds(50, 100)
	for round := range k.rounds(20, 1000) {
		s := k.create(acme, alice)
		var mu sync.Mutex
		var first []int
		salts := map[[32]byte]int{}
		var fs []func()
		for tab := range tabs {
			fs = append(fs, func() {
				out, err := k.Store.Refresh(k.ctx, s.Ref(), step(1, 100+tab))
				repeated := out.Repeated
				if err == nil && tab%10 == 0 { // the answer was lost
					out, err = k.Store.Refresh(k.ctx, s.Ref(), step(1, 100+tab))
					out.Repeated = repeated
				}
				if err != nil {
					k.Errorf("Refresh: %v", err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				salts[out.Salt]++
				if !out.Repeated {
					first = append(first, tab)
				}
			})
		}
		together(fs...)
		if len(first) != 1 || len(salts) != 1 || salts[salt(100+first[0])] != tabs {
			k.Fatalf("%d of %d refreshes advanced the family, %d salts were returned", len(first), tabs, len(salts))
		}
		k.refresh("Refresh of the successor", s.Ref(), step(100+first[0], 2))
		k.live("refreshed by all tabs", s.Ref())
		if round%2 == 0 {
			k.reused("a replay", s.Ref(), step(1, 3))
		} else {
			k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
		}
	}
}
