package session

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// StepUp records that the user of ref proved again who they are, by methods: AuthTime is
// now and AMR has the methods too. The session moves to a new id, see [Manager.Rotate]; the old one
// is dead then, or loads for [Config].RotateGrace.
// Verify the second factor before calling it. [ErrImpersonating] when somebody else acts as
// the user.
func (m *Manager) StepUp(ctx context.Context, ref Ref, methods Methods) (Session, RefreshToken, error) {
	if len(methods.names) == 0 {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: a step-up by no method", ErrInvalid)
	}
	return m.move(ctx, ref, func(s *Session) error {
		if s.Actors.Len() > 0 {
			return ErrImpersonating
		}
		amr, err := NewMethods(slices.Compact(slices.Sorted(slices.Values(append(s.AMR.Names(), methods.names...))))...)
		if err != nil {
			return err
		}
		s.AMR, s.AuthTime = amr, time.Time{} // the store's now
		return nil
	}, m.cfg.RotateGrace)
}
