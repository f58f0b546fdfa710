package redisstore

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// reconcileTenant returns the state of a tenant that counts: the one that was read or, where this
// instance knew of a newer status before it asked, that status, which it puts back. A status
// that an instance of an earlier version has set gets a version here, and a suspension by one
// counts whatever is known. Both are best effort: the state is right all the same.
func (s *Store) reconcileTenant(ctx context.Context, key string, read tenantState, before status) tenantState {
	held := before.newer(status{read.status, read.version})
	switch {
	case read.status == tenant.Unknown && before.status != tenant.Suspended:
		return read // it was lost, and nobody is let in
	case !read.adopted && read.status == tenant.Suspended:
		s.adopt(ctx, key, read, before)
	case before.version > read.version, read.adopted && held.status != read.status:
		read.status = before.status
		_ = s.restore(ctx, key, before)
	case !read.adopted:
		s.adopt(ctx, key, read, before)
	default:
		s.memory.setStatus(key, held)
	}
	return read
}

// adopt gives a version to a status that has none. Nobody is the actor of it: the request that
// came upon the status has not set it.
func (s *Store) adopt(ctx context.Context, key string, read tenantState, before status) {
	version, _, _ := s.writeStatus(ctx, key, read.status, read, before.version, nil)
	s.memory.setStatus(key, status{read.status, version})
}

func (s *Store) restore(ctx context.Context, key string, known status) error {
	v, err := s.run(ctx, tenantRestoreScript, []string{key}, known.status.String(), known.version)
	if err == nil {
		_, err = okNumber(v)
	}
	return err
}

// writeStatus sets the status of a tenant that is still as it was read, and returns its
// version. A change is an event, by the sealed actor.
func (s *Store) writeStatus(ctx context.Context, key string, next tenant.Status, read tenantState, floor uint64, by []byte) (version uint64, conflict bool, err error) {
	w, err := s.write(ctx, tenantStatusScript, []string{key, eventsOf(key)}, statusArgs(next, read, floor, by)...)
	if err != nil {
		return 0, false, err
	}
	if list, ok := w.answer.([]any); ok && len(list) == 1 && list[0] == "conflict" {
		return 0, true, nil
	}
	if version, err = okNumber(w.answer); err == nil && version == 0 {
		err = fmt.Errorf("%w: incomplete answer", session.ErrCorrupt)
	}
	if err != nil {
		return 0, false, err
	}
	return version, false, w.short // with short the version counts here all the same
}

func statusArgs(next tenant.Status, read tenantState, floor uint64, by []byte) []any {
	was, version := "", ""
	if read.status != tenant.Unknown {
		was = read.status.String()
	}
	if read.version != 0 {
		version = fmt.Sprint(read.version)
	}
	return []any{next.String(), was, version, floor, by}
}

// readTenant reads the state of a tenant, without what this instance knows of it.
func (s *Store) readTenant(ctx context.Context, t tenant.ID) (tenantState, error) {
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{tenantReadScript.call(ctx, eval, []string{s.names.tenant(t)})}
	})
	if err != nil {
		return tenantState{}, failed(err)
	}
	return parseTenant(answers[0])
}

// readToSet is readTenant for a tenant that is about to be set up, unless it is: then it is an error
// that another one has the name but for its case. Tenants that were set up under an earlier version are
// known by their names once their status is set again.
func (s *Store) readToSet(ctx context.Context, t tenant.ID) (tenantState, error) {
	key := s.names.tenant(t)
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{
			tenantReadScript.call(ctx, eval, []string{key}),
			tenantNameScript.call(ctx, eval, []string{s.names.tenantName(t)}, key),
		}
	})
	if err != nil {
		return tenantState{}, failed(err)
	}
	read, err := parseTenant(answers[0])
	if err != nil {
		return tenantState{}, err
	}
	has := newReply([]any{answers[1]}, 1)
	if has.must() != key && has.err == nil && read.status == tenant.Unknown {
		return tenantState{}, tenant.ErrAlike
	}
	return read, has.err
}

// TenantStatus implements [session.Store].
func (s *Store) TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error) {
	const op = "tenant status"
	if err := checkTenant(t); err != nil {
		return tenant.Unknown, wrap(op, err)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	key := s.names.tenant(t)
	before := s.memory.statuses.get(key)
	state, err := s.readTenant(ctx, t)
	if err != nil {
		return tenant.Unknown, wrap(op, err)
	}
	return s.reconcileTenant(ctx, key, state, before).status, nil
}

// statusAttempts is how often SetTenantStatus begins again when others set it meanwhile.
const statusAttempts = 8

// SetTenantStatus implements [session.Store].
func (s *Store) SetTenantStatus(ctx context.Context, t tenant.ID, next tenant.Status) error {
	const op = "set tenant status"
	if err := checkTenant(t); err != nil {
		return wrap(op, err)
	}
	if next != tenant.Active && next != tenant.Suspended {
		return wrap(op, fmt.Errorf("%w: status %v, only active and suspended can be set", session.ErrInvalid, next))
	}
	key := s.names.tenant(t)
	by, err := s.sealActor(ctx, eventsOf(key))
	if err != nil {
		return wrap(op, err)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	for range statusAttempts {
		before := s.memory.statuses.get(key)
		read, err := s.readToSet(ctx, t)
		if err != nil {
			return wrap(op, err)
		}
		version, conflict, err := s.writeStatus(ctx, key, next, read, max(before.version, read.version), by)
		if version != 0 {
			s.memory.setStatus(key, status{next, version})
		}
		if err != nil {
			return wrap(op, err)
		}
		if !conflict {
			return nil
		}
	}
	return wrap(op, fmt.Errorf("%w: others set it at the same time", session.ErrUnavailable))
}

// AddTenant implements [session.Store].
func (s *Store) AddTenant(ctx context.Context, t tenant.ID) error {
	const op = "add tenant"
	if err := checkTenant(t); err != nil {
		return wrap(op, err)
	}
	key := s.names.tenant(t)
	by, err := s.sealActor(ctx, eventsOf(key))
	if err != nil {
		return wrap(op, err)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	for range statusAttempts {
		before := s.memory.statuses.get(key)
		read, err := s.readToSet(ctx, t)
		if err != nil {
			return wrap(op, err)
		}
		if s.reconcileTenant(ctx, key, read, before).status != tenant.Unknown {
			return nil
		}
		version, conflict, err := s.writeStatus(ctx, key, tenant.Active, read, max(before.version, read.version), by)
		if version != 0 {
			s.memory.setStatus(key, status{tenant.Active, version})
		}
		if err != nil {
			return wrap(op, err)
		}
		if !conflict {
			return nil
		}
	}
	return wrap(op, fmt.Errorf("%w: others set it at the same time", session.ErrUnavailable))
}
