package session

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/tenant"
)

// Limits of what a device says of itself.
const (
	MaxUserAgentLength = 512 // bytes
	MaxAddressLength   = 64  // bytes
)

// checkLine refuses what cannot be shown on one line of a page or a log.
func checkLine(what, s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("%w: %s: %d bytes, at most %d are allowed", ErrInvalid, what, len(s), limit)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %s: not UTF-8", ErrInvalid, what)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%w: %s: %q does not print", ErrInvalid, what, r)
		}
	}
	return nil
}

// Device is a session as its user may see it, for a list of signed-in devices (ASVS 7.5.2). It
// holds no secret: Digest is the [ID.Fingerprint] of the session and signs nobody in. Its JSON has lower_snake names, lists, and times of RFC 3339.
type Device struct {
	Digest     string    `json:"digest"`
	Current    bool      `json:"current"` // the session that asked
	UserAgent  string    `json:"user_agent"`
	Address    string    `json:"address"`
	CreatedAt  time.Time `json:"created_at,omitzero"`
	LastSeenAt time.Time `json:"last_seen_at,omitzero"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	AuthTime   time.Time `json:"auth_time,omitzero"`
	AMR        Methods   `json:"amr"`
	Actors     Actors    `json:"actors"`          // of somebody who acts as the user
	Acting     Acting    `json:"acting,omitzero"` // as whom the user acts out of it, which signs nobody in until they stop
}

// Devices returns the live sessions of the user of ref in its tenant, oldest first.
func (m *Manager) Devices(ctx context.Context, ref Ref) ([]Device, error) {
	if err := ref.Validate(); err != nil {
		return nil, err
	}
	sessions, err := m.List(ctx, ref.Tenant, ref.User)
	if err != nil {
		return nil, err
	}
	devices := make([]Device, len(sessions))
	for i, s := range sessions {
		devices[i] = Device{
			Digest: s.ID.Fingerprint(), Current: s.ID == ref.ID, UserAgent: s.UserAgent, Address: s.Address,
			CreatedAt: s.CreatedAt.UTC(), LastSeenAt: s.LastSeenAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
			AuthTime: s.AuthTime.UTC(), AMR: s.AMR, Actors: s.Actors, Acting: s.Acting,
		}
	}
	return devices, nil
}

// RevokeDevice ends the session of the user of ref, in its tenant, that has the digest.
// [ErrNoDevice] when there is none, so also for a session of somebody else.
func (m *Manager) RevokeDevice(ctx context.Context, ref Ref, digest string) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	sessions, err := m.list(ctx, ref.Tenant, ref.User) // no revocation is refused for load
	if err != nil {
		return err
	}
	found := false
	for _, s := range sessions {
		if s.ID.Fingerprint() != digest {
			continue
		}
		found = true
		if err := m.end(ctx, s.Ref(), s); err != nil {
			return err
		}
	}
	if !found {
		return ErrNoDevice
	}
	return nil
}

// RevokeOthers ends every session of the user of ref in its tenant but that of ref, in one
// step (ASVS 7.4.3: offer it after a change of password). [ErrNotFound] when ref itself is
// not live: a user who was signed out ends no other session.
func (m *Manager) RevokeOthers(ctx context.Context, ref Ref) error {
	for attempt := 0; ; attempt++ {
		s, err := m.Load(ctx, ref) // which knows also whether somebody who acts as the user still may
		if err != nil {
			return err
		}
		if err := errReplaced(s); err != nil {
			return err
		}
		err = classify(m.store.RevokeOthers(ctx, s.Ref()))
		switch {
		case !errors.Is(err, ErrStale):
			return gone(ref, err)
		case attempt == maxAttempts-1:
			return errTooStale(ref, err)
		}
		if err := backOff(ctx, attempt); err != nil {
			return err
		}
	}
}

// Events returns what happened to the sessions of a user in a tenant; see [Store.Events]. Times
// are in UTC.
func (m *Manager) Events(ctx context.Context, t tenant.ID, u UserID) ([]Event, error) {
	leave, err := enter(ctx, t)
	if err != nil {
		return nil, err
	}
	defer leave()
	events, err := m.store.Events(ctx, t, u)
	if err != nil {
		return nil, classify(err)
	}
	for i := range events {
		events[i].At = events[i].At.UTC()
	}
	return events, nil
}
