package redisstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// cuts are those that concern one stranger: the times before which sign-ins at the provider are
// refused, of the user, the tenant, everyone and the person, in keys of their own.
type cuts struct {
	keys []string
	read []uint64 // µs, 0 for none
}

func (c *cuts) add(key string, read uint64) {
	c.keys, c.read = append(c.keys, key), append(c.read, read)
}

// reconcileCuts returns the latest cut: those that were read or, where this instance knows of a later
// one, that one, which it puts back.
func (s *Store) reconcileCuts(ctx context.Context, c cuts) (time.Time, error) {
	return s.reconcileCutsIn(ctx, c, s.memory.cuts.max)
}

func (s *Store) reconcileCutsIn(ctx context.Context, c cuts, remember func(key string, cut uint64)) (time.Time, error) {
	var last uint64
	for i, key := range c.keys {
		held := s.memory.cuts.get(key)
		if held > c.read[i] {
			if err := s.raiseCut(ctx, key, held); err != nil {
				return time.Time{}, err
			}
		} else {
			remember(key, c.read[i])
		}
		last = max(last, held, c.read[i])
	}
	if last == 0 {
		return time.Time{}, nil
	}
	return fromMicros(int64(last)), nil
}

func (s *Store) raiseCut(ctx context.Context, key string, cut uint64) error {
	v, err := s.run(ctx, cutRaiseScript, []string{key}, cut, s.cutKept(key))
	if err != nil {
		return err
	}
	_, err = okNumber(v)
	return err
}

// cutKept is for how many ms a cut is kept: those of tenants and everyone, which are few, for ever.
func (s *Store) cutKept(key string) int64 {
	rest := strings.TrimPrefix(key, s.names.prefix)
	if strings.HasPrefix(rest, ":{u-") || strings.HasPrefix(rest, ":{n-") {
		return endsKept
	}
	return 0
}

// claim notes that a sign-in, and the person, may have a session in the user's slot, before there
// is one. It returns the cut of the person. One of a sign-in has ended it for ever.
func (s *Store) claim(ctx context.Context, stranger session.Stranger, user userKeys) (cuts, error) {
	keys := []string{s.names.person(stranger.Issuer, stranger.User)}
	if stranger.Name != "" {
		keys = append(keys, s.names.namedSignIn(stranger.Issuer, stranger.Name))
	}
	owner := user.base
	var sealed [2][]byte
	for i, key := range keys {
		var err error
		if sealed[i], err = s.reasons.seal(key, sealedOwner, appendText(appendText(nil, stranger.Tenant.String()), stranger.User.String())); err != nil {
			return cuts{}, err
		}
	}
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		var calls []*call
		for i, key := range keys {
			calls = append(calls, claimScript.call(ctx, eval, []string{key}, owner, sealed[i], endsKept))
		}
		return calls
	})
	if err != nil {
		return cuts{}, failed(err)
	}
	var of cuts
	for i, key := range keys {
		r := newReply([]any{answers[i]}, 1)
		read, _ := r.number()
		if r.err != nil {
			return cuts{}, r.err
		}
		of.add(key, read)
	}
	if stranger.Name == "" {
		return of, nil
	}
	ended, err := s.reconcileCutsIn(ctx, cuts{of.keys[1:], of.read[1:]}, func(key string, cut uint64) {
		s.memory.cuts.maxNamed(user.base, key, cut)
	})
	if err != nil {
		return cuts{}, err
	}
	if !ended.IsZero() {
		return cuts{}, firstOf(s.finishEnd(ctx, stranger, user), session.ErrSignedOut)
	}
	return cuts{of.keys[:1], of.read[:1]}, nil
}

// finishEnd ends a sign-in that is refused by its cut in the slot of the user, where this instance has
// not: the instance that made the cut may have come no further, and then the session would be let in
// by others.
func (s *Store) finishEnd(ctx context.Context, stranger session.Stranger, user userKeys) error {
	if s.memory.signIns.get(user.signIn(stranger.Issuer, stranger.Name)).ended != 0 {
		return nil
	}
	return s.endSignInOf(ctx, session.Ref{Tenant: stranger.Tenant, User: stranger.User}, stranger.Issuer, stranger.Name)
}

// cutAll makes a cut and returns those in whose slots it has to be made as well, also with the error of
// a cut that too few replicas have: it is made there all the same.
func (s *Store) cutAll(ctx context.Context, key string, remember func(owners []session.Ref, cut uint64)) ([]session.Ref, error) {
	w, err := s.timely(ctx, cutScript, []string{key}, endsKept)
	if err != nil {
		return nil, err
	}
	list, err := members(w.answer)
	if err != nil {
		return nil, err
	}
	cut, ok := uint64(0), false
	if len(list) > 0 {
		cut, ok = parseNumber(list[0])
	}
	if !ok {
		return nil, fmt.Errorf("%w: a cut", session.ErrCorrupt)
	}
	var owners []session.Ref
	var problem error
	for _, sealed := range list[1:] {
		owner, err := s.openOwner(key, sealed)
		if err != nil {
			problem = err
			break
		}
		owners = append(owners, owner)
	}
	remember(owners, cut)
	if problem != nil {
		return nil, problem
	}
	return owners, w.short
}

func (s *Store) openOwner(key, sealed string) (session.Ref, error) {
	plain, err := s.reasons.open(key, sealedOwner, []byte(sealed))
	if err != nil {
		return session.Ref{}, err
	}
	d := decoder{rest: plain}
	t, err := tenant.Parse(d.text())
	if err != nil {
		return session.Ref{}, fmt.Errorf("%w: %v", session.ErrCorrupt, err)
	}
	u, err := session.ParseUserID(d.text())
	if err != nil || d.err != nil || len(d.rest) > 0 {
		return session.Ref{}, fmt.Errorf("%w: the owner of a sign-in", session.ErrCorrupt)
	}
	return session.Ref{Tenant: t, User: u}, nil
}

// EndSignIn implements [session.Store]. The sign-in is ended before anybody is asked where it has
// sessions: one that is adopted meanwhile has noted that before, and finds that it has ended.
func (s *Store) EndSignIn(ctx context.Context, issuer, name string) error {
	const op = "end sign-in"
	if issuer == "" || name == "" {
		return wrap(op, fmt.Errorf("%w: a provider's session without issuer or name", session.ErrInvalid))
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	key := s.names.namedSignIn(issuer, name)
	owners, problem := s.cutAll(ctx, key, func(owners []session.Ref, cut uint64) {
		user := ""
		if len(owners) > 0 {
			user = s.names.user(owners[0].Tenant, owners[0].User).base
		}
		s.memory.cuts.maxNamed(user, key, cut)
	})
	for _, owner := range owners { // each for itself: one that cannot be reached keeps no other alive
		problem = firstOf(problem, s.endSignInOf(after(ctx, problem), owner, issuer, name))
	}
	if problem != nil {
		return wrap(op, problem)
	}
	return nil
}

// endSignInOf ends a sign-in in one slot, and then the session that it is linked to, which moves
// no more.
func (s *Store) endSignInOf(ctx context.Context, owner session.Ref, issuer, name string) error {
	user := s.names.user(owner.Tenant, owner.User)
	link := user.signIn(issuer, name)
	w, err := s.write(ctx, signInEndScript, []string{link, user.ends}, endsKept)
	if err != nil {
		return err
	}
	r := newReply(w.answer, 3)
	r.must()
	member, linked := r.text()
	number := r.change()
	if r.err != nil {
		return r.err
	}
	if linked {
		by, err := s.sealActor(ctx, user.events)
		if err != nil {
			return err
		}
		if err := s.revokeMember(after(ctx, w.short), user, user.member(member), by); err != nil {
			return err
		}
	}
	s.memory.signIns.end(link, linkedNamed, uint64(time.Now().UnixMicro()), number) // whatever the time, a named one stays ended
	return w.short
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// RevokePerson implements [session.Store]. See EndSignIn.
func (s *Store) RevokePerson(ctx context.Context, issuer string, u session.UserID) error {
	const op = "revoke person"
	switch {
	case issuer == "":
		return wrap(op, fmt.Errorf("%w: no issuer", session.ErrInvalid))
	case u.IsZero():
		return wrap(op, fmt.Errorf("%w: no user", session.ErrInvalidID))
	}
	bounded, cancel := s.within(ctx)
	defer cancel()
	key := s.names.person(issuer, u)
	owners, problem := s.cutAll(bounded, key, func(_ []session.Ref, cut uint64) { s.memory.cuts.max(key, cut) })
	for _, owner := range owners { // each for itself: one that cannot be reached keeps no other alive
		problem = firstOf(problem, s.RevokeUser(after(ctx, problem), owner.Tenant, owner.User))
	}
	if problem != nil {
		return wrap(op, problem)
	}
	return nil
}
