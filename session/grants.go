package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// Grants are the roles and attributes of a user in a tenant: the answer of [Config].Grants. The zero Grants has
// no role and no attribute.
type Grants struct {
	Roles      Roles
	Attributes Attributes
}

// GrantsLimit is how long a call of [Config].Grants may take, whatever time the request has left.
const GrantsLimit = 2 * time.Second

// granted is an answer of [Config].Grants and the ticket that was read before it was asked.
type granted struct {
	grants Grants
	ticket Ticket
	err    error
}

// ownerKey is a user of a tenant.
type ownerKey struct {
	tenant tenant.ID
	user   UserID
}

// grantCalls are the calls of [Config].Grants that are under way, one for each user of a tenant.
type grantCalls struct {
	mu    sync.Mutex
	calls map[ownerKey]*grantCall
}

// grantCall is one call, which several requests wait for. It runs in the goroutine of the first.
type grantCall struct {
	done   chan struct{}
	answer granted // set before done is closed
	left   bool    // the request that made the call went away before it had an answer
}

// ask asks the service for the roles and attributes of a user. Of several requests at once one
// asks, and the others take its answer: its ticket says of when it is, so that a demotion since
// then is noticed by whoever stores the answer. A request that goes away fails nobody else.
func (m *Manager) ask(ctx context.Context, t tenant.ID, u UserID) (Grants, Ticket, error) {
	key := ownerKey{t, u}
	for {
		m.grantCalls.mu.Lock()
		f, under := m.grantCalls.calls[key]
		if !under {
			f = &grantCall{done: make(chan struct{}), left: true}
			if m.grantCalls.calls == nil {
				m.grantCalls.calls = map[ownerKey]*grantCall{}
			}
			m.grantCalls.calls[key] = f
			m.grantCalls.mu.Unlock()
			m.callGrants(ctx, key, f)
			return f.answer.grants, f.answer.ticket, f.answer.err
		}
		m.grantCalls.mu.Unlock()
		select {
		case <-ctx.Done():
			return Grants{}, Ticket{}, fmt.Errorf("%w: grants: %w", ErrUnavailable, context.Cause(ctx))
		case <-f.done:
		}
		if !f.left {
			return f.answer.grants, f.answer.ticket, f.answer.err
		}
	}
}

// callGrants makes the call, and ends it also when the service panics.
func (m *Manager) callGrants(ctx context.Context, key ownerKey, f *grantCall) {
	f.answer.err = fmt.Errorf("%w: grants: no answer", ErrUnavailable)
	defer func() {
		m.grantCalls.mu.Lock()
		delete(m.grantCalls.calls, key)
		m.grantCalls.mu.Unlock()
		close(f.done)
	}()
	bounded, cancel := context.WithTimeout(ctx, GrantsLimit)
	defer cancel()
	answer := m.askService(bounded, key)
	f.left = answer.err != nil && ctx.Err() != nil
	f.answer = answer
}

// askService reads a ticket and then asks the service. Any error of the service is an outage: it
// must sign nobody out.
func (m *Manager) askService(ctx context.Context, key ownerKey) granted {
	ticket, err := m.Begin(ctx, key.tenant, key.user)
	if err != nil {
		return granted{err: err}
	}
	grants, err := m.cfg.Grants(ctx, key.tenant, key.user)
	if err == nil {
		err = context.Cause(ctx) // an answer that came too late is none
	}
	if err != nil {
		return granted{err: fmt.Errorf("%w: grants: %v", ErrUnavailable, err)}
	}
	return granted{grants: grants, ticket: ticket}
}

// checkOwnGrants refuses roles and attributes that a caller sets by hand where the service is
// the authority. The key that a session is bound to is the session's own.
func (m *Manager) checkOwnGrants(roles Roles, attributes Attributes) error {
	if m.cfg.Grants == nil {
		return nil
	}
	if roles.Len() > 0 || len(withoutKey(attributes)) > 0 {
		return fmt.Errorf("%w: roles and attributes are those that Config.Grants returns", ErrInvalid)
	}
	return nil
}

// checkGranted refuses a change of roles and attributes by hand where the service is the
// authority.
func (m *Manager) checkGranted(before, after Session) error {
	if m.cfg.Grants == nil || sameGrants(before, after.Roles, after.Attributes) {
		return nil
	}
	return fmt.Errorf("%w: roles and attributes are those that Config.Grants returns: call Stale", ErrInvalid)
}

func sameGrants(s Session, roles Roles, attributes Attributes) bool {
	return reflect.DeepEqual(s.Roles.Names(), roles.Names()) &&
		reflect.DeepEqual(withoutKey(s.Attributes), withoutKey(attributes))
}

// withoutKey returns the values of attributes but for the key that the session is bound to.
func withoutKey(a Attributes) map[string]any {
	values := maps.Clone(a.values)
	delete(values, KeyAttribute)
	if len(values) == 0 {
		return nil
	}
	return values
}

// give returns s with the roles and attributes of g. The key that s is bound to stays.
func (g Grants) give(s Session) (Session, error) {
	attributes, err := keepKey(s.Attributes, g.Attributes)
	if err != nil {
		return Session{}, fmt.Errorf("%w: grants: %v", ErrUnavailable, err)
	}
	s.Roles, s.Attributes = g.Roles, attributes
	return s, nil
}

// regrant returns the session of s with the roles and attributes that the service grants its
// user now, and stores them before it returns, unless they are the same and s is not stale.
// reload reads the session again after somebody changed it meanwhile.
func (m *Manager) regrant(ctx context.Context, s Session, reload func() (Session, error)) (Session, error) {
	if m.cfg.Grants == nil {
		return Session{}, fmt.Errorf("%w: %v is stale, and this instance has no Config.Grants to ask", ErrUnavailable, s.ID)
	}
	for attempt := 0; ; attempt++ {
		grants, ticket, err := m.ask(ctx, s.Tenant, s.User)
		if err != nil {
			return Session{}, err
		}
		next, err := grants.give(s)
		if err != nil {
			return Session{}, err
		}
		if !s.Stale && sameGrants(s, next.Roles, next.Attributes) {
			return s, nil
		}
		next.Stale = false
		stored, err := m.store.Regrant(ctx, next, ticket)
		if stored, err = checkAnswer(s.Ref(), stored, err); err == nil {
			if stored.Stale {
				return Session{}, fmt.Errorf("%w: the store did not note the grants of %v", ErrCorrupt, s.ID)
			}
			return stored, nil
		}
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrStale) {
			return Session{}, err
		}
		if attempt == maxAttempts-1 {
			return Session{}, fmt.Errorf("%w: the grants of %v change faster than they can be stored", ErrUnavailable, s.ID)
		}
		if err := backOff(ctx, attempt); err != nil {
			return Session{}, err
		}
		if s, err = reload(); err != nil {
			return Session{}, err
		}
	}
}

// errTooStale is the outage that an [ErrStale] becomes which comes again and again: it says
// nothing about the caller.
func errTooStale(ref Ref, err error) error {
	return fmt.Errorf("%w: the grants of %v change faster than they can be asked: %v", ErrUnavailable, ref.ID, err)
}

// signIn stores a new session. Where the service is the authority it is asked for the roles and
// attributes, and again when the user was demoted meanwhile; a ticket of the caller has
// to hold from then on.
func (m *Manager) signIn(ctx context.Context, s Session, how CreateOptions) (Session, error) {
	create := func(s Session) (Session, error) {
		created, err := m.store.Create(ctx, s, how)
		return checkAnswer(s.Ref(), created, err)
	}
	if !how.Ticket.IsZero() {
		if err := how.Ticket.Check(s.Tenant, s.User); err != nil {
			return Session{}, err
		}
	}
	if m.cfg.Grants == nil {
		return create(s)
	}
	given := how.Ticket
	for attempt := 0; ; attempt++ {
		grants, ticket, err := m.ask(ctx, s.Tenant, s.User)
		if err != nil {
			return Session{}, err
		}
		granted, err := grants.give(s)
		if err != nil {
			return Session{}, err
		}
		how.Ticket = ticket
		var created Session
		switch {
		case given.IsZero() || given == ticket:
			created, err = create(granted)
		case attempt == 0: // the answer may be to a call from before the ticket; the next one is not
			err = ErrStale
		default:
			return Session{}, fmt.Errorf("%w: the user has changed since the ticket", ErrStale)
		}
		switch {
		case !errors.Is(err, ErrStale):
			return created, err
		case attempt == maxAttempts-1:
			return Session{}, errTooStale(s.Ref(), err)
		}
		if err := backOff(ctx, attempt); err != nil {
			return Session{}, err
		}
	}
}

// step takes a step of a refresh family. Where the service is the authority it is asked first:
// when it does not answer, the token is as good as before.
func (m *Manager) step(ctx context.Context, ref Ref, step RefreshStep) (RefreshOutcome, error) {
	for attempt := 0; ; attempt++ {
		if m.cfg.Grants != nil {
			s, err := m.load(ctx, ref)
			if err == nil && s.Acting.IsZero() {
				_, err = m.regrant(ctx, s, func() (Session, error) { return m.load(ctx, ref) })
			}
			if err != nil {
				return RefreshOutcome{}, err
			}
		}
		out, err := m.store.Refresh(ctx, ref, step)
		switch {
		case !errors.Is(err, ErrStale):
			return out, err
		case m.cfg.Grants == nil || attempt == maxAttempts-1:
			return RefreshOutcome{}, errTooStale(ref, err)
		}
		if err := backOff(ctx, attempt); err != nil {
			return RefreshOutcome{}, err
		}
	}
}

// limitImpersonation returns as with the attributes of the user as whom somebody acts, and the
// ticket that goes with them. The roles are some of that user's own.
func (m *Manager) limitImpersonation(ctx context.Context, t tenant.ID, as Impersonation) (Impersonation, Ticket, error) {
	if as.Attributes.Len() > 0 {
		return Impersonation{}, Ticket{}, fmt.Errorf("%w: attributes are those that Config.Grants returns", ErrInvalid)
	}
	grants, ticket, err := m.ask(ctx, t, as.User)
	if err != nil {
		return Impersonation{}, Ticket{}, err
	}
	for role := range as.Roles.All() {
		if !grants.Roles.Has(role) {
			return Impersonation{}, Ticket{}, fmt.Errorf("%w: the user has no role %s", ErrInvalid, role)
		}
	}
	as.Attributes = grants.Attributes
	return as, ticket, nil
}
