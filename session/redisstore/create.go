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

// create reads the epochs that the session is issued under, builds its record, and stores it.
func (s *Store) create(ctx context.Context, n session.Session, c session.CreateOptions) (session.Session, error) {
	if err := checkCreate(n, c); err != nil {
		return session.Session{}, err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()

	user, keys := s.names.ref(n.Ref())
	if err := s.checkBlock(ctx, user); err != nil {
		return session.Session{}, err
	}
	issue, err := s.issue(ctx, user, n.Tenant, c.Lifetime)
	if err != nil {
		return session.Session{}, err
	}
	if err := issue.epochs.holds(c.Ticket, n.Tenant, n.User); err != nil {
		return session.Session{}, err
	}
	d, err := s.draft(ctx, user, keys, n, c, issue, link{})
	if err != nil {
		return session.Session{}, err
	}
	_, err = s.storeDraft(ctx, user, keys, d)
	return d.session, err
}

func checkCreate(n session.Session, c session.CreateOptions) error {
	if err := n.Validate(); err != nil {
		return err
	}
	if err := c.Limit.Validate(); err != nil {
		return err
	}
	if c.Lifetime <= 0 || c.Lifetime > maxLifetime {
		return fmt.Errorf("%w: lifetime %v is not between 0 and %v", session.ErrInvalid, c.Lifetime, maxLifetime)
	}
	return checkIdle(n)
}

// issue has the terms of a new session: the epochs of its user, its tenant and everyone,
// and when that was by the clock of Redis.
type issue struct {
	epochs epochs
	now    time.Time
}

// issue reads the epochs for a session that may live for lifetime. They are at least as new as
// what this instance knows, or the call fails.
func (s *Store) issue(ctx context.Context, user userKeys, t tenant.ID, lifetime time.Duration) (issue, error) {
	ofTenant := s.names.tenant(t)
	before := s.knownOf(user, ofTenant)
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		keep := micros(lifetime+epochSlack) / 1000
		return []*call{
			ensureScript.call(ctx, eval, []string{user.epoch, user.last}, keep),
			tenantReadScript.call(ctx, eval, []string{ofTenant}),
			ensureScript.call(ctx, eval, []string{s.names.global()}, 0),
		}
	})
	if err != nil {
		return issue{}, failed(err)
	}
	state, err := parseTenant(answers[1])
	if err != nil {
		return issue{}, err
	}
	if err := s.reconcileTenant(ctx, ofTenant, state, before.status).status.Err(); err != nil {
		return issue{}, err
	}
	userReply := newReply(answers[0], 3)
	now := fromMicros(int64(userReply.mustNumber()))
	read := epochs{user: userReply.mustNumber(), tenant: state.epoch}
	last := userReply.change()
	globalReply := newReply(answers[2], 3)
	globalReply.must()
	read.global = globalReply.mustNumber()
	for _, r := range []*reply{userReply, globalReply} {
		if r.err != nil {
			return issue{}, r.err
		}
	}

	s.clock.heard(uint64(now.UnixMicro()))
	if read, err = s.reconcile(ctx, user, ofTenant, read, before); err != nil {
		return issue{}, err
	}
	if read.user, err = s.reconcileUser(ctx, user, read.user, last, before); err != nil {
		return issue{}, err
	}
	if read.user == 0 {
		return issue{}, fmt.Errorf("%w: the store was behind on the user, whose sessions were just ended", session.ErrUnavailable)
	}
	return issue{read, now}, nil
}

// draft is a session that is about to be stored, and everything that the script needs of it.
type draft struct {
	session                    session.Session
	issue                      issue
	limit                      session.SessionLimit
	created                    int64 // µs, negative for an impersonation, which no limit of the user counts
	refresh                    session.Digest
	sealed, by, acting, reason []byte
	link                       link
	strict                     bool // with a ticket: it is not stored once the epoch has moved
}

// link is a sign-in at a provider that a new session is the one of. It is zero for a session of
// Create.
type link struct {
	key    string // in Redis
	name   string // at the provider
	member string // that it was linked to before
	kind   session.EventKind
	at     time.Time // when the user has signed in
}

// draft gives n its times, and seals its record and what the events say of it.
func (s *Store) draft(ctx context.Context, user userKeys, keys sessionKeys, n session.Session, c session.CreateOptions, issued issue, of link) (draft, error) {
	now := issued.now
	n.Stale = false
	n.CreatedAt, n.LastSeenAt, n.ExpiresAt = now, now, now.Add(c.Lifetime).Truncate(time.Microsecond)
	if !c.Until.IsZero() && c.Until.Before(n.ExpiresAt) {
		n.ExpiresAt = fromMicros(c.Until.UnixMicro())
	}
	if !now.Before(n.ExpiresAt) {
		return draft{}, fmt.Errorf("%w: it would end before it begins", session.ErrInvalid)
	}
	n.Version = 1
	if n.AuthTime.IsZero() {
		n.AuthTime = now
	}
	d := draft{issue: issued, limit: c.Limit.OrDefault(), created: now.UnixMicro(), refresh: c.Refresh, link: of, strict: !c.Ticket.IsZero()}
	var err error
	if d.session, d.sealed, err = s.seal(keys, record{n, issued.epochs, linkOf(of.key)}); err != nil {
		return draft{}, err
	}
	if d.by, err = s.sealActor(ctx, user.events); err != nil {
		return draft{}, err
	}
	if d.acting, err = s.sealActs(user, keys, d.session); err != nil {
		return draft{}, err
	}
	// Somebody who acts as the user is neither counted nor in the way.
	if actor, impersonated := d.session.Actors.Current(); impersonated {
		d.limit, d.created = session.SessionLimit{Sessions: session.MaxImpersonations, Policy: session.EvictOldest}, -d.created
		if d.reason, err = s.sealReason(user, keys, actor.Reason); err != nil {
			return draft{}, err
		}
	}
	return d, nil
}

// storeDraft stores the session. A user who has as many as the limit allows loses those that
// are dead before the sign-in is refused. One who has far too many loses the oldest in steps of a
// hundred before that: nothing is stored until no more are left than the last step can end, so that
// a series which is cut short by the time of the call leaves fewer sessions and no new one. It
// returns how many changes of sign-ins at providers the user has had, where this is one.
func (s *Store) storeDraft(ctx context.Context, user userKeys, keys sessionKeys, d draft) (signIns uint64, err error) {
	names := []string{keys.record, keys.seen, keys.refresh, user.index, user.epoch, user.order, user.events, user.acts, user.ends, user.block, user.grants}
	more := []any{string(session.EventCreated)}
	if d.link.key != "" {
		sealed, err := s.sealLinked(d.link.key, d.session.ID)
		if err != nil {
			return 0, err
		}
		kept := expiry(d.session) - d.issue.now.UnixMilli() + endsKept
		names = append(names, d.link.key)
		more = []any{string(d.link.kind), d.link.member, sealed, kept, linkedText(linkedAs(d.link.name)), max(1, d.link.at.UnixMicro())}
	}
	policy, forgetting := policyText(d.limit.Policy), 0
	for {
		v, err := s.run(ctx, createScript, names, append([]any{
			d.issue.epochs.user, d.session.Version, d.sealed, micros(d.session.IdleTimeout),
			expiry(d.session), d.issue.now.UnixMicro(), digestText(d.refresh), keys.member, d.limit.Sessions, policy, d.reason, d.created, d.by, d.acting, strictText(d.strict),
		}, more...)...)
		if err != nil {
			return 0, err
		}
		list, _ := v.([]any)
		if len(list) == 2 && list[0] == "more" {
			if policy, err = s.endedBefore(ctx, user, list[1], policy); err != nil {
				return 0, err
			}
			continue
		}
		if len(list) == 2 && list[0] == "blocked" {
			r := newReply(list[1:], 1)
			version := r.mustNumber()
			return 0, firstOf(r.err, s.sawBlock(user, version))
		}
		if len(list) > 1 {
			return s.madeRoom(ctx, user, list)
		}
		full, err := refusedCreate(list, d.link, d.strict)
		if !full {
			return 0, err
		}
		forgotten, err := s.forgetDead(ctx, d.session.Tenant, d.session.User, user)
		if err != nil {
			return 0, err
		}
		if forgotten == 0 || forgetting == listRounds {
			return 0, session.ErrTooManySessions
		}
		forgetting++
	}
}

// refusedCreate reads the answer of the script when it stored nothing: full means that the user
// has as many sessions as the limit allows.
func refusedCreate(answer []any, of link, strict bool) (full bool, err error) {
	if len(answer) == 0 {
		return false, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	switch answer[0] {
	case "exists":
		return false, session.ErrExists
	case "moved":
		return false, errMoved
	case "late":
		return false, fmt.Errorf("%w: the session arrived too late and was not made", session.ErrUnavailable)
	case "revoked":
		if strict {
			return false, fmt.Errorf("%w: the user has changed since the ticket", session.ErrStale)
		}
		// The user was revoked after the epochs were read. The session was created
		// before that and ended by it. A sign-in at a provider is looked at again.
		if of.key != "" {
			return false, errMoved
		}
		return false, nil
	case "full":
		return true, nil
	}
	return false, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
}

func strictText(strict bool) string {
	if strict {
		return "strict"
	}
	return ""
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

// digestText returns the stored form of a refresh digest, "" for none.
func digestText(d session.Digest) string {
	if d == (session.Digest{}) {
		return ""
	}
	return string(d[:])
}
