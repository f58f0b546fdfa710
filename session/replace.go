package session

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// undoLimit bounds the attempt to end a session that nobody was given.
const undoLimit = 2 * time.Second

// replaceSession replaces the session of ref by one of another tenant or user, which change makes
// of it. The new one is stored first, under an id that nobody has, and handed out when leave
// has made certain that the old one signs nobody in; of several at once leave lets one win. On
// any failure the new one is ended.
func (m *Manager) replaceSession(ctx context.Context, ref Ref, change func(old Session) (Session, CreateOptions, error), leave func(old Session) error) (Session, error) {
	for attempt := 0; ; attempt++ {
		old, err := m.Load(ctx, ref)
		if err != nil {
			return Session{}, err
		}
		if err := errReplaced(old); err != nil {
			return Session{}, err
		}
		next, how, err := change(old)
		if err != nil {
			return Session{}, err
		}
		var created Session
		err = m.inTenant(ctx, next.Tenant, func() (err error) {
			created, err = m.store.Create(ctx, next, how)
			return err
		})
		created, err = checkAnswer(next.Ref(), created, err)
		if errors.Is(err, ErrStale) && attempt < maxAttempts-1 { // nothing was stored
			if err := backOff(ctx, attempt); err != nil {
				return Session{}, err
			}
			continue
		}
		if err != nil && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrCorrupt) {
			return Session{}, err // nothing was stored
		}
		if err == nil {
			err = leave(old)
		}
		if err == nil {
			return created, nil
		}
		if failed := m.undo(ctx, next.Ref()); failed != nil {
			return Session{}, fmt.Errorf("%w: %w; %v, which nobody was given, may be left: %w", ErrUnavailable, err, next.ID, failed)
		}
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrStale) || attempt == maxAttempts-1 {
			return Session{}, err
		}
		if err := backOff(ctx, attempt); err != nil {
			return Session{}, err
		}
	}
}

// undo ends a session that nobody was given. It does so also for a caller that went away,
// and after a Create that was not answered.
func (m *Manager) undo(ctx context.Context, ref Ref) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	return m.store.Revoke(ctx, ref)
}
