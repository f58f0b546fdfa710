package session

import (
	"context"
	"iter"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// TouchInterval is how often at most a store writes down that a session is in use.
// LastSeenAt is right to this interval, and an idle timeout is at least twice as long.
const TouchInterval = 15 * time.Second

// Store keeps sessions. Its methods are safe for concurrent use, and each is one atomic
// step: no interleaving of two calls leaves a state that no order of them would.
//
// Every implementation keeps these promises, and sessiontest proves them:
//
//   - A session is live when it was created, has not reached ExpiresAt, was used within
//     IdleTimeout, and neither it nor its user, its tenant or everyone was revoked since.
//     Only a live session is returned, changed or extended; for any other the method
//     returns [ErrNotFound] and changes nothing. A revoked session never becomes live.
//   - A session is found only by all three parts of its [Ref].
//   - A session that is Acting is live, and a store loads it: the [Manager], which asks for
//     the sessions out of which somebody acts, lets nobody in by it. It has no refresh family
//     any more: Refresh returns [ErrNotFound] for it and changes nothing.
//   - A session is Stale from [Store.Stale] on until [Store.Regrant]. Load, List and Peek return
//     it, and it can be ended and touched; Update, Rotate, Refresh and RevokeOthers return
//     [ErrStale] and change nothing. By [Store.UpdateUser] a session is changed and has another
//     version, though that may be stored when it is next used. A session with Actors ends by
//     either of the two.
//   - Methods that take or return a session of a tenant whose status is not Active return
//     the status's error (tenant.ErrUnknown, tenant.ErrSuspended) and change nothing.
//     Revoking, listing and peeking work in every status.
//   - Time is the store's own: one clock for all processes that share the store. It counts
//     in milliseconds or finer, and AuthTime is kept to the millisecond.
//   - A store that is set back, by a failover or a restart that lost changes, counts nothing
//     older than what the same value has acknowledged or returned before: a tenant is not less
//     suspended, and a session that cannot be as it was is dead.
//   - When the store cannot tell, it returns an error wrapping [ErrUnavailable] or
//     [ErrCorrupt], never [ErrNotFound]. After ErrUnavailable from a write, the write may
//     or may not have happened.
//   - Invalid references and values are refused with [ErrInvalidID] or [ErrInvalid] before
//     anything is sent.
type Store interface {
	// Create stores a new session whose id is fresh, as c says. It sets CreatedAt,
	// LastSeenAt, ExpiresAt and Version, and AuthTime where it is zero. ErrExists when a
	// session of that Ref is stored already, ErrTooManySessions when c.Limit is reached and
	// rejects, ErrInvalid when the lifetime or IdleTimeout is not positive or Until has
	// passed.
	//
	// The limit is kept in the same step: after no call, whatever runs at the same time, has the
	// user more live sessions than it allows. Up to MaxEvictions of the oldest are ended one by one,
	// each an event; more, which are there when the limit was lowered, are ended together as one
	// event, EventLimited. They may end in steps, the oldest first and before the new session is
	// stored: a call that fails on the way has ended some of them. A session with Actors does not
	// count toward the limit: it is neither counted nor ended by it, and is created whatever c.Limit
	// says. Of those the oldest are ended for one beyond MaxImpersonations.
	//
	// ErrStale, and no session, when something has happened since c.Ticket: the user was revoked,
	// updated or made stale, or the tenant or everyone was. It holds also for what happens at
	// the same time: no session stays that is live, has the roles from before and is not Stale.
	// ErrInvalid when the ticket is of another user.
	Create(ctx context.Context, s Session, c CreateOptions) (Session, error)

	// Adopt returns the session of somebody whom an identity provider has signed in: the live one
	// of the sign-in, which counts as used like by Load and is changed as [Adoption.Roll] says, or
	// a new one. The sign-in is that of a.Stranger's Issuer, Name, Tenant and User. Find and
	// create are one step: concurrent calls make one session of a sign-in.
	//
	// A stranger for whom CheckClock says so is refused with ErrIssuedAhead. A live session whose
	// Provider.Since the sign-in of a stranger without Name does not find, by Finds, is not found.
	// A new session is made, as by Create, only
	//
	//   - when the sign-in has had no session, and CheckUnknown allows it for the latest
	//     revocation of the user, of the tenant, of everyone and of the person, each of which
	//     counts from its own time, whether there was a session or not;
	//   - when the session that it had has ended and the stranger has no Name: then Known has to
	//     allow it for the sign-in that session was of, and Later for the end of the session too, which is when it was revoked or evicted, moved by nobody, or expired.
	//     That time is its Provider.Since, which [Provider.From] sets;
	//   - never for a Name that EndSignIn has ended, before or after its first session, nor
	//     for one whose session has ended, nor for one that was refused once as EndedByName says:
	//     ErrSignedOut.
	//
	// ErrBlocked for a user whom Block keeps out. A store that does not know when a
	// session ended takes the time at which it noticed. Ends are known for [EndsKept] at least.
	// A session that Rotate or RotateWithGrace has moved is the sign-in's under its new id. One that
	// Retire has replaced has ended. Stale and UpdateUser end nothing: a stale session is found as
	// Stale, and none is made but under the ticket of a.Create, if there is one, and where
	// [Adoption.CheckTicket] allows it.
	Adopt(ctx context.Context, a Adoption) (Session, error)

	// EndSignIn ends the session of the provider's session of that name, in every tenant, and has
	// Adopt refuse it from then on.
	EndSignIn(ctx context.Context, issuer, name string) error

	// RevokePerson is RevokeUser in every tenant where a sign-in of the issuer's user was
	// adopted or may have been refused, and has Adopt take no sign-in before it in any other.
	// It is one step for each.
	RevokePerson(ctx context.Context, issuer string, u UserID) error

	// Block is RevokeUser that has Create and Adopt return ErrBlocked until Unblock: no
	// session of the user in the tenant begins after it has returned. It works in every status of
	// the tenant and holds without end. It replaces what it has read, like SetTenantStatus.
	Block(ctx context.Context, t tenant.ID, u UserID) error

	// Unblock lifts Block. It is no error when there is none.
	Unblock(ctx context.Context, t tenant.ID, u UserID) error

	// EraseUser is Block, which stays, after which nothing is stored any more that tells who the
	// user was: no session, live or ended, no refresh family, no grants and no events of the user in the
	// tenant. It keeps what ends the sessions and sign-ins from before, should a store that is
	// set back bring them back; those are dead then. It works in every status of the tenant.
	//
	// It is many steps. After an error it may be made again, and does what is left; where nothing is,
	// it is no error. ErrConflict when somebody unblocks the user meanwhile.
	EraseUser(ctx context.Context, t tenant.ID, u UserID) error

	// EraseTenant is RevokeTenant, and EraseUser for each of the users, but without a Block, and
	// it deletes the events of the tenant, also the one of its suspension, last and in one step with a
	// look at the status. ErrNotSuspended, and nothing is erased, in any other
	// status; the same error for one that is no longer suspended stops it where it is. The status
	// stays Suspended. An error that users yields stops it too and is returned. Nil users are none.
	//
	// No store need know who its users are: a user who is not among users keeps what EraseUser would
	// erase until it expires. It may be made again like EraseUser.
	EraseTenant(ctx context.Context, t tenant.ID, users iter.Seq2[UserID, error]) error

	// Load returns the live session of ref and records the use, at most once in
	// [TouchInterval], in the same step.
	Load(ctx context.Context, ref Ref) (Session, error)

	// Update replaces Roles, Attributes, AuthTime, AMR and IdleTimeout of the live session
	// of s.Ref(), if its version is still s.Version, and returns it with the next version.
	// Loading and touching change no version. ErrConflict when the version differs,
	// ErrInvalid when IdleTimeout is not positive.
	//
	// It sets Acting where that is zero, which is an event of its own kind, and
	// otherwise keeps it: ErrInvalid when s has another one.
	Update(ctx context.Context, s Session) (Session, error)

	// Rotate replaces the live session of old, if its version is still next.Version, by
	// next, which has a fresh id and the same tenant and user. CreatedAt, ExpiresAt, the
	// device, Actors and Origin are kept, and an AuthTime of zero means now; the old id and its
	// refresh family are dead when Rotate returns. refresh is as in [CreateOptions]. ErrConflict
	// when the version differs, ErrExists when next's id is stored already (old's own id
	// is), ErrInvalid when next is of another tenant or user, or Acting: by a rotation a user
	// who acts as another is back, which is an event of its own kind.
	Rotate(ctx context.Context, old Ref, next Session, refresh Digest) (Session, error)

	// RotateWithGrace is Rotate, after which the old id still loads for the grace, MovedTo the new
	// one: with an earlier ExpiresAt, in no list and no limit. For every other method but Revoke
	// it is dead, and it ends with the other sessions of its user, and by Stale and UpdateUser. The
	// [Manager] lets nobody in by it once the new one has ended. ErrInvalid unless the grace is
	// positive and at most [MaxRotateGrace].
	RotateWithGrace(ctx context.Context, old Ref, next Session, refresh Digest, grace time.Duration) (Session, error)

	// Retire is End of a session that another one has replaced, of any tenant: it still loads
	// for the grace, as after RotateWithGrace.
	Retire(ctx context.Context, ref Ref, version uint64, to Ref, grace time.Duration) error

	// Touch records a use now and so extends the idle timeout, never beyond ExpiresAt.
	Touch(ctx context.Context, ref Ref) error

	// Refresh advances the refresh family of ref by one step, or repeats the last one.
	// See [RefreshStep].
	Refresh(ctx context.Context, ref Ref, step RefreshStep) (RefreshOutcome, error)

	// Revoke ends the session of ref. It returns nil also when there is none.
	Revoke(ctx context.Context, ref Ref) error

	// End is Revoke of a session that must still be live and of that version: of several
	// calls exactly one succeeds. ErrConflict when the version differs.
	End(ctx context.Context, ref Ref, version uint64) error

	// RevokeOthers ends every session of the user of keep in its tenant but keep, which
	// must be live: otherwise nothing is ended. It is one step whose cost does not depend on
	// their number and one event, [EventOthersRevoked], and keep has the next version after
	// it, also where there was no other session.
	RevokeOthers(ctx context.Context, keep Ref) error

	// RevokeUser ends every session of the user in the tenant, in one step whose cost
	// does not depend on their number.
	RevokeUser(ctx context.Context, t tenant.ID, u UserID) error

	// RevokeTenant ends every session of the tenant, likewise.
	RevokeTenant(ctx context.Context, t tenant.ID) error

	// RevokeAll ends every session in the store, likewise.
	RevokeAll(ctx context.Context) error

	// List returns the live sessions of a user in a tenant, oldest first. Up to 100 are as of
	// one instant; of more, each was live at some time during the call. No more are returned
	// than the youngest MaxSessionLimit and, of those with Actors, MaxImpersonations: nobody
	// has more but from before there was a limit, and then until their next sign-in.
	List(ctx context.Context, t tenant.ID, u UserID) ([]Session, error)

	// Peek returns those sessions of a user in a tenant that have one of the ids and are live, in
	// the order of the ids. Like List it does not count as activity, and it costs as much as there
	// are ids, however many sessions the user has. Up to 100 are as of one instant.
	Peek(ctx context.Context, t tenant.ID, u UserID, ids []ID) ([]Session, error)

	// Begin returns a ticket of now, for a later Create or Regrant of the user.
	Begin(ctx context.Context, t tenant.ID, u UserID) (Ticket, error)

	// Stale makes every session of the user Stale, or of the tenant for the zero UserID, in one
	// step whose cost does not depend on their number. Tickets from before hold no longer.
	Stale(ctx context.Context, t tenant.ID, u UserID) error

	// UpdateUser makes a change to every session of the user, in one step whose cost does not
	// depend on their number: a caller who loads one later finds it changed, and one who has
	// loaded it before cannot update it, which is ErrConflict. Tickets from before hold no longer.
	UpdateUser(ctx context.Context, t tenant.ID, u UserID, change UserChange) error

	// Regrant replaces Roles and Attributes of the live session of s.Ref(), if its version is still
	// s.Version and nothing has happened to the user since the ticket, which was read before the
	// roles were; the session is not Stale then and has the next version. ErrConflict when the
	// version differs, ErrStale when the ticket does not hold.
	Regrant(ctx context.Context, s Session, under Ticket) (Session, error)

	// Events returns what happened to the sessions of a user, the latest last: see [Event].
	// The zero UserID asks for what happened to the tenant as a whole, and the zero
	// tenant.ID with it for what happened to everyone.
	Events(ctx context.Context, t tenant.ID, u UserID) ([]Event, error)

	// TenantStatus returns the status of the tenant; Unknown is no error.
	TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error)

	// AddTenant makes a tenant Active whose status is Unknown, and leaves any other as it is. It is an
	// event of the tenant where it does. An Unknown one is refused with [tenant.ErrAlike] where another
	// whose name differs by case alone is known, and so it is by SetTenantStatus: of two such at once
	// one is set up.
	AddTenant(ctx context.Context, t tenant.ID) error

	// SetTenantStatus sets it to Active or Suspended; ErrInvalid otherwise. It ends no
	// session: a tenant that is active again finds its sessions as they were. A status that differs
	// from the one before is an event of the tenant, in the same step.
	//
	// It replaces the status that it has read. A call that failed may be made later, by a
	// network that was dead, but never after another one that has returned.
	SetTenantStatus(ctx context.Context, t tenant.ID, status tenant.Status) error
}

// Digest is the SHA-256 of a refresh secret. Stores keep digests, never secrets.
type Digest [32]byte

// RefreshStep is one attempt to exchange a refresh secret for its successor.
//
// The store compares Presented with the family's state:
//
//   - the current digest: Next becomes current, Presented and Salt are remembered as the
//     previous step, the use counts as a touch, and the outcome is Repeated false;
//   - the previous digest, not longer than Grace after that step: nothing changes and the
//     outcome is Repeated true with the remembered Salt, from which the caller derives the
//     same successor as the first time;
//   - another digest with a Generation above the number of steps that the family has taken: the
//     store is behind, as after a failover that lost the last steps. Nobody takes a step then:
//     the error is [ErrUnavailable] for [BehindLimit] since it was noticed, and if the family is
//     still behind after that, the session ends with [EventStoreBehind] and the error is
//     [ErrNotFound];
//   - there is no family, since the session was made without one or the store has lost its key:
//     the error is [ErrNotFound], and the session stays as it is;
//   - anything else: the session is revoked and the error is [ErrRefreshReused]. Callers
//     authenticate a secret before they present it, so that only a genuine older one gets
//     here.
//
// A Grace of zero or less is no grace. The zero digest as Presented or Next is [ErrInvalid].
type RefreshStep struct {
	Presented, Next Digest
	Salt            [32]byte
	Grace           time.Duration

	// Generation is how many steps the family had taken when Presented was made, as the
	// caller has authenticated it. Zero proves nothing.
	Generation uint64
}

// BehindLimit is how long a refresh family may be behind what callers can prove before its
// session ends: a failover that is still under way may bring the steps back.
const BehindLimit = 10 * time.Second

// RefreshOutcome is the result of a [RefreshStep].
type RefreshOutcome struct {
	Session  Session
	Repeated bool
	Salt     [32]byte // the salt of the step that made the successor
}
