package redisstore

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"time"

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
	// Default 0: what instances remember undoes a failover that lost changes, while one lives.
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

// complete returns the options with their defaults set, or every problem they have.
func (o Config) complete() (Config, error) {
	if o.Prefix == "" {
		o.Prefix = defaultPrefix
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	var problems []error
	if err := o.NameKey.Validate(session.MinKeyLength); err != nil {
		problems = append(problems, fmt.Errorf("NameKey: %w", err))
	}
	if len(o.SealKeys) == 0 {
		problems = append(problems, errors.New("SealKeys: none, records are never stored in clear"))
	}
	for i, key := range o.SealKeys {
		if err := key.Validate(session.MinKeyLength); err != nil {
			problems = append(problems, fmt.Errorf("SealKeys: key %d: %w", i, err))
		}
		if slices.ContainsFunc(o.SealKeys[:i], key.Equal) {
			problems = append(problems, fmt.Errorf("SealKeys: key %d is there twice", i))
		}
	}
	if !prefixPattern.MatchString(o.Prefix) {
		problems = append(problems, fmt.Errorf("Prefix: %q is not 1 to 32 bytes of [a-z0-9_-]", o.Prefix))
	}
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		problems = append(problems, fmt.Errorf("Timeout: %v is not between 0 and %v", o.Timeout, maxTimeout))
	}
	if o.WaitReplicas < 0 {
		problems = append(problems, fmt.Errorf("WaitReplicas: %d is less than 0", o.WaitReplicas))
	}
	if err := errors.Join(problems...); err != nil {
		return Config{}, fmt.Errorf("redisstore: %w", err)
	}
	return o, nil
}
