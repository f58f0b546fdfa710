package session

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unique"
)

// MaxRotateGrace is the longest [Config].RotateGrace.
const MaxRotateGrace = 10 * time.Second

// Successor is the session that took the place of another one. Successors are comparable, and
// print nothing of the session's id. The zero Successor is that of every session which is not
// replaced.
type Successor struct{ handle unique.Handle[Ref] }

// NewSuccessor returns the Successor that is the session of ref.
func NewSuccessor(ref Ref) Successor { return Successor{unique.Make(ref)} }

// IsZero reports whether there is none.
func (n Successor) IsZero() bool { return n == Successor{} }

// Ref finds the session, the zero Ref for the zero Successor.
func (n Successor) Ref() Ref {
	if n.IsZero() {
		return Ref{}
	}
	return n.handle.Value()
}

// String implements [fmt.Stringer]: the digest of the session, "" for none.
func (n Successor) String() string {
	if n.IsZero() {
		return ""
	}
	return n.Ref().ID.Fingerprint()
}

// inGrace returns the session s, which another one has replaced, while that one is live. The time
// and the methods by which its user signed in are left out, and the provider's word for them: nothing
// that asks for a recent or a strong sign-in is satisfied by it.
func (m *Manager) inGrace(ctx context.Context, s Session) (Session, error) {
	to := s.MovedTo.Ref()
	live, err := m.peek(ctx, to.Tenant, to.User, []ID{to.ID})
	if err != nil {
		return Session{}, err
	}
	if len(live) == 0 || live[0].Ref() != to {
		return Session{}, fmt.Errorf("%w: the session that took its place has ended", ErrNotFound)
	}
	s.AuthTime, s.AMR, s.Provider = time.Time{}, Methods{}, s.Provider.By("")
	return s, nil
}

// errReplaced is the error of what a session cannot do that another one has replaced.
func errReplaced(s Session) error {
	if s.MovedTo.IsZero() {
		return nil
	}
	return gone(s.Ref(), fmt.Errorf("%w: another session has taken its place", ErrNotFound))
}

// endSuccessor ends the session that took the place of s.
func (m *Manager) endSuccessor(ctx context.Context, s Session) error {
	if s.MovedTo.IsZero() {
		return nil
	}
	return classify(m.store.Revoke(ctx, s.MovedTo.Ref()))
}

// revokeWithSuccessor is Revoke where a session may be MovedTo another one: the session that a request
// has loaded does not tell. It ends one that has not moved as of the version that it has read, so that
// none moves between the two.
func (m *Manager) revokeWithSuccessor(ctx context.Context, ref Ref) error {
	for attempt := 0; ; attempt++ {
		s, err := m.store.Load(ctx, ref)
		if err != nil || !s.MovedTo.IsZero() || s.Ref() != ref {
			return m.end(ctx, ref, s) // a session that cannot be read is ended all the same
		}
		err = m.store.End(ctx, ref, s.Version)
		switch {
		case err == nil:
			return m.endOrigins(ctx, s)
		case errors.Is(err, ErrUnavailable), !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound), attempt == maxAttempts-1:
			return m.end(ctx, ref, s)
		}
		if err := backOff(ctx, attempt); err != nil {
			return m.end(ctx, ref, s)
		}
	}
}

// rotate moves a session to a new id. The old one is dead, or loads for the grace.
func (m *Manager) rotate(ctx context.Context, old Ref, next Session, refresh Digest, grace time.Duration) (Session, error) {
	if grace <= 0 {
		return m.store.Rotate(ctx, old, next, refresh)
	}
	return m.store.RotateWithGrace(ctx, old, next, refresh, grace)
}

// leave ends a session whose user goes on by another one, of next. It is dead, or loads for
// [Config].RotateGrace.
func (m *Manager) leave(ctx context.Context, old Session, next Ref) error {
	if m.cfg.RotateGrace <= 0 {
		return classify(m.store.End(ctx, old.Ref(), old.Version))
	}
	return classify(m.store.Retire(ctx, old.Ref(), old.Version, next, m.cfg.RotateGrace))
}

// CheckGrace refuses a grace that no store accepts, for stores.
func CheckGrace(grace time.Duration) error {
	if grace <= 0 || grace > MaxRotateGrace {
		return fmt.Errorf("%w: a grace of %v is not between 0 and %v", ErrInvalid, grace, MaxRotateGrace)
	}
	return nil
}
