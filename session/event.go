package session

import "time"

// Event is one change of state that a store made. Stores write it in the same step as the
// change, so that there is none without the other, also after a crash. Uses ([Store.Touch])
// and sessions that expire are no events.
//
// An event holds no secret and names sessions by [ID.Fingerprint]. A store that keeps events
// outside the process seals Reason, Actor and As. Events are kept for a bounded time and
// number, both the store's to choose; copy them to keep them for longer. Its JSON has lower_snake
// names, a time of RFC 3339, and no member for what is empty.
type Event struct {
	Kind EventKind `json:"kind"`
	At   time.Time `json:"at,omitzero"` // by the store's clock, to the millisecond

	// Session is the digest of the session's id. It is empty for the kinds that end the
	// sessions of a user, a tenant or everyone.
	Session string `json:"session,omitempty"`

	// Next is the digest of the id that the session was rotated to.
	Next string `json:"next,omitempty"`

	// Actor is the user who acts as the user of the session, its current actor. Where the
	// session has none, or the event names no session, it is the one who acts in the request
	// that made the change: see [ActorFromContext]. It is zero when nobody acts as another.
	Actor UserID `json:"actor,omitzero"`

	// As is the user as whom the session's user acts out of it.
	As UserID `json:"as,omitzero"`

	// Reason is why somebody acts as another user, in the events by which that begins: see
	// [Impersonation]. It is empty for every other event.
	Reason string `json:"reason,omitempty"`
}

// EventKind says what happened.
type EventKind string

// The kinds of event.
const (
	EventCreated EventKind = "created"
	EventUpdated EventKind = "updated"

	// The session of a provider's sign-in began. Where it is untimed, the provider's tokens name
	// neither its session nor when the user signed in: once this session is revoked, that holds
	// until the provider's next token, and [Manager.Block] until it is lifted.
	EventAdopted        EventKind = "adopted"
	EventAdoptedUntimed EventKind = "adopted-untimed"

	EventRotated       EventKind = "rotated"
	EventRefreshed     EventKind = "refreshed"      // a new step, not one that was repeated, or a newer token of the provider
	EventRefreshReused EventKind = "refresh-reused" // the session ended by it
	EventRevoked       EventKind = "revoked"        // this one session
	EventEvicted       EventKind = "evicted"        // by the limit; it may have been dead with its tenant
	EventUserRevoked   EventKind = "user-revoked"
	EventBlocked       EventKind = "blocked" // every session of the user ended by it
	EventUnblocked     EventKind = "unblocked"
	EventOthersRevoked EventKind = "others-revoked" // every session of the user but this one

	// The roles or attributes of a user changed, in every session: [Manager.UpdateUser]; or they
	// have to be asked anew, [Manager.Stale], which the sessions did, each with an event.
	EventUserUpdated EventKind = "user-updated"
	EventUserStale   EventKind = "user-stale"
	EventRegranted   EventKind = "regranted"

	// The store was set back, by a failover or a restart that lost changes. Those that could not be
	// put back ended: Session or, where there is none, every session of the user.
	EventStoreBehind EventKind = "store-behind"

	// EventLimited is the sign-in of Session, at a limit that was lowered: every older session
	// that was too many ended with it, more than [MaxEvictions].
	EventLimited EventKind = "limited"

	// In the events of a user who acts as another: they began, out of Session, and they
	// stopped, by which Session became Next. Where it ends otherwise, Session is revoked,
	// evicted or updated, with As, or expires.
	EventImpersonated       EventKind = "impersonated"
	EventImpersonationEnded EventKind = "impersonation-ended"

	EventTenantRevoked EventKind = "tenant-revoked" // in the events of the tenant
	EventTenantStale   EventKind = "tenant-stale"   // likewise, as EventUserStale

	// In the events of the tenant: its status has changed, by [Manager.SetTenantStatus], or by a
	// sign-in where [Config].Tenants has a tenant that the store does not know. One that is set to the
	// status that it has is no event, nor is a status that a store has put back which was set back.
	EventTenantSetUp     EventKind = "tenant-set-up" // it is active, and its status was unknown
	EventTenantActivated EventKind = "tenant-activated"
	EventTenantSuspended EventKind = "tenant-suspended"

	EventAllRevoked EventKind = "all-revoked" // in the events of everyone
)
