package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// live is a session that was live when it was read, and what is needed to write it.
type live struct {
	record
	user userKeys
	keys sessionKeys
	now  time.Time // by Redis

	current standing

	steps uint64 // that the refresh family has taken at least
}

// read reads the session of ref and everything that decides whether it is live, in one
// round trip. On a cluster the tenant and the global epoch are in slots of their own and so of
// another instant than the rest, but of one within the call: a revocation that returned before
// the call began is seen.
func (s *Store) read(ctx context.Context, ref session.Ref) (live, error) {
	user, keys := s.names.ref(ref)
	ofTenant := s.names.tenant(ref.Tenant)
	before := s.knownOf(user, ofTenant)
	before.stamp = s.memory.ofSession(keys.record)
	answer, err := s.askFor(ctx, ref.Tenant, ofTenant, user, keys)
	if err != nil {
		return live{}, err
	}
	state, current := answer.tenant, answer.epochs
	if err := s.reconcileTenant(ctx, ofTenant, state, before.status).status.Err(); err != nil {
		return live{}, err
	}
	if answer.err != nil {
		return live{}, answer.err
	}
	now, row, last, steps, grants := answer.now, answer.row, answer.last, answer.steps, answer.grants
	s.clock.heard(now)
	current, _ = s.reconcile(ctx, user, ofTenant, current, before) // the epochs are right all the same
	current.user, _ = s.reconcileUser(ctx, user, current.user, last, before)
	standing := standing{current, grants, state.carried}
	rec, err := s.judge(row, user, keys, now, standing, ref.Tenant, ref.User)
	if err != nil {
		return live{}, err
	}
	if s.outdated(ctx, user, keys, row, before.stamp, rec.session) {
		return live{}, session.ErrNotFound
	}
	if rec.session.ID != ref.ID {
		return live{}, fmt.Errorf("%w: the record of another session", session.ErrCorrupt)
	}
	m := stampOf(row.version, row.sealed)
	m.steps = steps
	s.memory.readSession(user, keys.record, m, last)
	return live{rec, user, keys, fromMicros(int64(now)), standing, max(steps, before.stamp.steps)}, nil
}

// loadAnswer is the answer of Redis about a session, its user and its tenant, and everyone.
type loadAnswer struct {
	tenant tenantState
	epochs epochs

	err    error // of what follows and of the user's epoch
	now    uint64
	row    row
	last   uint64
	steps  uint64
	grants userGrants
}

// askFor asks Redis about a session, by one script that reads everything, or where the tenant and
// everyone may be on other servers, by three.
func (s *Store) askFor(ctx context.Context, t tenant.ID, ofTenant string, user userKeys, keys sessionKeys) (loadAnswer, error) {
	whole := !s.apart.Load()
	check, whose := s.due(ctx, user.epoch)
	var look look
	answers, err := s.loads.batch(ctx, t, func(eval bool) []*call {
		names := []string{keys.record, keys.seen, user.epoch, user.index, user.last, user.grants, ofTenant, s.names.global()}
		if !whole {
			names = names[:6]
		}
		calls := make([]*call, 1, 4)
		calls[0] = loadScript.call(ctx, eval, names, keys.member)
		if !whole {
			calls = append(calls, s.readShared(ctx, eval, ofTenant)...)
		}
		if whose {
			calls = append(calls, s.lookBy(ctx, eval, &look, user.epoch))
		}
		return calls
	})
	if err != nil {
		check.unanswered()
	}
	if whole && err != nil && redis.HasErrorPrefix(err, "CROSSSLOT") {
		// A server of a cluster, or a proxy before one, behind a client of one server.
		s.apart.Store(true)
		return s.askFor(ctx, t, ofTenant, user, keys)
	}
	if err != nil {
		return loadAnswer{}, failed(err)
	}
	if whose {
		s.looked(ctx, look, user.epoch, answers[len(answers)-1])
	}
	var a loadAnswer
	r := unpack(answers[0])
	if whole {
		a.tenant, err = r.tenant()
		a.epochs.tenant = a.tenant.epoch
		a.epochs.global, _ = r.number()
		err = errors.Join(err, r.err)
	} else {
		a.epochs, a.tenant, err = parseShared(answers[1], answers[2])
	}
	if err != nil {
		return loadAnswer{}, err
	}
	a.now = r.mustNumber()
	a.row = r.row()
	a.epochs.user, _ = r.number()
	a.last = r.change()
	a.steps, _ = r.number()
	a.grants = r.grants()
	r.end()
	a.err = r.err
	return a, nil
}

// knownOf returns what this instance knows of a user and the tenant. It is asked before Redis.
func (s *Store) knownOf(user userKeys, ofTenant string) known {
	return s.memory.ofUser(s.memory.ofTenant(s.names.global(), ofTenant), user)
}

// movedAttempts is how often a change of a session begins again when the user's epoch moves
// between reading the session and changing it.
const movedAttempts = 8

// errMoved means that the epoch of a session's user moved on after the session was read. Most
// often the session was ended by it, but it may be the one that was kept.
var errMoved = errors.New("redisstore: the epoch moved")

// unmoved reads a live session and changes it, again while the user's epoch moves in between. One
// that another session has replaced is dead to it.
func (s *Store) unmoved(ctx context.Context, ref session.Ref, change func(live) error) error {
	return s.unmovedOrReplaced(ctx, ref, func(l live) error {
		if !l.session.MovedTo.IsZero() {
			return session.ErrNotFound
		}
		return change(l)
	})
}

// unmovedOrReplaced is unmoved of any session that loads.
func (s *Store) unmovedOrReplaced(ctx context.Context, ref session.Ref, change func(live) error) error {
	for attempt := 0; ; attempt++ {
		l, err := s.read(ctx, ref)
		if err != nil {
			return err
		}
		if l.owing() {
			if _, err = s.reissue(ctx, l, ""); err == nil || errors.Is(err, session.ErrConflict) {
				err = errMoved
			}
		} else {
			err = change(l)
		}
		if !errors.Is(err, errMoved) {
			return err
		}
		if attempt == movedAttempts {
			return fmt.Errorf("%w: the user's epoch moves faster than the session can be changed", session.ErrUnavailable)
		}
	}
}

// readShared reads what is not of one user: the tenant's state and the global epoch.
func (s *Store) readShared(ctx context.Context, eval bool, ofTenant string) []*call {
	global := s.names.global()
	shared := []*call{
		tenantReadScript.call(ctx, eval, []string{ofTenant}),
		epochReadScript.call(ctx, eval, []string{global}),
	}
	if !eval { // an EVAL is of a load whose EVALSHA has failed, and would share its failure
		shared[0].same, shared[1].same = ofTenant, global
	}
	return shared
}

func parseShared(tenantAnswer, globalAnswer any) (epochs, tenantState, error) {
	state, err := parseTenant(tenantAnswer)
	if err != nil {
		return epochs{}, tenantState{}, err
	}
	global := newReply([]any{globalAnswer}, 1)
	epoch, _ := global.number()
	return epochs{tenant: state.epoch, global: epoch}, state, global.err
}

// judge opens a row and returns its record if the session is live, with the roles that it has now. An epoch of 0 is one
// that is missing, under which nothing lives.
func (s *Store) judge(row row, user userKeys, keys sessionKeys, now uint64, current standing, t tenant.ID, u session.UserID) (record, error) {
	if !row.found {
		return record{}, session.ErrNotFound
	}
	rec, err := s.sealer.openRecord(keys.record, row.version, row.sealed)
	if err != nil {
		return record{}, err
	}
	if rec.session.Version != row.version || rec.session.Tenant != t || rec.session.User != u {
		return record{}, fmt.Errorf("%w: the record of another session", session.ErrCorrupt)
	}
	if !current.has(rec.issued) {
		return record{}, session.ErrNotFound
	}
	at := fromMicros(int64(now))
	if !at.Before(rec.session.ExpiresAt) || !row.used {
		return record{}, session.ErrNotFound
	}
	rec.session.LastSeenAt = fromMicros(int64(row.seen))
	if at.Sub(rec.session.LastSeenAt) > rec.session.IdleTimeout {
		return record{}, session.ErrNotFound
	}
	if rec.issued != current.epochs {
		if err := s.carry(&rec, current, user); err != nil {
			return record{}, err
		}
	}
	return rec, nil
}
