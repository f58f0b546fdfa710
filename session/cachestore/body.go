package cachestore

import (
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// body is a session but for its ID, whose handle takes as much memory as the rest: whoever asks
// for a session has one.
type body struct {
	Tenant      tenant.ID
	User        session.UserID
	Roles       session.Roles
	Attributes  session.Attributes
	AuthTime    time.Time
	AMR         session.Methods
	UserAgent   string
	Address     string
	Actors      session.Actors
	Origin      session.Origin
	Acting      session.Acting
	Provider    session.Provider
	MovedTo     session.Successor
	CreatedAt   time.Time
	ExpiresAt   time.Time
	LastSeenAt  time.Time
	IdleTimeout time.Duration
	Version     uint64
	Stale       bool
}

func bodyOf(s *session.Session) body {
	return body{
		Tenant: s.Tenant, User: s.User, Roles: s.Roles, Attributes: s.Attributes, AuthTime: s.AuthTime, AMR: s.AMR,
		UserAgent: s.UserAgent, Address: s.Address, Actors: s.Actors, Origin: s.Origin, Acting: s.Acting,
		Provider: s.Provider, MovedTo: s.MovedTo, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt, LastSeenAt: s.LastSeenAt,
		IdleTimeout: s.IdleTimeout, Version: s.Version, Stale: s.Stale,
	}
}

// of returns the session of an ID.
func (b *body) of(id session.ID) session.Session {
	return session.Session{
		ID: id, Tenant: b.Tenant, User: b.User, Roles: b.Roles, Attributes: b.Attributes, AuthTime: b.AuthTime, AMR: b.AMR,
		UserAgent: b.UserAgent, Address: b.Address, Actors: b.Actors, Origin: b.Origin, Acting: b.Acting,
		Provider: b.Provider, MovedTo: b.MovedTo, CreatedAt: b.CreatedAt, ExpiresAt: b.ExpiresAt, LastSeenAt: b.LastSeenAt,
		IdleTimeout: b.IdleTimeout, Version: b.Version, Stale: b.Stale,
	}
}
