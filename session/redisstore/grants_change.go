package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// changes are the last change of the roles of a user, and that of the attributes, each with the
// epoch by which it was made, 0 for none.
type changes struct {
	rolesAt, attributesAt uint64
	roles                 session.Roles
	attributes            session.Attributes
}

// since returns what was changed after an epoch.
func (c changes) since(epoch uint64) session.UserChange {
	var change session.UserChange
	if c.rolesAt > epoch {
		change.Roles = &c.roles
	}
	if c.attributesAt > epoch {
		change.Attributes = &c.attributes
	}
	return change
}

// with returns c after one more change.
func (c changes) with(change session.UserChange, epoch uint64) changes {
	if change.Roles != nil {
		c.roles, c.rolesAt = *change.Roles, epoch
	}
	if change.Attributes != nil {
		c.attributes, c.attributesAt = *change.Attributes, epoch
	}
	return c
}

// changesFormat is the first byte of changes in clear.
const changesFormat = 1

// sealChanges seals changes for the epoch by which they are made.
func (s *Store) sealChanges(user userKeys, epoch uint64, c changes) ([]byte, error) {
	plain := binary.AppendUvarint(binary.AppendUvarint([]byte{changesFormat}, c.rolesAt), c.attributesAt)
	plain, err := appendAttributes(appendTexts(plain, c.roles.Names()), c.attributes)
	if err != nil {
		return nil, err
	}
	return s.sealer.seal(user.grants, epoch, plain)
}

// openChanges returns what sealChanges sealed, none where there is nothing.
func (s *Store) openChanges(user userKeys, g userGrants) (changes, error) {
	if g.change == "" {
		return changes{}, nil
	}
	plain, err := s.sealer.open(user.grants, g.at, []byte(g.change))
	if err != nil {
		return changes{}, err
	}
	d := decoder{rest: plain}
	format := d.take(1)
	if len(format) != 1 || format[0] != changesFormat {
		return changes{}, fmt.Errorf("%w: unknown format of changes", session.ErrCorrupt)
	}
	c := changes{rolesAt: d.uvarint(), attributesAt: d.uvarint()}
	var problems [2]error
	c.roles, problems[0] = session.NewRoles(d.texts()...)
	c.attributes, problems[1] = session.NewAttributes(d.attributes())
	if err := errors.Join(problems[0], problems[1], d.err); err != nil || len(d.rest) > 0 {
		return changes{}, fmt.Errorf("%w: changes of a user: %v", session.ErrCorrupt, err)
	}
	return c, nil
}

// UpdateUser implements [session.Store]. The change is stored once, beside the epoch that it is
// made by, and each session takes it over when it is next used: before that, every reader sees it
// changed.
func (s *Store) UpdateUser(ctx context.Context, t tenant.ID, u session.UserID, change session.UserChange) error {
	if err := s.updateUser(ctx, t, u, change); err != nil {
		return wrap("update user", err)
	}
	return nil
}

func (s *Store) updateUser(ctx context.Context, t tenant.ID, u session.UserID, change session.UserChange) error {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return err
	}
	if err := change.Validate(); err != nil {
		return err
	}
	user := s.names.user(t, u)
	by, err := s.sealActor(ctx, user.events)
	if err != nil {
		return err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	for range movedAttempts {
		err := s.changeUser(ctx, t, user, change, by)
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return fmt.Errorf("%w: the user's epoch moves faster than the user can be changed", session.ErrUnavailable)
}

// changeUser is one attempt of updateUser, over the epoch that it reads.
func (s *Store) changeUser(ctx context.Context, t tenant.ID, user userKeys, change session.UserChange, by []byte) error {
	before := s.knownOf(user, s.names.tenant(t))
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{grantsScript.call(ctx, eval, []string{user.epoch, user.grants})}
	})
	if err != nil {
		return failed(err)
	}
	r := newReply(answers[0], 3)
	now := r.mustNumber()
	epoch, there := r.number()
	held := r.grants()
	if r.err != nil {
		return r.err
	}
	if !there {
		return nil // without an epoch no session is live, and no sign-in under way
	}
	if before.epochs.user > epoch { // Redis is behind: see hold
		epoch = before.epochs.user
		if err := s.raise(ctx, raiseScript, epoch, user.epoch); err != nil {
			return err
		}
	}
	var made changes
	if held.at == epoch {
		if made, err = s.openChanges(user, held); err != nil {
			return err
		}
	}
	next := max(epoch+1, now)
	sealed, err := s.sealChanges(user, next, made.with(change, next))
	if err != nil {
		return err
	}
	w, err := s.write(ctx, updateUserScript, []string{user.epoch, user.grants, user.events}, epoch, next, sealed, by)
	if err != nil {
		return err
	}
	if list, _ := w.answer.([]any); len(list) == 1 && list[0] == "gone" {
		return nil
	}
	reply, err := outcome(w.answer, 2)
	if err != nil {
		return err
	}
	s.memory.revoked.max(user.epoch, reply.mustNumber())
	return errors.Join(reply.err, w.short)
}
