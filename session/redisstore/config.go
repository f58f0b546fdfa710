package redisstore

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/session"
)

const (
	defaultPrefix  = "reeve"
	defaultTimeout = 200 * time.Millisecond
	maxTimeout     = 5 * time.Second
)

// Config configures a [Store]. Every process that shares the sessions needs the same
// NameKey and Prefix, and SealKeys that open what the others seal.
type Config struct {
	// NameKey keys the digests that stand for ids in key names. Required, 32 random bytes
	// or more. It never rotates: under another key no session is found.
	NameKey session.SecretKey

	// SealKeys encrypt the records. Required, each 32 random bytes or more. The first
	// seals, all of them open. To rotate, first add the new key at the end in every
	// process, then move it to the front, and drop the old one when the longest session
	// of its time has ended.
	SealKeys []session.SecretKey

	// Prefix begins every key name and keeps the applications of one Redis apart. Default
	// "reeve"; 1 to 32 bytes of [a-z0-9_-].
	Prefix string

	// Timeout is the budget of one call of the store, all its round trips and waits for a
	// connection included. When it is spent the call fails with session.ErrUnavailable.
	// Default 200 ms, at most 5 s.
	Timeout time.Duration

	// WaitReplicas is how many replicas must have a change before it returns (WAIT), for at
	// most half of Timeout and of the client's ReadTimeout: with fewer it fails with
	// session.ErrUnavailable, having changed. Creating and touching a session wait for none.
	// Default 0: the memory of instances undoes a failover that lost changes, while one lives.
	WaitReplicas int

	// OnBreaker is called when the store stops asking Redis because it does not answer,
	// with true, and with false when it asks again; see [Store.Stats]. It is for logs
	// and metrics and must return at once. Optional.
	OnBreaker func(open bool)

	// InsecureAllowEviction accepts a Redis that evicts keys when its memory is full, which
	// [Store.Ping] refuses otherwise: a maxmemory is set, and maxmemory-policy is not
	// noeviction. Users are then signed out at random, whole tenants stay refused when their
	// key goes, and each eviction counts as a loss: see [Replay].
	InsecureAllowEviction bool

	// Logger gets a record when keys were lost, and when Redis begins or ceases to evict them.
	// Default: slog.Default.
	Logger *slog.Logger
}

var prefixPattern = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// complete returns the configuration with its defaults set, or every problem it has.
func (cfg Config) complete() (Config, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = defaultPrefix
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	var problems configerr.Problems
	if err := cfg.NameKey.Validate(session.MinKeyLength); err != nil {
		problems.Add("NameKey", "%w", err)
	}
	if len(cfg.SealKeys) == 0 {
		problems.Add("SealKeys", "none, records are never stored in clear")
	}
	for i, key := range cfg.SealKeys {
		field := fmt.Sprintf("SealKeys[%d]", i)
		if err := key.Validate(session.MinKeyLength); err != nil {
			problems.Add(field, "%w", err)
		}
		if slices.ContainsFunc(cfg.SealKeys[:i], key.Equal) {
			problems.Add(field, "is there twice")
		}
	}
	if !prefixPattern.MatchString(cfg.Prefix) {
		problems.Add("Prefix", "%q is not 1 to 32 bytes of [a-z0-9_-]", cfg.Prefix)
	}
	if cfg.Timeout < 0 || cfg.Timeout > maxTimeout {
		problems.Add("Timeout", "%v is not between 0 and %v", cfg.Timeout, maxTimeout)
	}
	if cfg.WaitReplicas < 0 {
		problems.Add("WaitReplicas", "%d is less than 0", cfg.WaitReplicas)
	}
	return cfg, problems.Err("redisstore", nil)
}
