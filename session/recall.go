package session

import "github.com/reevehq/reeve/internal/reqctx"

// recaller is a Store that remembers sessions, as a cachestore.Store does.
type recaller interface {
	// Recall returns what Load would return of ref without asking anybody, but for the ID,
	// which is ref's. False says nothing about the session; Load does.
	Recall(ref Ref) (reqctx.Shared[Session], bool)

	// Recalls reports whether Recall answers for s: whether s is the store itself, and not one
	// that embeds it and may load otherwise.
	Recalls(s Store) bool
}

// recallerOf returns the recaller that a store is, nil where it is none.
func recallerOf(store Store) recaller {
	if r, ok := store.(recaller); ok && r.Recalls(store) {
		return r
	}
	return nil
}

// Recall returns the session that Load would return for ref, where nothing has to be asked for it:
// it is in memory, is that of a user who acts for themselves, and its use is recorded. The session
// that it returns has no ID, which is ref's, and is shared by all its requests. It is how the
// middleware loads most sessions, since it waits for nothing and needs no limit. False says nothing
// about the session; Load does.
func (m *Manager) Recall(ref Ref) (reqctx.Shared[Session], bool) {
	if m.recaller == nil || ref.Validate() != nil || m.tenants != nil && !m.tenants.serves(ref.Tenant) {
		return reqctx.Shared[Session]{}, false
	}
	shared, ok := m.recaller.Recall(ref)
	s := reqctx.Read(shared)
	if !ok || s == nil || s.Tenant != ref.Tenant || s.User != ref.User {
		return reqctx.Shared[Session]{}, false
	}
	if s.Stale || !s.MovedTo.IsZero() || !s.Acting.IsZero() || s.Actors.Len() > 0 {
		return reqctx.Shared[Session]{}, false
	}
	return shared, true
}
