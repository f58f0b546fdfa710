package sessiontest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/session"
)

// ending is something that ends the session of a sign-in.
type ending struct {
	name string
	end  func(k *kit, s session.Session, stranger session.Stranger)
}

func endings() []ending {
	return []ending{
		{"Revoke", func(k *kit, s session.Session, _ session.Stranger) { k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref())) }},
		{"End", func(k *kit, s session.Session, _ session.Stranger) {
			k.ok("End", k.Store.End(k.ctx, s.Ref(), s.Version))
		}},
		{"RevokeUser", func(k *kit, s session.Session, _ session.Stranger) {
			k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, s.Tenant, s.User))
		}},
		{"RevokeOthers", func(k *kit, s session.Session, _ session.Stranger) {
			k.ok("RevokeOthers", k.Store.RevokeOthers(k.ctx, k.create(s.Tenant, s.User).Ref()))
		}},
		{"RevokeTenant", func(k *kit, s session.Session, _ session.Stranger) {
			k.ok("RevokeTenant", k.Store.RevokeTenant(k.ctx, s.Tenant))
		}},
		{"RevokeAll", func(k *kit, _ session.Session, _ session.Stranger) { k.ok("RevokeAll", k.Store.RevokeAll(k.ctx)) }},
		{"RevokePerson", func(k *kit, _ session.Session, stranger session.Stranger) {
			k.ok("RevokePerson", k.Store.RevokePerson(k.ctx, stranger.Issuer, stranger.User))
		}},
		{"a block that was lifted", func(k *kit, s session.Session, _ session.Stranger) {
			k.ok("Block", k.Store.Block(k.ctx, s.Tenant, s.User))
			k.ok("Unblock", k.Store.Unblock(k.ctx, s.Tenant, s.User))
		}},
		{"the limit", func(k *kit, s session.Session, _ session.Stranger) {
			k.pass(10 * time.Millisecond)
			_, err := k.limited(s.Tenant, s.User, 1, session.EvictOldest)
			k.ok("Create", err)
		}},
		{"a limit that was lowered", func(k *kit, s session.Session, _ session.Stranger) {
			for range session.MaxEvictions + 5 {
				k.create(s.Tenant, s.User)
			}
			_, err := k.limited(s.Tenant, s.User, 1, session.EvictOldest)
			k.ok("Create", err)
		}},
		{"idleness", func(k *kit, s session.Session, _ session.Stranger) {
			s.IdleTimeout = k.tick()
			_, err := k.Store.Update(k.ctx, s)
			k.ok("Update", err)
			k.pass(3 * k.tick())
		}},
		{"idleness, and a sign-in of Create", func(k *kit, s session.Session, _ session.Stranger) {
			s.IdleTimeout = k.tick()
			_, err := k.Store.Update(k.ctx, s)
			k.ok("Update", err)
			k.pass(3 * k.tick())
			k.create(s.Tenant, s.User)
		}},
		{"a refresh token that was reused", func(k *kit, s session.Session, _ session.Stranger) {
			moved, err := k.Store.Rotate(k.ctx, s.Ref(), next(s), digest(1))
			k.ok("Rotate", err)
			_, err = k.Store.Refresh(k.ctx, moved.Ref(), step(7, 8))
			k.refused("Refresh", err, session.ErrRefreshReused)
		}},
	}
}

// later is a time that is later than end by more than the skew, and not too far ahead of the
// store's clock: it passes some time for that.
func (k *kit) later(end time.Time) time.Time {
	k.pass(100 * time.Millisecond)
	at := end.Add(session.MaxSkew + 50*time.Millisecond)
	for k.Advance == nil && at.Sub(k.now()) > session.MaxSkew {
		k.pass(50 * time.Millisecond)
	}
	return at
}

// Once an end has returned, no session of a sign-in of before it is live, and none is adopted,
// whatever runs at the same time.
func endsWin(k *kit) {
	for round := range k.rounds(30, 1250) {
		for i, p := range providers {
			began := k.now()
			stranger := p.token(fmt.Sprint("ends-", round), began.Add(-time.Hour), began.Add(-time.Second))
			stranger.User = session.MustParseUserID(fmt.Sprint("ends-", i, "-", round))
			ends := []func() error{
				func() error { return k.Store.RevokeUser(k.ctx, stranger.Tenant, stranger.User) },
				func() error { return k.Store.RevokeTenant(k.ctx, stranger.Tenant) },
				func() error { return k.Store.RevokeAll(k.ctx) },
				func() error { return k.Store.RevokePerson(k.ctx, stranger.Issuer, stranger.User) },
				func() error { return k.Store.Block(k.ctx, stranger.Tenant, stranger.User) },
				func() error { return k.Store.EndSignIn(k.ctx, stranger.Issuer, stranger.Name) },
			}
			if !p.named {
				ends = ends[:5]
			}
			end := ends[round%len(ends)]
			var got [4]session.Session
			var fs []func()
			adopt := func(i int) func() {
				return func() {
					s, err := k.tryAdopt(stranger)
					if err != nil && !errors.Is(err, session.ErrSignedOut) && !errors.Is(err, session.ErrBlocked) && !errors.Is(err, session.ErrNotFound) {
						k.Errorf("%s: Adopt: %v", p.kind, err)
					}
					got[i] = s
					if err == nil && i == 3 { // it moves the session meanwhile
						if moved, err := k.Store.Rotate(k.ctx, s.Ref(), next(s), digest(1)); err == nil {
							got[i] = moved
						}
					}
				}
			}
			for i := range got {
				fs = append(fs, adopt(i))
			}
			together(append(fs, func() { k.ok("ending", end()) })...)
			for _, s := range got {
				if !s.ID.IsZero() && k.isLive(s.Ref()) {
					k.Fatalf("%s, ending %d: a session of the sign-in is live after it was ended", p.kind, round%len(ends))
				}
			}
			want := session.ErrSignedOut
			if round%len(ends) == 4 {
				want = session.ErrBlocked
			}
			k.notAdopted(p.kind, stranger, want)
		}
	}
}

// Each round is an order of first requests, refreshes at the provider, rotations and ends that no
// other round has. An end is acknowledged at some time: calls that begin after that let nobody in.
func endsAcknowledged(k *kit) {
	for round := range k.rounds(20, 1000) {
		p := providers[round%len(providers)]
		began := k.now()
		stranger := p.token(fmt.Sprint("acknowledged-", round), began.Add(-time.Hour), began.Add(-time.Minute))
		stranger.User = session.MustParseUserID(fmt.Sprint("acknowledged-", round))
		var ended atomic.Bool
		var mu sync.Mutex
		var all []session.Session
		adopt := func(refreshes int) func() {
			return func() {
				token := stranger
				for n := range refreshes {
					token.IssuedAt = stranger.IssuedAt.Add(time.Duration(n) * time.Second)
					was := ended.Load()
					s, err := k.tryAdopt(token)
					if err != nil {
						continue
					}
					if was {
						k.Errorf("%s: a session was adopted after an end was acknowledged", p.kind)
					}
					mu.Lock()
					all = append(all, s)
					mu.Unlock()
					if rand.IntN(3) == 0 {
						if moved, err := k.Store.Rotate(k.ctx, s.Ref(), next(s), digest(1)); err == nil {
							mu.Lock()
							all = append(all, moved)
							mu.Unlock()
						}
					}
				}
			}
		}
		end := func() {
			for range rand.IntN(4) {
				runtime.Gosched()
			}
			var err error
			switch n := rand.IntN(5); {
			case n == 0 && p.named:
				err = k.Store.EndSignIn(k.ctx, issuer, stranger.Name)
			case n == 1:
				err = k.Store.RevokePerson(k.ctx, issuer, stranger.User)
			case n == 2:
				err = k.Store.Block(k.ctx, stranger.Tenant, stranger.User)
			case n == 3:
				err = k.Store.RevokeTenant(k.ctx, stranger.Tenant)
			default:
				err = k.Store.RevokeUser(k.ctx, stranger.Tenant, stranger.User)
			}
			k.ok("ending", err)
			ended.Store(true) // all tokens were issued before
		}
		together(adopt(4), adopt(4), adopt(4), end)
		k.ok("Unblock", k.Store.Unblock(k.ctx, stranger.Tenant, stranger.User))
		for _, s := range all {
			if k.isLive(s.Ref()) {
				k.Fatalf("%s: a session is live after an end", p.kind)
			}
		}
	}
}
