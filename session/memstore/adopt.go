package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Adopt implements [session.Store].
func (st *Store) Adopt(ctx context.Context, a session.Adoption) (session.Session, error) {
	if err := a.Validate(); err != nil {
		return session.Session{}, err
	}
	if err := st.enter(ctx, "adopt"); err != nil {
		return session.Session{}, err
	}
	defer st.mu.Unlock()
	now, stranger := time.Now(), a.Stranger
	if _, err := st.active(stranger.Tenant); err != nil {
		return session.Session{}, err
	}
	if st.signIns.blocked[owner{stranger.Tenant, stranger.User}] {
		return session.Session{}, session.ErrBlocked
	}
	if err := stranger.CheckClock(now); err != nil {
		return session.Session{}, err
	}
	st.sweepSignIns(now)
	key := signInKey{owner{stranger.Tenant, stranger.User}, stranger.Issuer, stranger.Name}
	in := st.signIns.known[key]
	if in == nil {
		in = &signIn{kind: stranger.EventKind()}
	}
	in.seen = now
	if r, live := st.liveOf(key, in, now); live {
		return st.found(ctx, r, a, now)
	}
	if err := st.mayBegin(in, stranger, now); err != nil {
		if stranger.EndedByName(err) {
			in.refused = true
			st.signIns.known[key] = in
		}
		return session.Session{}, err
	}
	if err := a.CheckTicket(); err != nil {
		return session.Session{}, err
	}
	s := a.Session
	if stranger.Name == "" {
		s.Provider = s.Provider.From(latest(in.end, st.signIns.revoked(stranger)))
	}
	in.kind, in.at = stranger.EventKind(), stranger.SignIn()
	s, err := st.begin(ctx, s, a.Create, in, now)
	if err != nil {
		return session.Session{}, err
	}
	st.signIns.known[key] = in
	return s, nil
}

// liveOf returns the live session of a sign-in, none that another one has replaced. One that has
// expired is forgotten.
func (st *Store) liveOf(key signInKey, in *signIn, now time.Time) (*record, bool) {
	state, ok := st.tenants[key.tenant]
	if !ok || in.session.IsZero() {
		return nil, false
	}
	r, ok := state.users[key.user][in.session]
	if !ok {
		return nil, false
	}
	if !isLive(r.session, now) {
		st.forget(r.session.Ref(), endOf(r.session, now))
		return nil, false
	}
	return r, r.session.MovedTo.IsZero()
}

// found is a use of the live session of a sign-in by one of its tokens.
func (st *Store) found(ctx context.Context, r *record, a session.Adoption, now time.Time) (session.Session, error) {
	if a.Stranger.Name == "" {
		if err := a.Stranger.Finds(r.session.Provider.Claims().Since); err != nil {
			return session.Session{}, err
		}
	}
	if now.Sub(r.session.LastSeenAt) >= session.TouchInterval {
		r.session.LastSeenAt = now
	}
	if rolled, changed := a.Roll(r.session); changed {
		rolled.Version++
		r.session = rolled
		st.happened(ctx, r.session, session.Event{Kind: session.EventRefreshed, At: now})
	}
	return r.session, nil
}

// mayBegin returns nil when a sign-in without a live session may have a new one.
func (st *Store) mayBegin(in *signIn, stranger session.Stranger, now time.Time) error {
	if stranger.Name != "" {
		of := named{stranger.Issuer, stranger.Name}
		if _, ended := st.signIns.ended[of]; ended {
			st.signIns.ended[of] = now // it is kept from the last of its tokens on
			return session.ErrSignedOut
		}
		if !in.session.IsZero() || in.refused {
			return session.ErrSignedOut
		}
	}
	if !in.session.IsZero() {
		if err := stranger.Known(in.at); err != nil {
			return err
		}
	}
	return stranger.CheckUnknown(now, latest(in.end, st.signIns.revoked(stranger)))
}

// EndSignIn implements [session.Store].
func (st *Store) EndSignIn(ctx context.Context, issuer, name string) error {
	if issuer == "" || name == "" {
		return fmt.Errorf("%w: a provider's session without issuer or name", session.ErrInvalid)
	}
	if err := st.enter(ctx, "end sign-in"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	now := time.Now()
	st.sweepSignIns(now)
	st.signIns.ended[named{issuer, name}] = now
	for key, in := range st.signIns.known {
		if key.issuer == issuer && key.name == name && !in.session.IsZero() {
			st.revoke(ctx, session.Ref{Tenant: key.tenant, User: key.user, ID: in.session}, now)
		}
	}
	return nil
}

// RevokePerson implements [session.Store].
func (st *Store) RevokePerson(ctx context.Context, issuer string, u session.UserID) error {
	if issuer == "" {
		return fmt.Errorf("%w: no issuer", session.ErrInvalid)
	}
	if u.IsZero() {
		return fmt.Errorf("%w: no user", session.ErrInvalidID)
	}
	if err := st.enter(ctx, "revoke person"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	now := time.Now()
	st.sweepSignIns(now)
	st.signIns.people[person{issuer, u}] = now
	tenants := map[tenant.ID]bool{}
	for key := range st.signIns.known {
		if key.issuer == issuer && key.user == u {
			tenants[key.tenant] = true
		}
	}
	for t := range tenants {
		st.revokeUser(ctx, t, u, session.EventUserRevoked, now)
	}
	return nil
}

// Block implements [session.Store].
func (st *Store) Block(ctx context.Context, t tenant.ID, u session.UserID) error {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return err
	}
	if err := st.enter(ctx, "block"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	st.signIns.blocked[owner{t, u}] = true
	st.revokeUser(ctx, t, u, session.EventBlocked, time.Now())
	return nil
}

// Unblock implements [session.Store].
func (st *Store) Unblock(ctx context.Context, t tenant.ID, u session.UserID) error {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return err
	}
	if err := st.enter(ctx, "unblock"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	if st.signIns.blocked[owner{t, u}] {
		delete(st.signIns.blocked, owner{t, u})
		if _, ok := st.tenants[t]; ok {
			st.log(t, u, session.Event{Kind: session.EventUnblocked, At: time.Now(), Actor: actorOf(ctx)})
		}
	}
	return nil
}
