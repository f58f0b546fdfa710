package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// MaxSkew is how far the clocks of a provider and of the store may differ. A sign-in is later
// than the end of a session when it is later by more than that, and a token that was issued
// further ahead of the store's clock is refused.
const MaxSkew = 5 * time.Second

// EndsKept is for how long at least a store knows of a provider's session that it has ended,
// counted from the last of its tokens that was presented. Where the tokens say when the user
// signed in, a sign-in that is older and not known is refused.
const EndsKept = 90 * 24 * time.Hour

// Errors of [Manager.Adopt].
var (
	// ErrSignedOut means that the sign-in at the provider was ended here: by a revocation, the
	// limit, or because its session expired. The user signs in there anew.
	ErrSignedOut = fmt.Errorf("session: the sign-in at the provider was ended: %w", ErrNotFound)

	// ErrSignInTooClose means that the sign-in at the provider is of the very second of the end of the
	// last session, or later by less than [MaxSkew]: it may have been before. It is an outage: nobody
	// is let in and nobody signed out. Where the tokens say by auth_time when the user signed in,
	// it stays so for that sign-in, whose tokens all say the same: only another sign-in at the
	// provider is later. Where they do not, the provider's next token is.
	ErrSignInTooClose = fmt.Errorf("session: the sign-in at the provider is too close to an end: %w", ErrUnavailable)

	// ErrIssuedAhead means that a token was issued, or says that the user signed in, further ahead
	// of the store's clock than [MaxSkew].
	ErrIssuedAhead = errors.New("session: issued ahead of the store's clock")

	// ErrBlocked means that the user may have no session in the tenant: see [Manager.Block].
	ErrBlocked = errors.New("session: the user is blocked")
)

// Adoption tells [Store.Adopt] which session to find or make.
type Adoption struct {
	Stranger Stranger

	// Session is the session that is made where there is none, with a fresh id. Its Provider,
	// Roles, AMR and AuthTime are those of the stranger's token.
	Session Session

	// Create has no Refresh. Its Ticket counts where a session is made.
	Create CreateOptions

	// Granted says that the roles and attributes of a session that is made are those of
	// [Config].Grants, which goes with a Ticket: the store makes none without, which is [ErrStale].
	Granted bool
}

// CheckTicket returns [ErrStale] where no session may be made without a ticket, and there is none.
// Stores call it before they make one.
func (a Adoption) CheckTicket() error {
	if a.Granted && a.Create.Ticket.IsZero() {
		return fmt.Errorf("%w: no ticket", ErrStale)
	}
	return nil
}

// Validate returns an error wrapping [ErrInvalid] or [ErrInvalidID] when the adoption is not
// complete, or the session is of another user. Stores check it before they send anything.
func (a Adoption) Validate() error {
	if err := a.Stranger.Validate(); err != nil {
		return err
	}
	if err := a.Session.Validate(); err != nil {
		return err
	}
	s, p := a.Session, a.Session.Provider.Claims()
	switch {
	case s.Tenant != a.Stranger.Tenant || s.User != a.Stranger.User:
		return fmt.Errorf("%w: a session of another user than the stranger", ErrInvalid)
	case p.Issuer != a.Stranger.Issuer || !p.IssuedAt.Equal(a.Stranger.IssuedAt) || !p.Since.IsZero():
		return fmt.Errorf("%w: a Provider that is not the stranger's", ErrInvalid)
	case s.Actors.Len() > 0 || !s.Acting.IsZero() || s.Origin != Origin{}:
		return fmt.Errorf("%w: nobody acts as a stranger", ErrInvalid)
	case a.Create.Lifetime <= 0 || s.IdleTimeout <= 0:
		return fmt.Errorf("%w: lifetime %v, idle timeout %v", ErrInvalid, a.Create.Lifetime, s.IdleTimeout)
	case a.Create.Refresh != Digest{}:
		return fmt.Errorf("%w: the session of a stranger is refreshed at the provider", ErrInvalid)
	}
	return a.Create.Limit.Validate()
}

// Roll returns the live session s as the stranger's token leaves it, and whether anything has
// changed: a token that is newer than all that were adopted says what roles there are, when and
// how the user signed in. Of two of one second that name roles differently, the user has those
// that both name. A stale session stays as it is until its roles were asked for. One whose user acts
// as somebody else is changed by a token that takes a role away, which ends what they do so.
func (a Adoption) Roll(s Session) (Session, bool) {
	if s.Stale {
		return s, false
	}
	rolled, changed := a.roll(s)
	if !s.Acting.IsZero() && rolled.Roles.common(s.Roles).Len() == s.Roles.Len() {
		return s, false // nothing was taken, and a change would end what the user does as somebody else
	}
	return rolled, changed
}

func (a Adoption) roll(s Session) (Session, bool) {
	n := a.Session
	had, has := s.Provider.Claims(), n.Provider.Claims()
	switch had.IssuedAt.Compare(a.Stranger.IssuedAt) {
	case 1:
		return s, false
	case 0:
		both := s.Roles.common(n.Roles)
		if !had.NamesRoles || both.Len() == s.Roles.Len() {
			return s, false
		}
		s.Roles = both
		return s, true
	}
	has.Since = had.Since
	s.Provider = NewProvider(has)
	if has.NamesRoles {
		s.Roles = n.Roles
	}
	if !a.Stranger.AuthTime.IsZero() {
		s.AuthTime = a.Stranger.AuthTime
	}
	if len(n.AMR.names) > 0 {
		s.AMR = n.AMR
	}
	return s, true
}

// common returns the roles that are in both sets.
func (r Roles) common(other Roles) Roles {
	return Roles{slices.DeleteFunc(r.Names(), func(name string) bool { return !other.Has(name) })}
}

// Adopt returns the session of somebody whom an identity provider has signed in, and counts as a
// use of it. The first token of a sign-in makes the session, with a fresh id and under
// [Config].Limit; those that the provider issues after it find it.
//
// A sign-in whose session has ended stays ended, whether by a revocation, by the limit or by its
// expiry. Where the tokens name the provider's session, none of that session is adopted again;
// where they do not say by auth_time when the user signed in, that holds also for a session at the
// provider of which a token was refused, and one that was never seen is taken to begin with the
// first token that is. Where they name none, the session is that of the user at the issuer, and the
// user has to sign in there after the end: the token says so by auth_time. Where it has neither, a
// revocation holds until the provider's next token, and [Manager.Block] until it is lifted.
//
// Where [Config].Grants is set, roles and attributes are its: it is asked before the session is made,
// and after [Manager.Stale]. A stranger whose tokens name roles is [ErrInvalid] then.
//
// [ErrSignedOut], [ErrIssuedAhead] and [ErrBlocked] mean that the caller is signed out; [ErrSignInTooClose]
// is an outage, as every other error may be.
func (m *Manager) Adopt(ctx context.Context, stranger Stranger) (Session, error) {
	a, err := m.adoption(stranger)
	if err != nil {
		return Session{}, err
	}
	var s Session
	err = m.inTenant(ctx, stranger.Tenant, func() (err error) {
		s, err = m.adopt(ctx, a)
		return err
	})
	if err != nil {
		return Session{}, err
	}
	return s, nil
}

// adopt finds or makes the session of a stranger. Where the service is the authority, it is asked
// before one is made, and when the one that is found is stale.
func (m *Manager) adopt(ctx context.Context, a Adoption) (Session, error) {
	for attempt := range maxAttempts {
		if attempt > 1 {
			if err := backOff(ctx, attempt); err != nil {
				return Session{}, err
			}
		}
		s, err := m.store.Adopt(ctx, a)
		switch {
		case errors.Is(err, ErrStale) && !errors.Is(err, ErrUnavailable) && m.cfg.Grants != nil:
			if a.Session, a.Create.Ticket, err = m.granted(ctx, a.Session); err != nil {
				return Session{}, err
			}
			continue
		case err != nil:
			return Session{}, classify(err)
		}
		if err := checkAdopted(a.Stranger, s); err != nil {
			return Session{}, err
		}
		if !s.Stale {
			return s, nil
		}
		ref := s.Ref()
		if s, err = m.regrant(ctx, s, func() (Session, error) {
			again, err := m.store.Load(ctx, ref)
			return checkAnswer(ref, again, err)
		}); err != nil {
			return Session{}, gone(ref, err)
		}
		if _, changed := a.Roll(s); !changed {
			return s, nil
		}
	}
	return Session{}, errTooStale(a.Session.Ref(), ErrStale)
}

// granted returns s with the roles and attributes that its user has now, and the ticket of them.
func (m *Manager) granted(ctx context.Context, s Session) (Session, Ticket, error) {
	grants, ticket, err := m.ask(ctx, s.Tenant, s.User)
	if err != nil {
		return Session{}, Ticket{}, err
	}
	s, err = grants.give(s)
	return s, ticket, err
}

// checkAdopted returns nil when s is a session that a stranger may have.
func checkAdopted(stranger Stranger, s Session) error {
	if s.Tenant != stranger.Tenant || s.User != stranger.User || s.Provider.Claims().Issuer != stranger.Issuer || s.ID.IsZero() || s.Actors.Len() > 0 || !s.MovedTo.IsZero() {
		return fmt.Errorf("%w: the store returned another session than the stranger's", ErrCorrupt)
	}
	if !s.Acting.IsZero() {
		return gone(s.Ref(), fmt.Errorf("%w: its user acts as another", ErrNotFound))
	}
	return nil
}

// adoption returns the Adoption by which the store finds or makes the session of who.
func (m *Manager) adoption(stranger Stranger) (Adoption, error) {
	if err := stranger.Validate(); err != nil {
		return Adoption{}, err
	}
	if m.cfg.Grants != nil && stranger.RolesNamed {
		return Adoption{}, fmt.Errorf("%w: the tokens of %q name roles, which are those that Config.Grants returns", ErrInvalid, stranger.Issuer)
	}
	roles, err := NewRoles(stranger.Roles...)
	if err != nil {
		return Adoption{}, err
	}
	if !stranger.RolesNamed {
		roles = Roles{}
	}
	s := Session{
		ID: NewID(), Tenant: stranger.Tenant, User: stranger.User, Roles: roles, AMR: stranger.Methods(),
		AuthTime: stranger.SignIn(), IdleTimeout: m.cfg.IdleTimeout,
		Provider: NewProvider(ProviderClaims{
			Issuer: stranger.Issuer, ACR: stranger.ACR, IssuedAt: stranger.IssuedAt, NamesRoles: stranger.RolesNamed, Machine: stranger.Machine,
		}),
	}
	a := Adoption{Stranger: stranger, Session: s, Create: CreateOptions{Lifetime: m.cfg.Lifetime, Limit: m.cfg.Limit}, Granted: m.cfg.Grants != nil}
	return a, a.Validate()
}

// EndSignIn ends what the provider's session of that name signs in, in whatever tenant, and for
// ever: none of its tokens is adopted any more, also when none was seen yet. A back-channel logout
// calls it by the iss and sid of its token.
func (m *Manager) EndSignIn(ctx context.Context, issuer, name string) error {
	if issuer == "" || name == "" || len(issuer) > MaxIssuerLength || len(name) > MaxSignInNameLength {
		return fmt.Errorf("%w: a provider's session of %d bytes, of an issuer of %d", ErrInvalid, len(name), len(issuer))
	}
	return classify(m.store.EndSignIn(ctx, issuer, name))
}

// RevokePerson ends every session of a user of a provider, in all tenants where it was adopted:
// [Manager.RevokeUser] in each. Sign-ins at the provider before it are not adopted in any tenant. Name
// other tenants where the user has sessions of [Manager.Create]. It costs as much as there are
// tenants. After an error some may have ended: call it again.
func (m *Manager) RevokePerson(ctx context.Context, issuer string, u UserID, tenants ...tenant.ID) error {
	if issuer == "" || len(issuer) > MaxIssuerLength {
		return fmt.Errorf("%w: an issuer of %d bytes", ErrInvalid, len(issuer))
	}
	err := classify(m.store.RevokePerson(ctx, issuer, u))
	for _, t := range tenants { // each for itself: one that cannot be reached keeps no other alive
		err = errors.Join(err, m.RevokeUser(ctx, t, u))
	}
	return err
}

// Block ends every session of a user in a tenant, and lets the user have none there until
// [Manager.Unblock]: Create, Adopt and every other method that would begin one return [ErrBlocked].
func (m *Manager) Block(ctx context.Context, t tenant.ID, u UserID) error {
	return classify(m.store.Block(ctx, t, u))
}

// Unblock lifts [Manager.Block]. A sign-in that was ended stays ended.
func (m *Manager) Unblock(ctx context.Context, t tenant.ID, u UserID) error {
	return classify(m.store.Unblock(ctx, t, u))
}
