package session

import (
	"context"
	"fmt"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
)

// Limits and defaults of [Config].
const (
	DefaultLifetime     = 12 * time.Hour
	MaxLifetime         = 90 * 24 * time.Hour
	DefaultIdleTimeout  = 30 * time.Minute
	DefaultRefreshGrace = 10 * time.Second
	MaxRefreshGrace     = time.Minute
)

// Config configures a [Manager]. Only Key is required.
type Config struct {
	// Key authenticates refresh tokens: at least [MinKeyLength] random bytes, the same on
	// every instance. Somebody who has it and the issued tokens can make their successors.
	Key SecretKey

	// PreviousKeys are still accepted, newest first. A token of one of them is exchanged
	// for one of Key. To change the key without signing anybody out, first add the new one
	// here on every instance, then make it Key and the old one previous, and drop the old
	// one after Lifetime.
	PreviousKeys []SecretKey

	// Lifetime is how long a session lasts, however often it is used or refreshed
	// (ASVS 7.3.2). Default [DefaultLifetime], at most [MaxLifetime].
	Lifetime time.Duration

	// IdleTimeout is how long a session may be unused (ASVS 7.3.1): at least twice
	// [TouchInterval] and at most Lifetime. Default [DefaultIdleTimeout], or Lifetime when
	// that is shorter.
	IdleTimeout time.Duration

	// RefreshGrace is how long a refresh that is repeated, because its answer was lost,
	// still gets the same successor. Default [DefaultRefreshGrace], at most
	// [MaxRefreshGrace]. Negative means none: then a lost answer signs the user out.
	RefreshGrace time.Duration

	// Limit is how many live sessions a user may have in one tenant, and what becomes of a
	// sign-in beyond. Default [DefaultSessionLimit], of which the oldest end.
	Limit SessionLimit

	// Tenants is the service's own directory of tenants, such as a table of its database. With it
	// nobody sets tenants up: one that is Active there is served from its first session on. Its
	// answers count for [TenantsAge], for one instance each; an error is an outage. A tenant that is
	// suspended in the store as well, by [Manager.SetTenantStatus], stays suspended. [ActiveTenants]
	// makes one of a list. Nil means that each tenant is set up by SetTenantStatus.
	Tenants TenantDirectory

	// RotateGrace is how long the old id still loads after [Manager.SwitchTenant] and
	// [Manager.StepUp], for requests that are under way: with the tenant and rights that it had. It
	// cannot be refreshed, rotated, updated or switched, counts as no recent sign-in, and ends with the
	// new session: a revocation of that one ends both, and a change of the user's roles ends it.
	// Somebody who has stolen the old id has it for as long. Other rotations have none. Default 0, at
	// most [MaxRotateGrace].
	RotateGrace time.Duration

	// Grants returns the roles and attributes that a user has in a tenant now, from the service's
	// own database. Where it is set it is the one authority on them: it is asked at every sign-in,
	// refresh and switch of tenant, and at the next load after [Manager.Stale]; nobody sets them by
	// hand, which is [ErrInvalid], and no provider's token names them: see [Manager.Adopt]. Of several requests for one user one asks. An error is an outage,
	// [ErrUnavailable], and so is no answer within [GrantsLimit] or the time of the request: a
	// user who is no member any more has the zero Grants. It must return when ctx ends.
	// Default nil: roles and attributes are those that callers give.
	Grants func(ctx context.Context, t tenant.ID, u UserID) (Grants, error) `json:"-"`
}

// complete returns the configuration with every default filled in, or all that is wrong with it.
func (cfg Config) complete() (Config, error) {
	var problems configerr.Problems
	cfg.checkKeys(&problems)
	if cfg.Lifetime == 0 {
		cfg.Lifetime = DefaultLifetime
	}
	if cfg.Lifetime < 2*TouchInterval || cfg.Lifetime > MaxLifetime {
		problems.Add("Lifetime", "%v is not between %v and %v", cfg.Lifetime, 2*TouchInterval, MaxLifetime)
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = min(DefaultIdleTimeout, cfg.Lifetime)
	}
	if err := cfg.checkIdleTimeout(cfg.IdleTimeout); err != nil {
		problems.Add("IdleTimeout", "%w", err)
	}
	if cfg.RefreshGrace == 0 {
		cfg.RefreshGrace = DefaultRefreshGrace
	}
	cfg.RefreshGrace = max(cfg.RefreshGrace, -1)
	if cfg.RefreshGrace > MaxRefreshGrace {
		problems.Add("RefreshGrace", "%v is more than %v", cfg.RefreshGrace, MaxRefreshGrace)
	}
	if cfg.RotateGrace < 0 || cfg.RotateGrace > MaxRotateGrace {
		problems.Add("RotateGrace", "%v is not between 0 and %v", cfg.RotateGrace, MaxRotateGrace)
	}
	if err := cfg.Limit.Validate(); err != nil {
		problems.Add("Limit", "%w", err)
	}
	if cfg.Tenants != nil {
		problems.Require("Tenants", cfg.Tenants, "or no value at all: this one is nil inside")
	}
	cfg.Limit = cfg.Limit.OrDefault()
	if err := checkDirectory(cfg.Tenants); err != nil {
		problems.Add("Tenants", "%w", err)
	}
	return cfg, problems.Err("session", ErrInvalid)
}

func (cfg Config) checkKeys(problems *configerr.Problems) {
	if err := cfg.Key.Validate(MinKeyLength); err != nil {
		problems.Add("Key", "%w", err)
	}
	for i, key := range cfg.PreviousKeys {
		field := fmt.Sprintf("PreviousKeys[%d]", i)
		if err := key.Validate(MinKeyLength); err != nil {
			problems.Add(field, "%w", err)
		}
		if key.Equal(cfg.Key) {
			problems.Add(field, "is Key itself: the key was not changed")
		}
	}
}

func (cfg Config) checkIdleTimeout(d time.Duration) error {
	if d < 2*TouchInterval || d > cfg.Lifetime {
		return fmt.Errorf("%v is not between %v and the lifetime of %v", d, 2*TouchInterval, cfg.Lifetime)
	}
	return nil
}
