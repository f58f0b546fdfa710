package redisstore

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// erasedAtOnce is how many sessions one script erases: three keys of each, and those of the user,
// are at most 100.
const erasedAtOnce = 30

// EraseUser implements [session.Store]. It is many scripts of at most 100 keys each, every one with
// [Config.Timeout] to itself.
//
// The records, last uses and refresh families of sessions go, the lists of them, the events, and
// the changes of the user's roles. Sessions that had ended before, but not expired, are found by
// the events, of which about the last 1000 are kept: an older one goes by itself when it expires.
//
// Traces of the user that stay have only numbers, times and keyed digests in clear:
//
//   - "b", the block: it keeps the user from coming back. [Store.Unblock] lets it end 90 days later.
//   - "e", the epoch, and "q", the number of the last change: records that a backup or a replica brings
//     back are dead by them. They end with the longest lifetime of the sessions.
//   - "n", how sign-ins at providers have ended, and "n:…", which session each had last: a token
//     from before makes no session by them. They end 90 days after the last sign-in or end.
//   - {n-…}, in which tenants somebody of a provider is to be signed out by RevokePerson: the user is
//     named there, sealed under NameKey, for as long.
//
// Acts of the user as another stay in the events of that other, sealed.
func (s *Store) EraseUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	const op = "erase user"
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return wrap(op, err)
	}
	user := s.names.user(t, u)
	if err := s.blockListed(ctx, user); err != nil {
		return wrap(op, err)
	}
	if err := s.eraseSessions(ctx, user, "blocked"); err != nil {
		return wrap(op, err)
	}
	return nil
}

// blockListed is Block that leaves the lists of sessions, which are dead all the same, to be read.
func (s *Store) blockListed(ctx context.Context, user userKeys) error {
	by, err := s.sealActor(ctx, user.events)
	if err != nil {
		return err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	known := s.memory.blocks.get(user.block)
	w, err := s.timely(ctx, blockScript, blockKeys(user)[:4], bit(true), 0, known.version, by, endsKept, "any")
	if err != nil {
		return err
	}
	if _, err := s.heedBlock(user, w.answer); err != nil {
		return err
	}
	return w.short
}

// EraseTenant implements [session.Store]. The tenant's status stays Suspended, with its version,
// epoch and cut: without them the tenant would be one that was never seen, whose old sessions
// nothing refuses. Of each of its users stays what [Store.EraseUser] says, but no block.
func (s *Store) EraseTenant(ctx context.Context, t tenant.ID, users iter.Seq2[session.UserID, error]) error {
	const op = "erase tenant"
	if err := checkTenant(t); err != nil {
		return wrap(op, err)
	}
	if err := s.checkSuspended(ctx, t); err != nil {
		return wrap(op, err)
	}
	if err := s.RevokeTenant(ctx, t); err != nil {
		return wrap(op, err)
	}
	if users == nil {
		users = func(func(session.UserID, error) bool) {}
	}
	for u, err := range users {
		if err == nil {
			err = s.eraseOfTenant(ctx, t, u)
		}
		if err != nil {
			return wrap(op, err)
		}
	}
	if err := s.checkSuspended(ctx, t); err != nil {
		return wrap(op, err)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	// Last, and while it is suspended: the event of its suspension has been written before, and
	// there is no later event but of a change that was made after the erasure.
	if err := s.eraseStep(ctx, eraseEventsScript, []string{s.names.tenant(t), s.names.tenantEvents(t)}); err != nil {
		return wrap(op, err)
	}
	return nil
}

// checkSuspended asks anew, for each user: an operator who opens the tenant again stops its
// erasure.
func (s *Store) checkSuspended(ctx context.Context, t tenant.ID) error {
	status, err := s.TenantStatus(ctx, t)
	if err != nil {
		return err
	}
	if status != tenant.Suspended {
		return fmt.Errorf("%w: %s", session.ErrNotSuspended, t)
	}
	return nil
}

func (s *Store) eraseOfTenant(ctx context.Context, t tenant.ID, u session.UserID) error {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return err
	}
	if err := s.checkSuspended(ctx, t); err != nil {
		return err
	}
	return s.eraseSessions(ctx, s.names.user(t, u), "")
}

// eraseSessions deletes what is stored of a user's sessions, and the user's events last: by them a
// call that comes after one that failed finds the rest.
func (s *Store) eraseSessions(ctx context.Context, user userKeys, while string) error {
	for {
		members, err := s.oldestMembers(ctx, user)
		if err != nil {
			return err
		}
		if len(members) == 0 {
			break
		}
		if err := s.eraseMembers(ctx, user, while, members); err != nil {
			return err
		}
	}
	from := "-"
	for range maxEventsRead / pageSize {
		members, last, err := s.eventMembers(ctx, user.events, from)
		if err != nil {
			return err
		}
		if last == "" {
			break
		}
		if err := s.eraseMembers(ctx, user, while, members); err != nil {
			return err
		}
		from = "(" + last
	}
	return s.eraseChunk(ctx, user, while, nil)
}

func (s *Store) oldestMembers(ctx context.Context, user userKeys) ([]string, error) {
	ctx, cancel := s.within(ctx)
	defer cancel()
	p, err := s.page(ctx, user, oldestFirst, "-inf", "+inf")
	return p.members, err
}

// eventMembers returns the sessions that a page of events names, and the id of the last of these.
func (s *Store) eventMembers(ctx context.Context, stream, from string) (members []string, last string, err error) {
	ctx, cancel := s.within(ctx)
	defer cancel()
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{eventsScript.call(ctx, eval, []string{stream}, from)}
	})
	if err != nil {
		return nil, "", failed(err)
	}
	entries, ok := answers[0].([]any)
	if !ok {
		return nil, "", fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	for _, entry := range entries {
		r := newReply(entry, 2)
		last = r.must()
		fields, err := parseMembers(r.next())
		if r.err != nil {
			return nil, "", r.err
		}
		if err != nil {
			return nil, "", err
		}
		for i := 0; i+1 < len(fields); i += 2 {
			if _, known := s.names.shown(fields[i+1]); known && (fields[i] == "s" || fields[i] == "n") {
				members = append(members, fields[i+1])
			}
		}
	}
	slices.Sort(members)
	return slices.Compact(members), last, nil
}

// eraseMembers erases sessions.
func (s *Store) eraseMembers(ctx context.Context, user userKeys, while string, members []string) error {
	for chunk := range slices.Chunk(members, erasedAtOnce) {
		if err := s.eraseChunk(ctx, user, while, chunk); err != nil {
			return err
		}
	}
	return nil
}

// eraseChunk is one script: it erases sessions or, with none, what is left of the user without them.
func (s *Store) eraseChunk(ctx context.Context, user userKeys, while string, members []string) error {
	ctx, cancel := s.within(ctx)
	defer cancel()
	keys := []string{user.block, user.index, user.order, user.acts, user.grants, user.events}
	args := []any{while}
	for _, m := range members {
		k := user.member(m)
		keys, args = append(keys, k.record, k.seen, k.refresh), append(args, m)
	}
	return s.eraseStep(ctx, eraseScript, keys, args...)
}

// eraseStep runs a script that erases, which may be run again.
func (s *Store) eraseStep(ctx context.Context, sc script, keys []string, args ...any) error {
	w, err := s.timely(ctx, sc, keys, args...)
	if err != nil {
		return err
	}
	switch list, _ := w.answer.([]any); {
	case len(list) == 1 && list[0] == "unblocked":
		return fmt.Errorf("%w: the user was unblocked meanwhile", session.ErrConflict)
	case len(list) == 1 && list[0] == "served":
		return fmt.Errorf("%w: the tenant was opened meanwhile", session.ErrNotSuspended)
	case len(list) != 1 || list[0] != "ok":
		return fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	return w.short
}
