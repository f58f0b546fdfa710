package redispolicy

import (
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/internal/redisclient"
	"github.com/reevehq/reeve/session"
)

// FollowerConfig of a [Follower]. Client, Engine, Name and Keys are required; everything else
// has a default, which zero stands for.
type FollowerConfig struct {
	// Client asks Redis. It is a *redis.Client or *redis.ClusterClient whose
	// ContextTimeoutEnabled is on, since a call would not end at its deadline otherwise. It
	// stays the caller's to close. Required.
	Client redis.UniversalClient

	// Engine follows the published policies. It keeps the policy it was loaded with until another
	// is published, and should have no other source of policies. Required.
	Engine *policy.Engine

	// Name is that of the [PublisherConfig]. Required.
	Name string

	// Keys are those whose records are believed. At least one is required. For a change of
	// keys, give both until everything is published with the new one.
	Keys []ed25519.PublicKey

	// Poll is how often Redis is asked without an announcement, give or take a fifth, so
	// that a fleet does not ask in step. Default: 10 s.
	Poll time.Duration

	// Pause is the least time between two looks, however many announcements arrive. The
	// first announcement after a quiet time is followed at once. Default: 200 ms.
	Pause time.Duration

	// Timeout ends each look. Default: 2 s.
	Timeout time.Duration

	// MaxSize is the largest bundle in bytes. Default: 8 MiB.
	MaxSize int

	// MaxTenantSize is the largest rows of one tenant in bytes. Default: 256 KiB.
	MaxTenantSize int

	// Logger gets a record when looks begin to fail, when one is refused and when all is
	// well again. The engine logs what it loads. Default: no log.
	Logger *slog.Logger
}

// PublisherConfig of a [Publisher]. Client, Name and Key are required; everything else has a
// default, which zero stands for.
type PublisherConfig struct {
	// Client writes to Redis, with the same demands as that of a [FollowerConfig]. Required.
	Client redis.UniversalClient

	// Name tells policies in one Redis apart: 1 to 64 of [a-z0-9_-]. It is signed, so give
	// staging and production different names, or different keys. Required.
	Name string

	// Key signs what is published: session.NewPrivateKey of an [ed25519.PrivateKey], or its PEM
	// read by session.ParseSecretKey. Followers know its public half only. Required.
	Key session.SecretKey

	// Trusted are further keys whose records count in the history, such as the last one
	// after a change of keys. Key's own public half always does. Default: none.
	Trusted []ed25519.PublicKey

	// Timeout ends each call to Redis. Default: 2 s.
	Timeout time.Duration

	// MaxSize is the largest bundle in bytes. Followers refuse larger ones too. Default: 8 MiB.
	MaxSize int
}

// Defaults of the configs.
const (
	defaultPoll    = 10 * time.Second
	defaultPause   = 200 * time.Millisecond
	defaultTimeout = 2 * time.Second
	defaultMaxSize = 8 << 20 // bytes
)

// withDefaults returns the config that holds, or an error that names every field that is wrong.
func (c FollowerConfig) withDefaults() (FollowerConfig, error) {
	var p problems
	p.check("Client", redisclient.Check(c.Client))
	if c.Engine.Revision() == "" {
		p.Add("Engine", "required: one that policy.Load made")
	}
	p.name(c.Name)
	if len(c.Keys) == 0 {
		p.Add("Keys", "at least one is required")
	}
	p.keys("Keys", c.Keys)
	orDefault(&p, "Poll", &c.Poll, defaultPoll)
	orDefault(&p, "Pause", &c.Pause, defaultPause)
	orDefault(&p, "Timeout", &c.Timeout, defaultTimeout)
	orDefault(&p, "MaxSize", &c.MaxSize, defaultMaxSize)
	orDefault(&p, "MaxTenantSize", &c.MaxTenantSize, defaultMaxTenantSize)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, p.err()
}

// withDefaults is as that of a FollowerConfig. It returns the private key besides.
func (c PublisherConfig) withDefaults() (PublisherConfig, ed25519.PrivateKey, error) {
	var p problems
	p.check("Client", redisclient.Check(c.Client))
	p.name(c.Name)
	private, ok := c.Key.Signer().(ed25519.PrivateKey)
	if !ok || len(private) != ed25519.PrivateKeySize {
		p.Add("Key", "an ed25519 private key of %d bytes is required, write session.NewPrivateKey(key)", ed25519.PrivateKeySize)
	}
	p.keys("Trusted", c.Trusted)
	orDefault(&p, "Timeout", &c.Timeout, defaultTimeout)
	orDefault(&p, "MaxSize", &c.MaxSize, defaultMaxSize)
	return c, private, p.err()
}

// problems are all that is wrong with a config.
type problems struct{ configerr.Problems }

func (p *problems) err() error { return p.Err("redispolicy", nil) }

func (p *problems) check(field string, err error) {
	if err != nil {
		p.Add(field, "%w", err)
	}
}

func (p *problems) name(name string) {
	if !redisclient.IsName(name) {
		p.Add("Name", "1 to 64 of [a-z0-9_-] are required")
	}
}

func (p *problems) keys(field string, keys []ed25519.PublicKey) {
	for i, k := range keys {
		if len(k) != ed25519.PublicKeySize {
			p.Add(fmt.Sprintf("%s[%d]", field, i), "%d bytes, a public key has %d", len(k), ed25519.PublicKeySize)
		}
	}
}

// orDefault gives a field its default in the place of zero, and refuses what is below.
func orDefault[T time.Duration | int](p *problems, field string, value *T, standard T) {
	switch {
	case *value < 0:
		p.Add(field, "%v: not below zero", *value)
	case *value == 0:
		*value = standard
	}
}
