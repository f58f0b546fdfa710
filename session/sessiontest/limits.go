package sessiontest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func limits() []scene {
	return []scene{
		{name: "a limit that rejects refuses one session too many", play: limitRejects},
		{name: "a limit that evicts ends the oldest session at once", play: limitEvicts},
		{name: "a limit counts live sessions of one user in one tenant only", play: limitCounts},
		{name: "a limit that is half set or out of range is refused", play: limitInvalid},
		{name: "200 sign-ins at once never exceed a limit that rejects", play: func(k *kit) { limitRace(k, session.RejectNew) }},
		{name: "200 sign-ins at once never exceed a limit that evicts", play: func(k *kit) { limitRace(k, session.EvictOldest) }},
		{name: "a session does not outlast the bound it was created with", play: boundedCreation},
		{name: "text of a device that is over its limit or does not print is refused", play: badDevice},
		{name: "ending a session by its version lets one of several win", play: endOnce},
		{name: "revoking the others leaves the one that asks", play: revokeOthers},
		{name: "who is signed out ends nobody else's session", play: revokeOthersDead},
		{name: "the session that is kept stays in use while the others are ended", play: revokeOthersInUse},
	}
}

func (k *kit) limited(t tenant.ID, u session.UserID, n int, policy session.LimitPolicy) (session.Session, error) {
	s, err := k.Store.Create(k.ctx, draft(t, u), session.CreateOptions{
		Lifetime: time.Hour, Refresh: digest(1), Limit: session.SessionLimit{Sessions: n, Policy: policy},
	})
	return s, leaked(s, err)
}

// ASVS 7.1.2. Nobody else is signed out by the attempt, and room that was made is room.
func limitRejects(k *kit) {
	var mine []session.Session
	for range 3 {
		s, err := k.limited(acme, alice, 3, session.RejectNew)
		k.ok("Create below the limit", err)
		mine = append(mine, s)
	}
	_, err := k.limited(acme, alice, 3, session.RejectNew)
	k.refused("Create at the limit", err, session.ErrTooManySessions)
	for _, s := range mine {
		k.live("there before", s.Ref())
	}
	k.ok("Revoke", k.Store.Revoke(k.ctx, mine[1].Ref()))
	_, err = k.limited(acme, alice, 3, session.RejectNew)
	k.ok("Create after one was revoked", err)
	_, err = k.limited(acme, alice, 3, session.RejectNew)
	k.refused("Create at the limit again", err, session.ErrTooManySessions)
	for name, revoke := range map[string]func() error{
		"RevokeUser":   func() error { return k.Store.RevokeUser(k.ctx, acme, alice) },
		"RevokeTenant": func() error { return k.Store.RevokeTenant(k.ctx, acme) },
		"RevokeAll":    func() error { return k.Store.RevokeAll(k.ctx) },
	} {
		k.ok(name, revoke())
		for range 3 {
			_, err = k.limited(acme, alice, 3, session.RejectNew)
			k.ok("Create after "+name, err)
		}
		_, err = k.limited(acme, alice, 3, session.RejectNew)
		k.refused("Create at the limit after "+name, err, session.ErrTooManySessions)
	}
}

func limitEvicts(k *kit) {
	var mine []session.Session
	for range 3 {
		s, err := k.limited(acme, alice, 3, session.EvictOldest)
		k.ok("Create", err)
		mine = append(mine, s)
		k.pass(2 * time.Millisecond)
	}
	// A rotation makes no session younger, and a use no session older.
	rotated, err := k.Store.Rotate(k.ctx, mine[0].Ref(), next(mine[0]), digest(1))
	k.ok("Rotate", err)
	k.ok("Touch", k.Store.Touch(k.ctx, rotated.Ref()))
	s, err := k.limited(acme, alice, 3, session.EvictOldest)
	k.ok("Create at the limit", err)
	k.dead("the oldest", rotated.Ref())
	mine = []session.Session{mine[1], mine[2], s}
	listed, err := k.Store.List(k.ctx, acme, alice)
	k.ok("List", err)
	if !slices.Equal(refs(listed), refs(mine)) {
		k.Errorf("%d sessions are listed, want the 3 youngest", len(listed))
	}
	// A limit that was lowered is kept by the next sign-in.
	last, err := k.limited(acme, alice, 1, session.EvictOldest)
	k.ok("Create under a lower limit", err)
	for _, s := range mine {
		k.dead("evicted", s.Ref())
	}
	k.live("the only one", last.Ref())
}

func limitCounts(k *kit) {
	for _, other := range []session.Session{draft(globex, alice), draft(acme, bob)} {
		k.createFor(other, time.Hour)
	}
	idle := draft(acme, alice)
	idle.IdleTimeout = k.tick()
	k.createFor(idle, time.Hour)
	k.createFor(draft(acme, alice), k.tick())
	k.pass(k.tick() + 5*time.Millisecond)
	_, err := k.limited(acme, alice, 1, session.RejectNew)
	k.ok("Create beside sessions that have ended", err)
	_, err = k.limited(acme, alice, 1, session.RejectNew)
	k.refused("Create at the limit", err, session.ErrTooManySessions)
	k.create(acme, alice) // without a limit
}

func limitInvalid(k *kit) {
	for _, l := range []session.SessionLimit{
		{Sessions: 1}, {Policy: session.RejectNew}, {Policy: session.EvictOldest}, {Sessions: -1, Policy: session.RejectNew},
		{Sessions: session.MaxSessionLimit + 1, Policy: session.EvictOldest}, {Sessions: 1, Policy: 77},
	} {
		_, err := k.limited(acme, alice, l.Sessions, l.Policy)
		k.refused("Create", err, session.ErrInvalid)
	}
	if listed, err := k.Store.List(k.ctx, acme, alice); len(listed) != 0 || err != nil {
		k.Errorf("%d sessions are stored, %v", len(listed), err)
	}
}

// Spring Security counted and then created (#3121), and Keycloak had users at 1200 of 50.
func limitRace(k *kit, policy session.LimitPolicy) {
	const limit = 3
	var created atomic.Int32
	var mu sync.Mutex
	var all []session.Session
	var over atomic.Bool
	sample := func() {
		if listed, err := k.Store.List(k.ctx, acme, alice); err == nil && len(listed) > limit {
			over.Store(true)
		}
	}
	var fs []func()
	for i := range 200 {
		fs = append(fs, func() {
			s, err := k.limited(acme, alice, limit, policy)
			switch {
			case err == nil:
				created.Add(1)
				mu.Lock()
				all = append(all, s)
				mu.Unlock()
			case policy != session.RejectNew || !errors.Is(err, session.ErrTooManySessions):
				k.Errorf("Create: %v", err)
			}
			if i%20 == 0 {
				sample()
			}
		})
	}
	together(fs...)
	live := 0
	for _, s := range all {
		if k.isLive(s.Ref()) {
			live++
		}
	}
	listed, err := k.Store.List(k.ctx, acme, alice)
	k.ok("List", err)
	if live != limit || len(listed) != limit || over.Load() {
		k.Errorf("%d sessions are live and %d listed, want %d; more at some time: %v", live, len(listed), limit, over.Load())
	}
	if want := map[session.LimitPolicy]int32{session.RejectNew: limit, session.EvictOldest: 200}[policy]; created.Load() != want {
		k.Errorf("%d sign-ins succeeded, want %d", created.Load(), want)
	}
}

func boundedCreation(k *kit) {
	old := k.create(acme, alice)
	for _, until := range []time.Time{old.ExpiresAt.Add(-time.Minute), old.ExpiresAt.Add(time.Hour)} {
		want := until
		if hour := old.CreatedAt.Add(time.Hour); until.After(hour) {
			want = hour
		}
		s, err := k.Store.Create(k.ctx, draft(acme, alice), session.CreateOptions{Lifetime: time.Hour, Until: until})
		k.ok("Create", err)
		if d := s.ExpiresAt.Sub(want); d < -time.Millisecond || d > pause {
			k.Errorf("ExpiresAt is %v after the bound", d)
		}
	}
	s, err := k.Store.Create(k.ctx, draft(acme, alice), session.CreateOptions{Lifetime: time.Hour, Until: old.CreatedAt})
	k.refused("Create of what has ended", leaked(s, err), session.ErrInvalid)
}

// Text that is shown to the user and written to logs must not forge lines of them, nor fill the
// store.
func badDevice(k *kit) {
	good := draft(acme, alice)
	good.UserAgent, good.Address = strings.Repeat("ü", session.MaxUserAgentLength/2), strings.Repeat("a", session.MaxAddressLength)
	created := k.createFor(good, time.Hour)
	k.same("Load", k.live("at the limits", good.Ref()), created)
	if created.UserAgent != good.UserAgent || created.Address != good.Address {
		k.Error("the device was not kept")
	}
	moved := next(created)
	moved.UserAgent, moved.Address = "another", "::1"
	rotated, err := k.Store.Rotate(k.ctx, created.Ref(), moved, digest(1))
	k.ok("Rotate", err)
	if rotated.UserAgent != good.UserAgent || rotated.Address != good.Address {
		k.Error("a rotation changed the device")
	}
	for _, set := range []func(*session.Session){
		func(s *session.Session) { s.UserAgent = strings.Repeat("a", session.MaxUserAgentLength+1) },
		func(s *session.Session) { s.UserAgent = "\xff" },
		func(s *session.Session) { s.UserAgent = "a\nb" },
		func(s *session.Session) { s.Address = strings.Repeat("a", session.MaxAddressLength+1) },
		func(s *session.Session) { s.Address = "\xff" },
		func(s *session.Session) { s.Address = "\x1b[31m" },
		func(s *session.Session) { s.Address = "\u202e" },
	} {
		bad := draft(acme, alice)
		set(&bad)
		s, err := k.Store.Create(k.ctx, bad, session.CreateOptions{Lifetime: time.Hour})
		k.refused("Create", leaked(s, err), session.ErrInvalid)
	}
}

// A caller who makes another session out of one must know that nobody else does.
func endOnce(k *kit) {
	s := k.create(acme, alice)
	k.refused("End of another version", k.Store.End(k.ctx, s.Ref(), s.Version+1), session.ErrConflict)
	k.live("not ended", s.Ref())
	k.ok("End", k.Store.End(k.ctx, s.Ref(), s.Version))
	k.dead("ended", s.Ref())
	k.refused("End again", k.Store.End(k.ctx, s.Ref(), s.Version), session.ErrNotFound)
	for range k.rounds(50, 500) {
		s := k.create(acme, alice)
		var won atomic.Int32
		var fs []func()
		for range 8 {
			fs = append(fs, func() {
				switch err := k.Store.End(k.ctx, s.Ref(), s.Version); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, session.ErrNotFound):
					k.Errorf("End: %v", err)
				}
			})
		}
		together(fs...)
		if won.Load() != 1 || k.isLive(s.Ref()) {
			k.Fatalf("%d calls ended one session; live: %v", won.Load(), k.isLive(s.Ref()))
		}
	}
}

// ASVS 7.4.3.
func revokeOthers(k *kit) {
	population := k.population()
	keep := k.create(acme, alice)
	k.ok("RevokeOthers", k.Store.RevokeOthers(k.ctx, keep.Ref()))
	kept := k.live("the one that asks", keep.Ref())
	want := keep
	want.Version, want.LastSeenAt = keep.Version+1, kept.LastSeenAt
	k.same("the one that asks", kept, want)
	_, err := k.Store.Update(k.ctx, keep)
	k.refused("Update by the version before", err, session.ErrConflict)
	listed, err := k.Store.List(k.ctx, acme, alice)
	k.ok("List", err)
	if len(listed) != 1 || listed[0].ID != keep.ID {
		k.Errorf("%d sessions are listed, want the one that is kept", len(listed))
	}
	k.only(population, func(s session.Session) bool { return s.Tenant == acme && s.User == alice })
	if k.refresh("Refresh", keep.Ref(), step(1, 2)).Repeated {
		k.Error("the kept session lost its refresh family")
	}
	k.ok("RevokeOthers when there are none", k.Store.RevokeOthers(k.ctx, keep.Ref()))
	// A store that is set back may have others again. They are dead then, so that this counts too.
	if got := k.live("the one that asks", keep.Ref()); got.Version != kept.Version+1 {
		k.Errorf("with no others the version went from %d to %d, want the next", kept.Version, got.Version)
	}
	fresh := k.create(acme, alice)
	k.live("a sign-in after it", fresh.Ref())
	k.ok("RevokeOthers of the new one", k.Store.RevokeOthers(k.ctx, fresh.Ref()))
	k.dead("kept before, and another one now", keep.Ref())
	k.live("the new one", fresh.Ref())
}

// The one that is kept is in use meanwhile, and nobody who uses it is signed out.
func revokeOthersInUse(k *kit) {
	for range k.rounds(30, 300) {
		keep := k.create(acme, alice)
		k.create(acme, alice)
		used := func(what string, err error) {
			if err != nil && !errors.Is(err, session.ErrConflict) {
				k.Errorf("%s of the session that is kept: %v", what, err)
			}
		}
		together(
			func() { used("RevokeOthers", k.Store.RevokeOthers(k.ctx, keep.Ref())) },
			func() { _, err := k.Store.Load(k.ctx, keep.Ref()); used("Load", err) },
			func() { used("Touch", k.Store.Touch(k.ctx, keep.Ref())) },
			func() { _, err := k.Store.Update(k.ctx, keep); used("Update", err) },
			func() { _, err := k.Store.Refresh(k.ctx, keep.Ref(), step(1, 2)); used("Refresh", err) },
		)
		k.live("the one that is kept", keep.Ref())
		listed, err := k.Store.List(k.ctx, acme, alice)
		k.ok("List", err)
		if len(listed) != 1 {
			k.Fatalf("%d sessions are listed, want the one that is kept", len(listed))
		}
	}
}

func revokeOthersDead(k *kit) {
	gone, other := k.create(acme, alice), k.create(acme, alice)
	k.ok("Revoke", k.Store.Revoke(k.ctx, gone.Ref()))
	for _, keep := range []session.Ref{gone.Ref(), {Tenant: globex, User: alice, ID: other.ID}, draft(acme, alice).Ref()} {
		k.refused("RevokeOthers", k.Store.RevokeOthers(k.ctx, keep), session.ErrNotFound)
	}
	k.live("another", other.Ref())
	k.refused("RevokeOthers of nobody", k.Store.RevokeOthers(k.ctx, session.Ref{}), session.ErrInvalidID)
	k.refused("End of nobody", k.Store.End(k.ctx, session.Ref{}, 1), session.ErrInvalidID)
}
