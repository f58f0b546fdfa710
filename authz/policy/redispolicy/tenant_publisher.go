package redispolicy

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/redisaccess"
	"github.com/reevehq/reeve/internal/redisclient"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// TenantPublisherConfig of a [TenantPublisher]. Client, Name, Tenant and Key are required;
// everything else has a default, which zero stands for.
type TenantPublisherConfig struct {
	// Client writes to Redis, with the same demands as that of a [FollowerConfig]. Required.
	Client redis.UniversalClient

	// Name is that of the [PublisherConfig]. Required.
	Name string

	// Tenant is whose rows are published. Required.
	Tenant tenant.ID

	// Key signs them: a private key whose public half the policy's ceiling.csv names as one of
	// the tenant's. It can sign nothing else that a follower believes. Required.
	Key session.SecretKey

	// Trusted are further keys of the tenant, such as the last one after a change of keys, so that
	// the sequence goes on from theirs. Default: none.
	Trusted []ed25519.PublicKey

	// Common is the policy beside which rows have to load before they are published. Default:
	// none, and rows are not looked at.
	Common *policy.Bundle

	// Timeout ends each call to Redis. Default: 2 s.
	Timeout time.Duration

	// MaxSize is the largest rows in bytes. Followers refuse larger ones too. Default: 256 KiB.
	MaxSize int
}

const defaultMaxTenantSize = 256 << 10 // bytes

// TenantPublisher publishes one tenant's own rows, and nothing else. Its methods are safe for
// concurrent use.
type TenantPublisher struct {
	client   redis.UniversalClient
	config   TenantPublisherConfig
	keys     keys
	hashName string // in Redis
	trusted  []ed25519.PublicKey
}

// NewTenantPublisher returns a publisher. The error names every field of the config that is
// wrong.
func NewTenantPublisher(cfg TenantPublisherConfig) (*TenantPublisher, error) {
	var p problems
	p.check("Client", redisclient.Check(cfg.Client))
	p.name(cfg.Name)
	if cfg.Tenant.IsZero() {
		p.Add("Tenant", "required")
	}
	private, ok := cfg.Key.Signer().(ed25519.PrivateKey)
	if !ok || len(private) != ed25519.PrivateKeySize {
		p.Add("Key", "an ed25519 private key of %d bytes is required, write session.NewPrivateKey(key)", ed25519.PrivateKeySize)
	}
	p.keys("Trusted", cfg.Trusted)
	orDefault(&p, "Timeout", &cfg.Timeout, defaultTimeout)
	orDefault(&p, "MaxSize", &cfg.MaxSize, defaultMaxTenantSize)
	if err := p.err(); err != nil {
		return nil, err
	}
	public, _ := private.Public().(ed25519.PublicKey)
	k := newKeys(cfg.Name)
	return &TenantPublisher{client: cfg.Client, config: cfg, keys: k, hashName: k.tenant(cfg.Tenant), trusted: append([]ed25519.PublicKey{public}, cfg.Trusted...)}, nil
}

// PublishTenant makes rows the tenant's own file, as tenants/<tenant>.csv would hold them: one
// version as a whole, in the place of the last, which [TenantPublisher.History] keeps. With Common, rows that do not load beside it are
// refused with what [policy.Load] says, and nothing is published. When Redis cannot be asked, the
// error wraps [ErrUnavailable], and the rows may or may not be published: publishing them again
// does no harm.
func (p *TenantPublisher) PublishTenant(ctx context.Context, rows string) (TenantPublication, error) {
	if len(rows) > p.config.MaxSize {
		return TenantPublication{}, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, len(rows), p.config.MaxSize)
	}
	if p.config.Common != nil {
		own := map[tenant.ID]policy.TenantRows{p.config.Tenant: {Rows: rows}}
		if _, err := policy.LoadBundle(p.config.Common.WithTenants(own), policy.Options{}); err != nil {
			return TenantPublication{}, err
		}
	}
	if err := p.examine(ctx); err != nil {
		return TenantPublication{}, err
	}
	r := TenantPublication{Tenant: p.config.Tenant, Hash: hexadecimal(sha256.Sum256([]byte(rows))), Size: len(rows)}
	for range 20 { // each time another publisher was first
		published, done, err := p.attempt(ctx, rows, r)
		if err != nil || done {
			return published, err
		}
	}
	return TenantPublication{}, ErrConflict
}

// Published returns the rows that are published now, by the key or one of Trusted. The error wraps
// [ErrUnknown] when there are none, and [ErrUntrusted], [ErrTooLarge] or [ErrCorrupt] when no follower
// that starts now takes what is there.
func (p *TenantPublisher) Published(ctx context.Context) (TenantFile, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	var bad error
	for range tenantTries {
		text, err := p.field(ctx, "record")
		if err != nil {
			return TenantFile{}, err
		}
		if text == "" {
			return TenantFile{}, fmt.Errorf("%w: the tenant %s has published no rows", ErrUnknown, p.config.Tenant)
		}
		r, err := parseTenantRecord(p.config.Name, p.config.Tenant, text, p.trusted)
		if err != nil {
			return TenantFile{}, err
		}
		if r.Size > p.config.MaxSize {
			return TenantFile{}, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, r.Size, p.config.MaxSize)
		}
		rows, err := p.field(ctx, "rows")
		if err != nil {
			return TenantFile{}, err
		}
		if bad = r.check(rows); bad == nil {
			return TenantFile{TenantPublication: r.TenantPublication, Rows: rows}, nil
		}
	}
	return TenantFile{}, bad
}

// field returns a field of what Redis holds of the tenant, "" when it is not there.
func (p *TenantPublisher) field(ctx context.Context, name string) (string, error) {
	text, err := p.client.HGet(ctx, p.hashName, name).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", unanswered(err, p.access())
	}
	return text, nil
}

func (p *TenantPublisher) examine(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	return p.keys.examine(ctx, p.client, p.access())
}

// attempt publishes on top of what is there now. It reports false when another publisher came in
// between.
func (p *TenantPublisher) attempt(ctx context.Context, rows string, r TenantPublication) (TenantPublication, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	now, err := p.field(ctx, "record")
	if err != nil {
		return TenantPublication{}, false, err
	}
	// The clock carries the sequence over a loss of Redis's data; see Publisher.attempt.
	r.PublishedAt = time.Now()
	r.Sequence = uint64(max(1, r.PublishedAt.UnixMilli()))
	if last, err := parseTenantRecord(p.config.Name, r.Tenant, now, p.trusted); err == nil {
		r.Sequence = max(r.Sequence, last.Sequence+1)
	}
	next, err := signTenant(p.config.Name, r, p.config.Key.Signer())
	if err != nil {
		return TenantPublication{}, false, err
	}
	done, err := publishTenantScript.Run(ctx, p.client, []string{p.hashName}, now, next.text, rows, p.keys.channel, TenantHistoryLength).Bool()
	if err != nil {
		return TenantPublication{}, false, unanswered(err, p.access())
	}
	return next.TenantPublication, done, nil
}

// AccessList is as that of a [Publisher], for the one key of the tenant: its user can write
// neither the policy nor what other tenants publish.
func (p *TenantPublisher) AccessList(user string) string { return p.access().Line(user) }

func (p *TenantPublisher) access() redisaccess.List {
	l := p.keys.access(p.client, append(redisaccess.Commands(publishTenantSource), "hget", "eval", "evalsha"))
	l.Keys, l.SampleKeys = p.hashName, []string{p.hashName}
	return l
}
