// Package session keeps who is signed in, where no token can contradict it.
//
// A token says which session a request belongs to; the session, held in a [Store], says
// what the caller is: roles, attributes and tenant. Ending the session therefore ends
// every token that names it, and a change of role is effective on the next request.
//
//	manager, err := session.NewManager(store, session.Config{Key: key})
//	s, refresh, err := manager.Create(ctx, session.SignIn{Tenant: t, User: u, Roles: roles})
//	s, err = manager.Load(ctx, ref)      // ErrNotFound once it is revoked or expired
//	err = manager.RevokeUser(ctx, t, u)  // one step, however many sessions there are
//
// For most uses the store is redisstore, which several instances share. memstore keeps sessions
// in the process: use it for tests and for programs of one process. cachestore serves sessions
// from memory in front of a store that is far away. All of them pass the conformance suite in
// sessiontest, and so must any other.
package session

import (
	"context"
	"fmt"
	"time"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/tenant"
)

// Session is one signed-in user on one device, as it was when it was loaded. It is a
// value: its sets are immutable and changing a copy changes nothing that is stored;
// [Manager.Update] does.
type Session struct {
	ID     ID
	Tenant tenant.ID
	User   UserID

	Roles      Roles
	Attributes Attributes

	AuthTime time.Time // when the user last proved who they are
	AMR      Methods   // by which methods (RFC 8176)

	// UserAgent and Address are what the device said of itself at sign-in, for the user to
	// know it by. They prove nothing.
	UserAgent, Address string

	// Actors are those who act as User, if somebody else does; see [Manager.Impersonate].
	Actors Actors

	// Origin is the session out of which the current one of Actors acts. It is zero where
	// nobody does.
	Origin Origin

	// Acting says as whom the user acts meanwhile, out of this session: until they stop it
	// signs nobody in. It is zero for every other session.
	Acting Acting

	// Provider says who signed the user in, where that was an identity provider.
	Provider Provider

	// Stale says that Roles and Attributes were declared out of date and have to be asked anew.
	// Stores return such sessions; a [Manager] returns none, but those that [Manager.List] and
	// [Manager.Peek] show.
	Stale bool

	// MovedTo is the session that has replaced this one, which loads for [Config].RotateGrace still
	// and can be used for nothing else. It is zero for every other session.
	MovedTo Successor

	CreatedAt   time.Time     // by the store's clock
	ExpiresAt   time.Time     // absolute; nothing moves it
	LastSeenAt  time.Time     // of the last recorded use, to 15 s
	IdleTimeout time.Duration // unused for so long, the session ends

	// Version counts the stored changes, from 1. Update succeeds only on the version
	// it read.
	Version uint64
}

// Ref returns the reference that finds s.
func (s Session) Ref() Ref { return Ref{Tenant: s.Tenant, User: s.User, ID: s.ID} }

// originRef finds the session out of which the current actor acts. A part of it is zero where
// nobody does.
func (s Session) originRef() Ref {
	actor, _ := s.Actors.Current()
	return Ref{Tenant: s.Tenant, User: actor.User, ID: s.Origin.ID()}
}

// Validate returns an error wrapping [ErrInvalidID] or [ErrInvalid] when the reference is
// incomplete, or when a value that has no type of its own is over its limit. Stores check it
// before they send anything.
func (s Session) Validate() error {
	if err := s.Ref().Validate(); err != nil {
		return err
	}
	if year := s.AuthTime.UTC().Year(); year < 1 || year > 9999 { // which no time in JSON can be
		return fmt.Errorf("%w: AuthTime: the year is not 1 to 9999", ErrInvalid)
	}
	if err := s.Provider.Validate(); err != nil {
		return err
	}
	if err := checkLine("UserAgent", s.UserAgent, MaxUserAgentLength); err != nil {
		return err
	}
	return checkLine("Address", s.Address, MaxAddressLength)
}

// FromContext returns the session of the request that ctx belongs to. For an anonymous
// request, and outside one, it returns the zero Session and false.
func FromContext(ctx context.Context) (Session, bool) {
	of, ok := ctx.Value(reqctx.SessionKey).(interface{ Session() (Session, bool) })
	if !ok {
		return Session{}, false
	}
	s, ok := of.Session()
	if !ok || s.ID.IsZero() {
		return Session{}, false
	}
	return s, true
}
