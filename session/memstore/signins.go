package memstore

import (
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// owner is a user of a tenant.
type owner struct {
	tenant tenant.ID
	user   session.UserID
}

// signInKey names a sign-in at a provider in one tenant. Without a name it is the user's.
type signInKey struct {
	owner
	issuer, name string
}

// signIn is the state of one sign-in at a provider.
type signIn struct {
	session session.ID // the last session that it had, zero for none
	end     time.Time  // of that session, where it was ended alone or has expired
	at      time.Time  // when the user signed in whose session it is, by its first token
	kind    session.EventKind
	refused bool      // one of its tokens was of before an end: see session.Stranger.EndedByName
	seen    time.Time // when a token of it was last presented
}

// person is a user of a provider, in whatever tenant.
type person struct {
	issuer string
	user   session.UserID
}

// named is a provider's session, in whatever tenant.
type named struct{ issuer, name string }

// signIns are the ends of what providers have signed in. Those of users, tenants and everyone are
// kept for session.EndsKept, like sign-ins; a block holds until it is lifted.
type signIns struct {
	known   map[signInKey]*signIn
	ended   map[named]time.Time // by EndSignIn, whether it had a session or not
	blocked map[owner]bool

	users    map[owner]time.Time
	tenants  map[tenant.ID]time.Time
	everyone time.Time
	people   map[person]time.Time

	sweepAt int
}

func newSignIns() signIns {
	return signIns{
		known: map[signInKey]*signIn{}, ended: map[named]time.Time{}, blocked: map[owner]bool{},
		users: map[owner]time.Time{}, tenants: map[tenant.ID]time.Time{}, people: map[person]time.Time{},
		sweepAt: minSweep,
	}
}

// revoked returns when a stranger's sign-ins were last revoked, by any revocation that concerns
// them, zero for never.
func (i *signIns) revoked(stranger session.Stranger) time.Time {
	return latest(i.users[owner{stranger.Tenant, stranger.User}], i.tenants[stranger.Tenant], i.everyone, i.people[person{stranger.Issuer, stranger.User}])
}

func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// sweepSignIns forgets what ended longer ago than it is kept, when there is twice as much as after the
// last sweep.
func (st *Store) sweepSignIns(now time.Time) {
	i := &st.signIns
	if len(i.known)+len(i.ended)+len(i.users)+len(i.people) < i.sweepAt {
		return
	}
	old := now.Add(-session.EndsKept)
	for key, in := range i.known {
		if _, live := st.liveOf(key, in, now); !live && in.seen.Before(old) && in.end.Before(old) {
			delete(i.known, key)
		}
	}
	forget(i.ended, old)
	forget(i.users, old)
	forget(i.people, old)
	i.sweepAt = max(minSweep, 2*(len(i.known)+len(i.ended)+len(i.users)+len(i.people)))
}

func forget[K comparable](times map[K]time.Time, old time.Time) {
	for key, at := range times {
		if at.Before(old) {
			delete(times, key)
		}
	}
}
