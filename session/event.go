package session

import "time"

// Event is one change of state that a store made. Stores write it in the same step as the
// change, so that there is none without the other, also after a crash. Uses ([Store.Touch])
// and sessions that expire are no events.
//
// An event holds no secret and names sessions by [ID.Digest]. The one text in it that
// somebody wrote is Reason; a store that keeps events outside the process seals it. Events
// are kept for a bounded time and number, both the store's to choose; who needs them for
// longer copies them.
type Event struct {
	Kind EventKind
	At   time.Time // by the store's clock, to the millisecond

	// Session is the digest of the session's id. It is empty for the kinds that end the
	// sessions of a user, a tenant or everyone.
	Session string

	// Next is the digest of the id that the session was rotated to.
	Next string

	// Reason is why somebody acts as the user, when the session was created for that; see
	// [Impersonation]. It is empty for every other event.
	Reason string
}

// EventKind says what happened.
type EventKind string

// The kinds of event.
const (
	EventCreated       EventKind = "created"
	EventUpdated       EventKind = "updated"
	EventRotated       EventKind = "rotated"
	EventRefreshed     EventKind = "refreshed"      // a new step, not one that was repeated
	EventRefreshReused EventKind = "refresh-reused" // the session ended by it
	EventRevoked       EventKind = "revoked"        // this one session
	EventEvicted       EventKind = "evicted"        // by the limit; it may have been dead with its tenant
	EventUserRevoked   EventKind = "user-revoked"
	EventTenantRevoked EventKind = "tenant-revoked" // in the events of the tenant
	EventAllRevoked    EventKind = "all-revoked"    // in the events of everyone
)
