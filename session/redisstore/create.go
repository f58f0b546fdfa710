package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Create implements [session.Store]. The epochs are read, and sealed into the record,
// before the script stores it: a revocation in between leaves a session that is dead on
// arrival, never one that outlives it.
func (s *Store) Create(ctx context.Context, n session.Session, c session.CreateOptions) (session.Session, error) {
	created, err := s.create(ctx, n, c)
	if err != nil {
		return session.Session{}, wrap("create", err)
	}
	return created, nil
}

func (s *Store) create(ctx context.Context, n session.Session, c session.CreateOptions) (session.Session, error) {
	if err := n.Validate(); err != nil {
		return session.Session{}, err
	}
	if err := c.Limit.Validate(); err != nil {
		return session.Session{}, err
	}
	lifetime := c.Lifetime
	if lifetime <= 0 || lifetime > maxLifetime {
		return session.Session{}, fmt.Errorf("%w: lifetime %v is not between 0 and %v", session.ErrInvalid, lifetime, maxLifetime)
	}
	if err := checkIdle(n); err != nil {
		return session.Session{}, err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()

	user, keys := s.names.ref(n.Ref())
	before := s.knownOf(user, n.Tenant)
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		keep := micros(lifetime+epochSlack) / 1000
		return []*call{
			ensureScript.call(ctx, eval, []string{user.epoch, user.last}, keep),
			tenantReadScript.call(ctx, eval, []string{s.names.tenant(n.Tenant)}),
			ensureScript.call(ctx, eval, []string{s.names.global()}, 0),
		}
	})
	if err != nil {
		return session.Session{}, failed(err)
	}
	state, err := parseTenant(answers[1])
	if err != nil {
		return session.Session{}, err
	}
	if err := s.holdTenant(ctx, n.Tenant, state, before.status).status.Err(); err != nil {
		return session.Session{}, err
	}
	userReply := newReply(answers[0], 3)
	now := fromMicros(int64(userReply.mustNumber()))
	issued := epochs{user: userReply.mustNumber(), tenant: state.epoch}
	last := userReply.change()
	globalReply := newReply(answers[2], 3)
	globalReply.must()
	issued.global = globalReply.mustNumber()
	for _, r := range []*reply{userReply, globalReply} {
		if r.err != nil {
			return session.Session{}, r.err
		}
	}

	s.clock.heard(uint64(now.UnixMicro()))
	if issued, err = s.hold(ctx, user, n.Tenant, issued, before); err != nil {
		return session.Session{}, err
	}
	if issued.user, err = s.holdUser(ctx, user, issued.user, last, before); err != nil {
		return session.Session{}, err
	}
	if issued.user == 0 {
		return session.Session{}, fmt.Errorf("%w: the store was behind on the user, whose sessions were just ended", session.ErrUnavailable)
	}

	n.CreatedAt, n.LastSeenAt, n.ExpiresAt = now, now, now.Add(lifetime).Truncate(time.Microsecond)
	if !c.Until.IsZero() && c.Until.Before(n.ExpiresAt) {
		n.ExpiresAt = fromMicros(c.Until.UnixMicro())
	}
	if !now.Before(n.ExpiresAt) {
		return session.Session{}, fmt.Errorf("%w: it would end before it begins", session.ErrInvalid)
	}
	n.Version = 1
	if n.AuthTime.IsZero() {
		n.AuthTime = now
	}
	n, sealed, err := s.seal(keys, record{n, issued})
	if err != nil {
		return session.Session{}, err
	}
	by, err := s.sealActor(ctx, user.events)
	if err != nil {
		return session.Session{}, err
	}
	acting, err := s.sealActs(user, keys, n)
	if err != nil {
		return session.Session{}, err
	}
	// Somebody who acts as the user is neither counted nor in the way.
	limit, created := c.Limit.OrDefault(), now.UnixMicro()
	var reason []byte
	if actor, impersonated := n.Actors.Current(); impersonated {
		limit, created = session.SessionLimit{Sessions: session.MaxImpersonations, Policy: session.EvictOldest}, -created
		if reason, err = s.sealReason(user, keys, actor.Reason); err != nil {
			return session.Session{}, err
		}
	}
	for attempt := 0; ; attempt++ {
		v, err := s.run(ctx, createScript,
			[]string{keys.record, keys.seen, keys.refresh, user.index, user.epoch, user.order, user.events, user.acts},
			issued.user, n.Version, sealed, micros(n.IdleTimeout),
			expiry(n), now.UnixMicro(), digestText(c.Refresh), keys.member, limit.Sessions, policyText(limit.Policy), reason, created, by, acting)
		if err != nil {
			return session.Session{}, err
		}
		list, _ := v.([]any)
		if len(list) > 1 {
			return n, s.madeRoom(ctx, user, list)
		}
		if len(list) == 0 {
			return session.Session{}, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
		}
		switch list[0] {
		case "exists":
			return session.Session{}, session.ErrExists
		case "late":
			return session.Session{}, fmt.Errorf("%w: the session arrived too late and was not made", session.ErrUnavailable)
		case "revoked":
			// The user was revoked after the epochs were read. The session was created
			// before that and ended by it.
			return n, nil
		case "full":
			forgotten, err := s.forgetDead(ctx, n.Tenant, n.User, user)
			if err != nil {
				return session.Session{}, err
			}
			if forgotten == 0 || attempt == listRounds {
				return session.Session{}, session.ErrTooManySessions
			}
			continue
		}
		return session.Session{}, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
}

// madeRoom reads what a sign-in has ended, and remembers it.
func (s *Store) madeRoom(ctx context.Context, user userKeys, answer []any) error {
	list, err := members(answer)
	if err != nil {
		return err
	}
	if list[0] != "" {
		oldest, ok := parseNumber(list[0])
		if !ok {
			return fmt.Errorf("%w: not a number", session.ErrCorrupt)
		}
		s.memory.limited(user.order, oldest)
		s.countChange(ctx, user)
	}
	s.ended(ctx, user, list[1:])
	return nil
}

// forgetDead takes those of a user's 100 oldest sessions off the index that ended with the
// tenant or everyone, whose epochs the script does not see, and returns how many: what ended
// with them is older than what is live. What is dead stays so. On a
// cluster the tenant may be read a moment before the index: a session of a sign-in right
// after a revocation of the tenant is then taken for one of before it, and the user, who is
// signing in at that limit, signs in again.
func (s *Store) forgetDead(ctx context.Context, t tenant.ID, u session.UserID, user userKeys) (int, error) {
	listed, err := s.page(ctx, user, oldestFirst, "0", "+inf")
	if err != nil {
		return 0, err
	}
	sessions, _, err := s.listMembers(ctx, t, u, user, listed.members)
	if err != nil {
		return 0, err
	}
	live := make(map[string]bool, len(sessions))
	for _, l := range sessions {
		live[l.member] = true
	}
	var dead []any
	for _, m := range listed.members {
		if !live[m] {
			dead = append(dead, m)
		}
	}
	if len(dead) == 0 {
		return 0, nil
	}
	return len(dead), s.expect(ctx, forgetScript, []string{user.index, user.order, user.acts}, dead...)
}

func policyText(p session.LimitPolicy) string {
	if p == session.EvictOldest {
		return "evict"
	}
	return "reject"
}

// expiry is when the keys of a session expire: ExpiresAt in ms, rounded up. The exact end
// is in the record.
func expiry(s session.Session) int64 { return (s.ExpiresAt.UnixMicro() + 999) / 1000 }

// digestText is what is stored of a refresh digest, "" for none.
func digestText(d session.Digest) string {
	if d == (session.Digest{}) {
		return ""
	}
	return string(d[:])
}
