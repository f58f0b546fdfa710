package session

import (
	"errors"
	"fmt"
	"time"
)

// Validate returns an error wrapping [ErrInvalid] or [ErrInvalidID] when the stranger is not
// complete.
func (s Stranger) Validate() error {
	switch {
	case s.Issuer == "" || len(s.Issuer) > MaxIssuerLength:
		return fmt.Errorf("%w: Issuer: %d bytes, 1 to %d are allowed", ErrInvalid, len(s.Issuer), MaxIssuerLength)
	case len(s.Name) > MaxSignInNameLength:
		return fmt.Errorf("%w: Name: %d bytes, at most %d are allowed", ErrInvalid, len(s.Name), MaxSignInNameLength)
	case s.Tenant.IsZero():
		return fmt.Errorf("%w: no tenant", ErrInvalidID)
	case s.User.IsZero():
		return fmt.Errorf("%w: no user", ErrInvalidID)
	case s.IssuedAt.IsZero():
		return fmt.Errorf("%w: IssuedAt: required", ErrInvalid)
	}
	return nil
}

// SignIn is when the user signed in at the provider, as far as the token tells: its auth_time,
// or, where it has none, its iat.
func (s Stranger) SignIn() time.Time {
	if s.AuthTime.IsZero() {
		return s.IssuedAt
	}
	return s.AuthTime
}

// Later returns nil when the sign-in is later than end by more than [MaxSkew]. It returns
// [ErrSignInTooClose] within that span, and in the very second of the end, since tokens tell time
// to the second; otherwise [ErrSignedOut]. Nothing has ended at the zero end.
func (s Stranger) Later(end time.Time) error {
	switch at := s.SignIn(); {
	case end.IsZero() || at.After(end.Add(MaxSkew)):
		return nil
	case at.After(end), at.Nanosecond() == 0 && at.Add(time.Second).After(end):
		return ErrSignInTooClose
	}
	return ErrSignedOut
}

// Finds returns nil when the sign-in may have the live session of a user at an issuer that names no
// sessions, whose [ProviderClaims].Since is since. It is Later, but of a sign-in in the second of the
// end: the user has signed in since, so it is over.
func (s Stranger) Finds(since time.Time) error {
	if !since.IsZero() && !s.SignIn().After(since) {
		return ErrSignedOut
	}
	return s.Later(since)
}

// Known returns [ErrSignedOut] for a sign-in that is not later than one which had a session, of
// before an end: the second alone does not tell it from a sign-in after that. Nothing is known of
// the zero time.
func (s Stranger) Known(signedIn time.Time) error {
	if signedIn.IsZero() || s.SignIn().After(signedIn) {
		return nil
	}
	return ErrSignedOut
}

// CheckClock returns [ErrIssuedAhead] for a token that is from more than [MaxSkew] after now, by
// the store's clock.
func (s Stranger) CheckClock(now time.Time) error {
	limit := now.Add(MaxSkew)
	if s.IssuedAt.After(limit) || s.AuthTime.After(limit) {
		return ErrIssuedAhead
	}
	return nil
}

// CheckUnknown returns nil when a sign-in of which the store knows no session may be adopted at
// now: after the last end, and where it says when it was, not longer ago than [EndsKept].
func (s Stranger) CheckUnknown(now, end time.Time) error {
	if !s.AuthTime.IsZero() && s.AuthTime.Before(now.Add(-EndsKept)) {
		return fmt.Errorf("%w: it is older than %v", ErrSignedOut, EndsKept)
	}
	return s.Later(end)
}

// EndedByName reports whether a sign-in without a session, of which CheckUnknown has returned err, is
// over by its name: its token says that it was before an end, and no later one will, since the tokens
// name the session at the provider and not when the user signed in.
func (s Stranger) EndedByName(err error) bool {
	return s.Name != "" && s.AuthTime.IsZero() && errors.Is(err, ErrSignedOut)
}

// EventKind is the kind of event that the adoption of s is.
func (s Stranger) EventKind() EventKind {
	if s.Name == "" && s.AuthTime.IsZero() {
		return EventAdoptedUntimed
	}
	return EventAdopted
}

// Methods returns those of AMR that have a name of ours. They are a few; one without a name
// proves nothing.
func (s Stranger) Methods() Methods {
	var known []string
	for _, name := range s.AMR[:min(len(s.AMR), MaxRoles)] {
		if checkName("method", name) == nil {
			known = append(known, name)
		}
	}
	m, _ := NewMethods(known...)
	return m
}
