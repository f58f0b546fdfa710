package memstore

import (
	"context"
	"time"

	"github.com/reevehq/reeve/session"
)

// listed reports whether a session is live and none that another one has replaced.
func listed(s session.Session, now time.Time) bool { return isLive(s, now) && s.MovedTo.IsZero() }

// Retire implements [session.Store].
func (st *Store) Retire(ctx context.Context, ref session.Ref, version uint64, to session.Ref, grace time.Duration) error {
	for _, r := range []session.Ref{ref, to} {
		if err := r.Validate(); err != nil {
			return err
		}
	}
	if err := session.CheckGrace(grace); err != nil {
		return err
	}
	r, now, err := st.enterLive(ctx, "retire", ref)
	if err != nil {
		return err
	}
	defer st.mu.Unlock()
	if r.session.Version != version {
		return session.ErrConflict
	}
	if r.signIn != nil {
		r.signIn.end, r.signIn = now, nil // which ends here, whatever still loads
	}
	r.retire(to, now.Add(grace))
	st.happened(ctx, r.session, session.Event{Kind: session.EventRevoked, At: now})
	return nil
}

// retire leaves of a session what loads until end.
func (r *record) retire(to session.Ref, end time.Time) {
	r.session.MovedTo = session.NewSuccessor(to)
	r.session.Version++
	if end.Before(r.session.ExpiresAt) {
		r.session.ExpiresAt = end
	}
	r.refresh = family{}
}
