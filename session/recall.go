package session

import "github.com/reevehq/reeve/internal/reqctx"

// recaller is a Store that remembers sessions, as a cachestore.Store does.
type recaller interface {
	// Recall returns what Load would return of ref without asking anybody, but for the ID,
	// which is ref's. Nil says nothing about the session; Load does.
	Recall(ref Ref) *reqctx.Entry[Session]

	// RecallsFound reports whether Recall would return what an earlier call has returned, of
	// this store or another. False says nothing about the session; Recall does.
	RecallsFound(*reqctx.Entry[Session]) bool

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

// Recall returns the session that Load would return for h's reference, where nothing has to be
// asked for it: it is in memory, is that of a user who acts for themselves, and its use is recorded.
// The session that it returns has no ID, which is the reference's, and is shared by all its
// requests. It is how the middleware loads most sessions, since it waits for nothing and needs no
// limit. False says nothing about the session; Load does.
func (m *Manager) Recall(h *Handle) (reqctx.Shared[Session], bool) {
	if h == nil || m.recaller == nil || m.tenants != nil && !m.tenants.serves(h.ref.Tenant) {
		return reqctx.Shared[Session]{}, false
	}
	// Whose session it is and of what kind was looked at when it was found, and nobody changes it.
	if e := h.found.Load(); e != nil && m.recaller.RecallsFound(e) {
		return reqctx.Share(&e.Value), true
	}
	if h.ref.Validate() != nil {
		return reqctx.Shared[Session]{}, false
	}
	e := m.recaller.Recall(h.ref)
	if e == nil || e.Value.Tenant != h.ref.Tenant || e.Value.User != h.ref.User {
		return reqctx.Shared[Session]{}, false
	}
	if s := &e.Value; s.Stale || !s.MovedTo.IsZero() || !s.Acting.IsZero() || s.Actors.Len() > 0 {
		return reqctx.Shared[Session]{}, false
	}
	h.found.Store(e)
	return reqctx.Share(&e.Value), true
}
