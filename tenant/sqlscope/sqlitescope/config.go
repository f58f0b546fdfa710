package sqlitescope

import (
	"context"
	"database/sql"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
)

const (
	defaultStatusFor   = time.Second
	maxStatusFor       = time.Minute
	defaultMaxOpen     = 64
	defaultMaxIdle     = 64
	defaultBusyTimeout = 5 * time.Second
	maxBusyTimeout     = time.Minute
)

// Config configures a [Store].
type Config struct {
	// Dir is the folder of the tenants' files. Required. New creates it, but not its parents.
	// It must be a folder that nobody else may enter (mode 0700) and no symbolic link, on a
	// local disk. Nothing else may stand in it.
	Dir string

	// Statuses says which tenants may be served: a session.Manager or a session store.
	// Required.
	Statuses tenant.Statuses

	// StatusFor is how long the answer that a tenant is active counts, so that not every
	// statement asks. A tenant that is suspended is served for at most that much longer.
	// Default 1 s, at most 1 min. Other answers, and errors, are never remembered.
	StatusFor time.Duration

	// Migrate brings the schema of one tenant up to date. It runs before the first statement
	// for a tenant whose file is not open, and again after the file was closed for lack of
	// use, so it must do nothing where nothing is to be done. ctx is bound to the tenant, and
	// db serves this tenant and this call alone. Only here may the schema change. When Migrate
	// fails the call that needed the file fails, and the next call tries again. Optional.
	Migrate func(ctx context.Context, db *sql.DB) error

	// MaxOpen is how many connections are in use at one time, for all tenants. Further calls
	// wait. Default 64.
	MaxOpen int

	// MaxIdle is how many connections stay open for the next call, for all tenants. Those that
	// were used longest ago are closed first. Default 64; negative keeps none.
	MaxIdle int

	// BusyTimeout is how long a statement waits for another writer of the same tenant.
	// Default 5 s, at most 1 min.
	BusyTimeout time.Duration
}

// complete returns the configuration with its defaults set, or every problem it has.
func (cfg Config) complete() (Config, error) {
	if cfg.StatusFor == 0 {
		cfg.StatusFor = defaultStatusFor
	}
	if cfg.MaxOpen == 0 {
		cfg.MaxOpen = defaultMaxOpen
	}
	if cfg.MaxIdle == 0 {
		cfg.MaxIdle = defaultMaxIdle
	}
	if cfg.BusyTimeout == 0 {
		cfg.BusyTimeout = defaultBusyTimeout
	}
	var problems configerr.Problems
	if cfg.Dir == "" {
		problems.Add("Dir", "required")
	}
	problems.Require("Statuses", cfg.Statuses, "")
	if cfg.StatusFor < 0 || cfg.StatusFor > maxStatusFor {
		problems.Add("StatusFor", "%v is not between 0 and %v", cfg.StatusFor, maxStatusFor)
	}
	if cfg.MaxOpen < 0 {
		problems.Add("MaxOpen", "%d is negative", cfg.MaxOpen)
	}
	if cfg.BusyTimeout < time.Millisecond || cfg.BusyTimeout > maxBusyTimeout {
		problems.Add("BusyTimeout", "%v is not between 1ms and %v", cfg.BusyTimeout, maxBusyTimeout)
	}
	return cfg, problems.Err("sqlitescope", nil)
}
