package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// maxAttempts is how often a change is tried that others overtake.
const maxAttempts = 12

// Update changes the session of ref by change and stores it, unless somebody changed it
// meanwhile: then it loads the session again and calls change again. After 12 attempts it
// gives up with [ErrConflict]. change may set Roles, Attributes, AuthTime, AMR and
// IdleTimeout; another field is [ErrInvalid]. An error of change is returned as it is,
// and nothing is stored.
//
// To raise what a session may do, use [Manager.Rotate].
//
// A user who acts as another has their own session still, and it is updated like any other.
// That ends what they do as somebody else.
func (m *Manager) Update(ctx context.Context, ref Ref, change func(*Session) error) (Session, error) {
	return m.change(ctx, ref, m.load, change, func(s Session) (Session, error) {
		updated, err := m.store.Update(ctx, s)
		return checkAnswer(ref, updated, err)
	})
}

// Rotate is [Manager.Update] that moves the session to a new id and starts a new family
// of refresh tokens; the old id and its refresh tokens are worth nothing from then on. It
// belongs to every sign-in, second factor and raise of privilege (ASVS 7.2.4): somebody who
// planted or stole the old id gains nothing by it. The session ends when it would have. A nil
// change only moves it. An impersonation, which cannot be refreshed, gets no token.
func (m *Manager) Rotate(ctx context.Context, ref Ref, change func(*Session) error) (Session, RefreshToken, error) {
	return m.move(ctx, ref, change, 0)
}

// move is Rotate after which the old id loads for the grace.
func (m *Manager) move(ctx context.Context, ref Ref, change func(*Session) error, grace time.Duration) (Session, RefreshToken, error) {
	var first refreshClaims
	s, err := m.change(ctx, ref, m.Load, change, func(s Session) (Session, error) {
		s.ID = NewID()
		first = firstClaims(s.Ref())
		digest := first.digest()
		if s.Actors.Len() > 0 { // a session that must not outlast its hour is not refreshed
			digest = Digest{}
		}
		rotated, err := m.rotate(ctx, ref, s, digest, grace)
		return checkAnswer(s.Ref(), rotated, err)
	})
	if err != nil {
		return Session{}, RefreshToken{}, err
	}
	if s.Actors.Len() > 0 {
		return s, RefreshToken{}, nil
	}
	return s, first.seal(m.keys[0]), nil
}

// change loads, changes and stores until no conflict is left.
func (m *Manager) change(ctx context.Context, ref Ref, load func(context.Context, Ref) (Session, error), change func(*Session) error, store func(Session) (Session, error)) (Session, error) {
	for attempt := 0; ; attempt++ {
		before, err := load(ctx, ref)
		if err != nil {
			return Session{}, err
		}
		if err := errReplaced(before); err != nil {
			return Session{}, err
		}
		after := before
		if change != nil {
			if err := change(&after); err != nil {
				return Session{}, err
			}
		}
		if err := m.checkChange(before, after); err != nil {
			return Session{}, err
		}
		stored, err := store(after)
		err = gone(ref, err)
		switch {
		case err == nil:
			return stored, nil
		case errors.Is(err, ErrStale) && attempt == maxAttempts-1:
			return Session{}, errTooStale(ref, err)
		case !errors.Is(err, ErrConflict) && !errors.Is(err, ErrStale), attempt == maxAttempts-1:
			return stored, err
		}
		if err := backOff(ctx, attempt); err != nil {
			return Session{}, err
		}
	}
}

// checkChange refuses a change of what only the store and a new sign-in set. It is an
// error rather than ignored: code that moves a session's expiry believes that it moved.
func (m *Manager) checkChange(before, after Session) error {
	switch {
	case after.Ref() != before.Ref():
		return fmt.Errorf("%w: a change keeps the session's id, tenant and user", ErrInvalid)
	case !after.CreatedAt.Equal(before.CreatedAt), !after.ExpiresAt.Equal(before.ExpiresAt), !after.LastSeenAt.Equal(before.LastSeenAt):
		return fmt.Errorf("%w: a change keeps CreatedAt, ExpiresAt and LastSeenAt", ErrInvalid)
	case after.UserAgent != before.UserAgent, after.Address != before.Address, !slices.Equal(after.Actors.list(), before.Actors.list()),
		after.Origin != before.Origin, after.Acting != before.Acting, after.MovedTo != before.MovedTo:
		return fmt.Errorf("%w: a change keeps the device and the actors", ErrInvalid)
	case after.Provider != before.Provider:
		return fmt.Errorf("%w: a change keeps the provider", ErrInvalid)
	case before.Provider.Claims().NamesRoles && !slices.Equal(after.Roles.names, before.Roles.names):
		return fmt.Errorf("%w: the provider's tokens say what roles the session has", ErrInvalid)
	case dropsBinding(before.Attributes, after.Attributes):
		return errKeyLost
	case after.Stale != before.Stale:
		return fmt.Errorf("%w: a change keeps Stale: call Manager.Stale", ErrInvalid)
	case after.Version != before.Version:
		return fmt.Errorf("%w: a change keeps the version", ErrInvalid)
	}
	if err := after.Validate(); err != nil {
		return err
	}
	if err := m.checkGranted(before, after); err != nil {
		return err
	}
	if after.IdleTimeout == before.IdleTimeout {
		return nil
	}
	if err := m.cfg.checkIdleTimeout(after.IdleTimeout); err != nil {
		return fmt.Errorf("%w: IdleTimeout: %w", ErrInvalid, err)
	}
	return nil
}

// backOff waits a random time that doubles with each attempt, to 64 ms, so that those who
// met once do not meet again.
func backOff(ctx context.Context, attempt int) error {
	limit := time.Millisecond << min(attempt, 6)
	timer := time.NewTimer(rand.N(limit)) // spreads retries, guards nothing
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	case <-timer.C:
		return nil
	}
}
