package cachestore

import (
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/session"
)

// Limits and defaults of a [Config].
const (
	DefaultLease = time.Second

	defaultEntries = 1 << 16
	maxEntries     = 1 << 24
	minLease       = 100 * time.Millisecond
	maxLease       = 5 * time.Second
)

// Config configures a [Store].
type Config struct {
	// Store is asked for what is not in memory, and for every change. Required. It stays
	// open when the cache is closed.
	Store session.Store

	// Feed reports what other processes change in Store. Required: redisstore.NewFeed makes
	// the one of a Redis store. A feed of another store would let revoked sessions live for
	// half a minute.
	Feed session.Feed

	// MaxEntries is how many sessions are kept at most; those that are rarely used give
	// way. Raise it to the number of sessions that are in use at a time: a session of a few
	// roles and attributes takes under 600 bytes. Default 65,536, at most 16,777,216.
	MaxEntries int

	// Lease is for how long a session is served after the feed last proved that it hears
	// the store, and so how late a revocation can be for an instance that is cut off. A
	// longer one asks the store less often while the network is bad. Default [DefaultLease], 1 s; from
	// 100 ms to 5 s, and several times the interval of the feed's heartbeats, which is
	// 250 ms for Redis.
	Lease time.Duration
}

// complete returns the configuration with its defaults set, or every problem it has.
func (cfg Config) complete() (Config, error) {
	var problems configerr.Problems
	problems.Require("Store", cfg.Store, "")
	problems.Require("Feed", cfg.Feed, "")
	if cfg.MaxEntries == 0 {
		cfg.MaxEntries = defaultEntries
	}
	if cfg.MaxEntries < 0 || cfg.MaxEntries > maxEntries {
		problems.Add("MaxEntries", "%d is not between 1 and %d", cfg.MaxEntries, maxEntries)
	}
	if cfg.Lease == 0 {
		cfg.Lease = DefaultLease
	}
	if cfg.Lease < minLease || cfg.Lease > maxLease {
		problems.Add("Lease", "%v is not between %v and %v", cfg.Lease, minLease, maxLease)
	}
	return cfg, problems.Err("cachestore", session.ErrInvalid)
}
