package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
)

// Manager creates, loads, refreshes and revokes sessions; [NewManager] makes one. It makes ids
// and refresh tokens, applies the configured lifetimes, and accepts no record but the one it
// asked for. Its methods are safe for concurrent use, and it holds nothing that must be closed.
//
// Every error of a method is one of this package's or the tenant package's sentinels. An
// error of the store that is none of them is an outage, [ErrUnavailable]. With an error
// comes the zero Session and no token.
type Manager struct {
	store    Store
	recaller recaller // store again, nil where it remembers nothing
	cfg      Config
	keys     []*refreshKey // the current one first
	tenants  *directory    // nil without Config.Tenants

	grantCalls *grantCalls // of Config.Grants
}

// NewManager returns a Manager on store, or every problem of cfg. It starts nothing.
func NewManager(store Store, cfg Config) (*Manager, error) {
	cfg, invalid := cfg.complete()
	var problems configerr.Problems
	problems.Require("store", store, "")
	problems.Within("", invalid)
	if err := problems.Err("session", ErrInvalid); err != nil {
		return nil, err
	}
	keys, err := newRefreshKeys(cfg)
	if err != nil {
		return nil, err
	}
	cfg.Key, cfg.PreviousKeys = SecretKey{}, nil
	return &Manager{store: store, recaller: recallerOf(store), cfg: cfg, keys: keys, tenants: newDirectory(cfg), grantCalls: &grantCalls{}}, nil
}

// SignIn says who signs in. Tenant and User are required.
type SignIn struct {
	Tenant     tenant.ID
	User       UserID
	Roles      Roles
	Attributes Attributes
	AMR        Methods   // how the user proved who they are
	AuthTime   time.Time // when; zero means now

	// UserAgent and Address tell the user later which device this was: at most
	// [MaxUserAgentLength] and [MaxAddressLength] bytes of UTF-8 that prints, as [DeviceFrom]
	// takes them from a request. Anything else refuses the sign-in.
	UserAgent, Address string

	// Ticket, of [Manager.Begin], makes a sign-in fail with [ErrStale] when the user was demoted,
	// removed or signed out since. Without one, roles that were read before may be old ones.
	Ticket Ticket
}

// Create signs a user in: it starts a session and its family of refresh tokens. The id is
// always fresh, so that nobody can sign in under one that an attacker has chosen. It fails
// with [ErrTooManySessions] where [Config].Limit says so, with [ErrBlocked] for a user of
// [Manager.Block], and with tenant.ErrUnknown until [Manager.SetTenantStatus] has set the tenant
// up or for one that [Config].Tenants does not know. Where [Config].Grants is set, Roles is zero and
// Attributes has [KeyAttribute] at most: the service is asked for them.
func (m *Manager) Create(ctx context.Context, n SignIn) (Session, RefreshToken, error) {
	s := Session{
		ID: NewID(), Tenant: n.Tenant, User: n.User,
		Roles: n.Roles, Attributes: n.Attributes, AMR: n.AMR, AuthTime: n.AuthTime,
		IdleTimeout: m.cfg.IdleTimeout, UserAgent: n.UserAgent, Address: n.Address,
	}
	if err := s.Validate(); err != nil {
		return Session{}, RefreshToken{}, err
	}
	if err := m.checkOwnGrants(n.Roles, n.Attributes); err != nil {
		return Session{}, RefreshToken{}, err
	}
	first := firstClaims(s.Ref())
	var created Session
	err := m.inTenant(ctx, s.Tenant, func() (err error) {
		created, err = m.signIn(ctx, s, CreateOptions{Lifetime: m.cfg.Lifetime, Refresh: first.digest(), Limit: m.cfg.Limit, Ticket: n.Ticket})
		return err
	})
	if err != nil {
		return Session{}, RefreshToken{}, err
	}
	return created, first.seal(m.keys[0]), nil
}

// Load returns the live session of ref and counts as a use of it. [ErrNotFound] means
// that the caller is signed out; every other error says nothing about the caller.
//
// The session of somebody who acts as another is live only while their own is, which counts
// as used too: that is one more look-up, for each of its actors.
func (m *Manager) Load(ctx context.Context, ref Ref) (Session, error) {
	s, err := m.load(ctx, ref)
	if err != nil {
		return Session{}, err
	}
	if !s.Acting.IsZero() {
		return Session{}, fmt.Errorf("%w: its user acts as another", ErrNotFound)
	}
	return s, nil
}

// load is Load that returns also the session of a user who acts as another.
func (m *Manager) load(ctx context.Context, ref Ref) (Session, error) {
	if err := ref.Validate(); err != nil {
		return Session{}, err
	}
	var s Session
	err := m.inTenant(ctx, ref.Tenant, func() (err error) {
		s, err = m.store.Load(ctx, ref)
		return err
	})
	if s, err = checkAnswer(ref, s, err); err != nil {
		return Session{}, gone(ref, err)
	}
	if !s.MovedTo.IsZero() {
		if s, err = m.inGrace(ctx, s); err != nil {
			return Session{}, &answered{gone(ref, err)}
		}
	}
	if s.Stale {
		if s, err = m.regrant(ctx, s, func() (Session, error) {
			again, err := m.store.Load(ctx, ref)
			return checkAnswer(ref, again, err)
		}); err != nil {
			return Session{}, &answered{gone(ref, err)}
		}
	}
	if s.Actors.Len() > 0 {
		if err := m.checkOrigins(ctx, s); err != nil {
			return Session{}, &answered{gone(ref, err)}
		}
	}
	return s, nil
}

// checkAnswer returns s when it is the session of ref. A record that answers another question,
// as connections out of step deliver it (CVE-2023-28858), must sign nobody in.
func checkAnswer(ref Ref, s Session, err error) (Session, error) {
	if err != nil {
		return Session{}, classify(err)
	}
	if s.Ref() != ref {
		return Session{}, fmt.Errorf("%w: the store returned another session than %v", ErrCorrupt, ref.ID)
	}
	return s, nil
}

// classify returns err when it says what it means, and an outage otherwise.
func classify(err error) error {
	if err == nil {
		return nil
	}
	for _, sentinel := range []error{
		ErrBlocked, ErrNotSuspended, ErrIssuedAhead, ErrNotFound, ErrConflict, ErrStale, ErrExists, ErrTooManySessions, ErrImpersonating, ErrInvalid, ErrInvalidID, ErrRefreshInvalid, ErrRefreshReused,
		ErrUnavailable, ErrCorrupt, tenant.ErrUnknown, tenant.ErrSuspended, tenant.ErrInvalidID,
	} {
		if errors.Is(err, sentinel) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Refresh exchanges the text of a refresh token for its successor and counts as a use of
// the session. A client that got no answer may ask again within [Config].RefreshGrace:
// it gets the same successor, however many ask at once and on whatever instance.
//
// [ErrRefreshInvalid] means that the text is no token of ours, found out without asking
// the store, or that its session is gone. [ErrRefreshReused] means that somebody used the
// token before and the session is revoked now (RFC 9700 §4.14.2). For both, the caller is
// signed out; for every other error the token is as good as before. A store that was set back
// and has lost a step of the token is an outage for [BehindLimit] and ends the session then,
// which is no reuse.
func (m *Manager) Refresh(ctx context.Context, raw string) (Session, RefreshToken, error) {
	claims, key, err := openRefresh(raw, m.keys)
	if err != nil {
		return Session{}, RefreshToken{}, err
	}
	salt := m.keys[0].newSalt()
	next := key.successor(claims, salt)
	var out RefreshOutcome
	err = m.inTenant(ctx, claims.ref.Tenant, func() (err error) {
		out, err = m.step(ctx, claims.ref, RefreshStep{
			Presented: claims.digest(), Next: next.digest(), Salt: salt, Grace: m.cfg.RefreshGrace, Generation: claims.generation,
		})
		return err
	})
	s, err := checkAnswer(claims.ref, out.Session, err)
	if err == nil && !s.Acting.IsZero() {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: its user acts as another", ErrRefreshInvalid)
	}
	if errors.Is(err, ErrNotFound) {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: %w", ErrRefreshInvalid, err)
	}
	if err != nil {
		return Session{}, RefreshToken{}, err
	}
	if !out.Repeated && out.Salt != salt {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: the store answered another refresh", ErrCorrupt)
	}
	sealing := sealer(m.keys, out.Salt)
	if sealing == nil {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: the successor was sealed with a key that this instance lacks", ErrUnavailable)
	}
	return s, key.successor(claims, out.Salt).seal(sealing), nil
}

// TenantStatus returns the status of a tenant; Unknown is no error.
func (m *Manager) TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error) {
	status, err := m.store.TenantStatus(ctx, t)
	if err != nil {
		return tenant.Unknown, classify(err)
	}
	return status, nil
}

// SetTenantStatus makes a tenant Active or Suspended. A tenant must be set up with it
// before anybody can sign in to it. One whose name differs from that of a known tenant by case alone
// is [tenant.ErrAlike].
func (m *Manager) SetTenantStatus(ctx context.Context, t tenant.ID, status tenant.Status) error {
	return classify(m.store.SetTenantStatus(ctx, t, status))
}
