package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// live is a session that was live when it was read, and what is needed to write it.
type live struct {
	record
	user userKeys
	keys sessionKeys
	now  time.Time // by Redis
}

// read reads the session of ref and everything that decides whether it is live, in one
// round trip. The tenant and the global epoch are in slots of their own and so of another
// instant than the rest, but of one within the call: a revocation that returned before the
// call began is seen.
func (s *Store) read(ctx context.Context, ref session.Ref) (live, error) {
	user, keys := s.names.ref(ref)
	whose := s.reassert.due(time.Now())
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		calls := append([]*call{
			loadScript.call(ctx, eval, []string{keys.record, keys.seen, user.epoch, user.index}, keys.member),
		}, s.readShared(ctx, eval, ref.Tenant)...)
		if whose {
			calls = append(calls, primaryScript.call(ctx, eval, []string{user.epoch}))
		}
		return calls
	})
	if err != nil {
		return live{}, failed(err)
	}
	if whose {
		s.meet(answers[3])
	}
	current, state, err := parseShared(answers[1], answers[2])
	if err != nil {
		return live{}, err
	}
	if err := state.status.Err(); err != nil {
		return live{}, err
	}
	r := newReply(answers[0], 5)
	now := r.mustNumber()
	row := r.row()
	current.user, _ = r.number()
	if r.err != nil {
		return live{}, r.err
	}
	current, _ = s.hold(ctx, user, ref.Tenant, current) // the epochs are right all the same
	rec, err := s.judge(row, keys, now, current, ref.Tenant, ref.User)
	if err != nil {
		return live{}, err
	}
	if s.revived(ctx, user, keys) {
		return live{}, session.ErrNotFound
	}
	if rec.session.ID != ref.ID {
		return live{}, fmt.Errorf("%w: the record of another session", session.ErrCorrupt)
	}
	return live{rec, user, keys, fromMicros(int64(now))}, nil
}

// readShared reads what is not of one user: the tenant's state and the global epoch.
func (s *Store) readShared(ctx context.Context, eval bool, t tenant.ID) []*call {
	return []*call{
		tenantReadScript.call(ctx, eval, []string{s.names.tenant(t)}),
		epochReadScript.call(ctx, eval, []string{s.names.global()}),
	}
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

// judge opens a row and returns its record if the session is live. An epoch of 0 is one
// that is missing, under which nothing lives.
func (s *Store) judge(row row, keys sessionKeys, now uint64, current epochs, t tenant.ID, u session.UserID) (record, error) {
	if !row.found {
		return record{}, session.ErrNotFound
	}
	plain, err := s.sealer.open(keys.record, row.version, []byte(row.sealed))
	if err != nil {
		return record{}, err
	}
	rec, err := decodeRecord(plain)
	if err != nil {
		return record{}, err
	}
	if rec.session.Version != row.version || rec.session.Tenant != t || rec.session.User != u {
		return record{}, fmt.Errorf("%w: the record of another session", session.ErrCorrupt)
	}
	if current.user == 0 || current.tenant == 0 || current.global == 0 || rec.issued != current {
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
	return rec, nil
}
