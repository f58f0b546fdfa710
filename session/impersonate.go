package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MaxImpersonation is the longest that [Manager.Impersonate] lasts.
const MaxImpersonation = time.Hour

// Impersonation says as whom to act, and why.
type Impersonation struct {
	User       UserID // in the tenant of the session
	Roles      Roles  // what may be done as that user; leave out what must not
	Attributes Attributes
	Reason     string        // for the audit; required, at most [MaxReasonLength] bytes
	MaxAge     time.Duration // required, at most [MaxImpersonation]
}

// Impersonate makes the user of ref act as another one of the tenant: a new session of the
// other user whose Actors begin with the user of ref, bound to the key that the old one is
// bound to. It cannot be refreshed, and ends with MaxAge or when the old session would have,
// whichever is first. It fails as [Manager.SwitchTenant] does, and does not count against the
// other user's limit of sessions.
//
// The old session is Acting before the new one is returned: its id and refresh token sign nobody in
// until [Manager.StopImpersonating], or never again. It still is the user's. The end of that
// session ends what they do as the other user: its expiry, [Manager.Revoke] of it,
// [Manager.RevokeUser] and the like, the limit of sessions. [Manager.Update] of it does so too,
// such as of its roles. Both users find it in their events.
//
// Where [Config].Grants is set, the other user's attributes are those that it returns, as.Attributes
// is zero, and as.Roles are some of those that it returns: [ErrInvalid] for another one. Such a
// session is not asked for anew: [Manager.Stale] of either user ends it.
//
// The caller must decide first whether this user may act as the other. At most [MaxActors] act one as
// the other, [ErrInvalid] beyond.
func (m *Manager) Impersonate(ctx context.Context, ref Ref, as Impersonation) (Session, error) {
	switch {
	case as.User.IsZero():
		return Session{}, fmt.Errorf("%w: no user to act as", ErrInvalidID)
	case as.User == ref.User:
		return Session{}, fmt.Errorf("%w: the session is of that user", ErrInvalid)
	case as.MaxAge <= 0 || as.MaxAge > MaxImpersonation:
		return Session{}, fmt.Errorf("%w: MaxAge %v is not between 0 and %v", ErrInvalid, as.MaxAge, MaxImpersonation)
	}
	acting, err := NewActing(as.User, as.Reason)
	if err != nil {
		return Session{}, err
	}
	return m.replaceSession(ctx, ref, func(old Session) (Session, CreateOptions, error) {
		actors, err := NewActors(append([]Actor{{old.User, as.Reason}}, old.Actors.list()...)...)
		if err != nil {
			return Session{}, CreateOptions{}, err
		}
		var how CreateOptions
		as := as
		if m.cfg.Grants != nil {
			if as, how.Ticket, err = m.limitImpersonation(ctx, old.Tenant, as); err != nil {
				return Session{}, CreateOptions{}, err
			}
		}
		attributes, err := keepKey(old.Attributes, as.Attributes)
		if err != nil {
			return Session{}, CreateOptions{}, err
		}
		s := old
		s.ID, s.User, s.Roles, s.Attributes, s.Actors = NewID(), as.User, as.Roles, attributes, actors
		s.Provider = Provider{} // which has not signed that user in
		// Until the old session is Acting, in this version, the new one is dead.
		s.Origin = NewOrigin(old.ID, old.Version+1)
		how.Lifetime, how.Until = as.MaxAge, old.ExpiresAt
		return s, how, nil
	}, func(old Session) error {
		want := old.Version + 1
		old.Acting = acting
		left, err := m.store.Update(ctx, old)
		if left, err = checkAnswer(ref, left, err); err != nil {
			return gone(ref, err)
		}
		if left.Acting != acting || left.Version != want {
			return fmt.Errorf("%w: the store did not note as whom the user of %v acts", ErrCorrupt, ref.ID)
		}
		return nil
	})
}

// StopImpersonating gives the user who acts by the session of ref a session of their own
// again, of a new id: out of the one in which they began to act, and only if nothing has ended
// or changed that since. ExpiresAt, AuthTime, AMR and the device are those of that one. A user who
// acted as one user out of acting as another is back at the first, without a refresh token.
// The session of ref is dead before the new one is returned, and stays so on any failure
// halfway: then they have to sign in.
//
// grants returns the roles and attributes that the user has now; it is given their own session
// as they left it. It is nil where [Config].Grants is set, which is asked instead. Its error is returned as it is, and then nothing has changed. [ErrInvalid]
// when nobody acts by the session of ref, [ErrNotFound] when it is not live.
func (m *Manager) StopImpersonating(ctx context.Context, ref Ref, grants func(own Session) (Roles, Attributes, error)) (Session, RefreshToken, error) {
	s, err := m.Load(ctx, ref)
	if err != nil {
		return Session{}, RefreshToken{}, err
	}
	if s.Actors.Len() == 0 {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: nobody acts as the user of the session", ErrInvalid)
	}
	if m.cfg.Grants != nil {
		if grants != nil {
			return Session{}, RefreshToken{}, fmt.Errorf("%w: grants: roles and attributes are those that Config.Grants returns", ErrInvalid)
		}
		grants = func(own Session) (Roles, Attributes, error) {
			now, _, err := m.ask(ctx, own.Tenant, own.User)
			return now.Roles, now.Attributes, err
		}
	}
	if grants == nil {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: no grants: return the roles that the user has now", ErrInvalid)
	}
	own, err := m.origin(ctx, s)
	if err != nil {
		return Session{}, RefreshToken{}, gone(ref, err)
	}
	next := own
	if next.Roles, next.Attributes, err = grants(own); err != nil {
		return Session{}, RefreshToken{}, err
	}
	if own.Provider.Claims().NamesRoles && !slices.Equal(next.Roles.names, own.Roles.names) {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: the provider's tokens say what roles the session has", ErrInvalid)
	}
	for _, bound := range []Session{own, s} {
		if next.Attributes, err = keepKey(bound.Attributes, next.Attributes); err != nil {
			return Session{}, RefreshToken{}, err
		}
	}
	next.ID, next.Acting = NewID(), Acting{}
	first := firstClaims(next.Ref())
	digest := first.digest()
	if own.Actors.Len() > 0 {
		digest = Digest{}
	}
	// This ends the session of ref as well, whose origin is gone.
	back, err := m.store.Rotate(ctx, own.Ref(), next, digest)
	back, err = checkAnswer(next.Ref(), back, err)
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrStale) {
		return Session{}, RefreshToken{}, gone(ref, fmt.Errorf("%w: the user's own session was changed", ErrNotFound))
	}
	if err == nil {
		err = m.undo(ctx, ref)
	}
	if err != nil && errors.Is(classify(err), ErrUnavailable) || errors.Is(err, ErrCorrupt) {
		if failed := m.undo(ctx, next.Ref()); failed != nil {
			return Session{}, RefreshToken{}, fmt.Errorf("%w: %w; %v, which nobody was given, may be left: %w", ErrUnavailable, err, next.ID, failed)
		}
	}
	if err != nil {
		return Session{}, RefreshToken{}, gone(ref, classify(err))
	}
	if own.Actors.Len() > 0 {
		return back, RefreshToken{}, nil
	}
	return back, first.seal(m.keys[0]), nil
}

// origin returns the session out of which the current actor of s acts, which must be as it was
// when they began: an end or a demotion of theirs ends what they do as somebody else. An
// impersonation that names none was begun by an instance of an earlier version.
func (m *Manager) origin(ctx context.Context, s Session) (Session, error) {
	ref := s.originRef()
	if ref.Validate() != nil {
		return Session{}, fmt.Errorf("%w: it does not say out of which session somebody acts", ErrNotFound)
	}
	own, err := m.store.Load(ctx, ref)
	if own, err = checkAnswer(ref, own, err); err != nil {
		return Session{}, err
	}
	if !s.actsOutOf(own) {
		return Session{}, fmt.Errorf("%w: the session out of which somebody acts was changed", ErrNotFound)
	}
	return own, nil
}

// actsOutOf reports whether own is the origin of s, unchanged.
func (s Session) actsOutOf(own Session) bool {
	return own.Ref() == s.originRef() && !own.Stale && own.Acting.User() == s.User && own.Version == s.Origin.Version() &&
		slices.Equal(own.Actors.list(), s.Actors.list()[1:])
}

// checkOrigins returns nil when every session out of which somebody acts by s stands. Each has
// one actor fewer, so they come to an end.
func (m *Manager) checkOrigins(ctx context.Context, s Session) error {
	for s.Actors.Len() > 0 {
		own, err := m.origin(ctx, s)
		if err != nil {
			return err
		}
		s = own
	}
	return nil
}
