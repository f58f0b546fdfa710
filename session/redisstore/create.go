package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
)

// Create implements [session.Store]. The epochs are read, and sealed into the record,
// before the script stores it: a revocation in between leaves a session that is dead on
// arrival, never one that outlives it.
func (s *Store) Create(ctx context.Context, n session.Session, lifetime time.Duration, refresh session.Digest) (session.Session, error) {
	created, err := s.create(ctx, n, lifetime, refresh)
	if err != nil {
		return session.Session{}, wrap("create", err)
	}
	return created, nil
}

func (s *Store) create(ctx context.Context, n session.Session, lifetime time.Duration, refresh session.Digest) (session.Session, error) {
	if err := n.Ref().Validate(); err != nil {
		return session.Session{}, err
	}
	if lifetime <= 0 || lifetime > maxLifetime {
		return session.Session{}, fmt.Errorf("%w: lifetime %v is not between 0 and %v", session.ErrInvalid, lifetime, maxLifetime)
	}
	if err := checkIdle(n); err != nil {
		return session.Session{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()

	user, keys := s.names.ref(n.Ref())
	answers, err := batch(ctx, s.client, func(eval bool) []*redis.Cmd {
		keep := micros(lifetime+epochSlack) / 1000
		return []*redis.Cmd{
			ensureScript.command(ctx, eval, []string{user.epoch}, keep),
			redis.NewCmd(ctx, "hmget", s.names.tenant(n.Tenant), "status", "epoch"),
			ensureScript.command(ctx, eval, []string{s.names.global()}, 0),
		}
	})
	if err != nil {
		return session.Session{}, failed(err)
	}
	state, err := parseTenant(answers[1])
	if err != nil {
		return session.Session{}, err
	}
	if err := state.status.Err(); err != nil {
		return session.Session{}, err
	}
	userReply := newReply(answers[0], 2)
	now := fromMicros(int64(userReply.mustNumber()))
	issued := epochs{user: userReply.mustNumber(), tenant: state.epoch}
	globalReply := newReply(answers[2], 2)
	globalReply.must()
	issued.global = globalReply.mustNumber()
	for _, r := range []*reply{userReply, globalReply} {
		if r.err != nil {
			return session.Session{}, r.err
		}
	}

	n.CreatedAt, n.LastSeenAt, n.ExpiresAt = now, now, now.Add(lifetime).Truncate(time.Microsecond)
	n.Version = 1
	if n.AuthTime.IsZero() {
		n.AuthTime = now
	}
	n, sealed, err := s.seal(keys, record{n, issued})
	if err != nil {
		return session.Session{}, err
	}
	v, err := s.run(ctx, createScript,
		[]string{keys.record, keys.seen, keys.refresh, user.index, user.epoch},
		issued.user, n.Version, sealed, micros(n.IdleTimeout),
		expiry(n), now.UnixMicro(), digestText(refresh), keys.member)
	if err != nil {
		return session.Session{}, err
	}
	switch v {
	case "ok":
		return n, nil
	case "exists":
		return session.Session{}, session.ErrExists
	case "revoked":
		// The user was revoked after the epochs were read. The session was created before
		// that and ended by it.
		return n, nil
	}
	return session.Session{}, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
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
