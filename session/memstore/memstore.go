// Package memstore keeps sessions in the memory of one process.
//
//	store := memstore.New()
//	err := store.SetTenantStatus(ctx, acme, tenant.Active)
//	manager, err := session.NewManager(store, session.Config{Key: key})
//
// For most uses redisstore is the store to choose; this one is for tests and for programs of one
// process. It is also the model that says what a
// [session.Store] means: one mutex, plain maps, every method readable beside its contract.
// A restart signs everybody out.
package memstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Store is a [session.Store] in memory. Only [New] makes a usable one. Its methods are
// safe for concurrent use. It starts no goroutine: sessions that have ended are forgotten
// by the calls that follow, so that at most about twice the live ones, or 1024, are kept.
type Store struct {
	mu      sync.Mutex
	tenants map[tenant.ID]*tenantState
	folded  map[string]tenant.ID // those, by their names without case
	stored  int                  // sessions in memory, live or expired
	sweepAt int                  // stored sessions at which the expired ones are looked for
	events  ring
	signIns signIns

	happenings uint64 // that tickets must know of, see demotions
	everyone   uint64 // the last of them that happened to everyone
}

// tenantState is the state of one tenant. A tenant without a status has no sessions.
type tenantState struct {
	status tenant.Status
	users  map[session.UserID]map[session.ID]*record

	demotions demotions
}

// record is one session and its refresh family.
type record struct {
	session session.Session
	refresh family
	signIn  *signIn // of the provider, nil for none
}

// family is the state of a session's refresh secrets. Zero digests match nothing.
type family struct {
	current, previous session.Digest
	salt              [32]byte  // of the step from previous to current
	steppedAt         time.Time // when that step was made
	steps             uint64    // that were made
	behindSince       time.Time // when it was noticed that there were more; zero for never
}

// minSweep keeps small stores from sweeping all the time.
const minSweep = 1024

// New returns an empty store: no sessions, and no tenant that may be served.
func New() *Store {
	return &Store{tenants: map[tenant.ID]*tenantState{}, folded: map[string]tenant.ID{}, sweepAt: minSweep, signIns: newSignIns()}
}

var _ session.Store = (*Store)(nil)

// enter checks what every method checks first, and locks. The caller unlocks when the
// error is nil.
func (st *Store) enter(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %s: %w", session.ErrUnavailable, op, err)
	}
	st.mu.Lock()
	return nil
}

// enterLive is enter for what is done with a live session, which it returns with the time
// at which it is done. The caller unlocks when the error is nil.
func (st *Store) enterLive(ctx context.Context, op string, ref session.Ref) (*record, time.Time, error) {
	if err := st.enter(ctx, op); err != nil {
		return nil, time.Time{}, err
	}
	now := time.Now()
	r, err := st.live(ref, now)
	if err == nil && !r.session.MovedTo.IsZero() && op != "load" {
		err = session.ErrNotFound
	}
	if err != nil {
		st.mu.Unlock()
		return nil, time.Time{}, err
	}
	return r, now, nil
}

// active returns the state of a tenant that may be served.
func (st *Store) active(t tenant.ID) (*tenantState, error) {
	state, ok := st.tenants[t]
	if !ok {
		return nil, tenant.ErrUnknown
	}
	return state, state.status.Err()
}

// live returns the live session of ref in a tenant that may be served. One that has
// expired is forgotten.
func (st *Store) live(ref session.Ref, now time.Time) (*record, error) {
	state, err := st.active(ref.Tenant)
	if err != nil {
		return nil, err
	}
	r, ok := state.users[ref.User][ref.ID]
	if !ok {
		return nil, session.ErrNotFound
	}
	if !isLive(r.session, now) {
		st.forget(ref, endOf(r.session, now))
		return nil, session.ErrNotFound
	}
	return r, nil
}

func isLive(s session.Session, now time.Time) bool {
	return now.Before(s.ExpiresAt) && now.Sub(s.LastSeenAt) <= s.IdleTimeout
}

// endOf is when a session ends that is ended at now, if it has not expired before.
func endOf(s session.Session, now time.Time) time.Time {
	for _, end := range []time.Time{s.ExpiresAt, s.LastSeenAt.Add(s.IdleTimeout)} {
		if end.Before(now) {
			now = end
		}
	}
	return now
}

// insert stores a record under a Ref that is free, in a tenant that is known.
func (st *Store) insert(r *record, now time.Time) {
	st.sweep(now)
	users := st.tenants[r.session.Tenant].users
	if users[r.session.User] == nil {
		users[r.session.User] = map[session.ID]*record{}
	}
	users[r.session.User][r.session.ID] = r
	st.stored++
}

// forget removes the session of ref, if there is one, which has ended at end.
func (st *Store) forget(ref session.Ref, end time.Time) {
	state, ok := st.tenants[ref.Tenant]
	if !ok {
		return
	}
	sessions := state.users[ref.User]
	r, ok := sessions[ref.ID]
	if !ok {
		return
	}
	if r.signIn != nil && r.signIn.session == ref.ID {
		r.signIn.end = end
	}
	delete(sessions, ref.ID)
	if len(sessions) == 0 {
		delete(state.users, ref.User)
	}
	st.stored--
}

// sweep forgets the expired sessions when the store has grown to twice what it was after
// the last sweep, so that each insertion pays a constant share of it.
func (st *Store) sweep(now time.Time) {
	if st.stored < st.sweepAt {
		return
	}
	for _, state := range st.tenants {
		for _, sessions := range state.users {
			for _, r := range sessions {
				if !isLive(r.session, now) {
					st.forget(r.session.Ref(), endOf(r.session, now))
				}
			}
		}
	}
	st.sweepAt = max(minSweep, 2*st.stored)
}
