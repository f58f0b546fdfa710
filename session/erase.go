package session

import (
	"context"
	"iter"

	"github.com/reevehq/reeve/tenant"
)

// EraseUser ends every session of a user in a tenant and erases what the store has of the user:
// sessions, refresh tokens, devices, grants and events. The user stays blocked, as by
// [Manager.Block], so that nobody signs in as them while other stores are erased or after: a person
// who comes back under the same id needs [Manager.Unblock], and finds nothing of before. Marks that
// keep earlier sessions and sign-ins from coming back remain, under keyed digests; the store's
// package says what and for how long.
//
// When it fails it can be called again, and does what is left. It concerns the store alone: tables,
// files and caches are erased by package [github.com/reevehq/reeve/session/erasure], which calls it.
func (m *Manager) EraseUser(ctx context.Context, t tenant.ID, u UserID) error {
	return classify(m.store.EraseUser(ctx, t, u))
}

// EraseTenant ends every session of a tenant and erases what the store has of these users in it, and
// the events of the tenant. The tenant must be suspended, which it stays: [ErrNotSuspended] otherwise.
//
// The store keeps no list of a tenant's users: users are those of the service's own tables, which
// therefore go after it. An error that they yield stops the erasure and is returned.
//
// When it fails it can be called again, and does what is left.
func (m *Manager) EraseTenant(ctx context.Context, t tenant.ID, users iter.Seq2[UserID, error]) error {
	return classify(m.store.EraseTenant(ctx, t, users))
}
