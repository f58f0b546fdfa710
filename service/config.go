package service

import (
	"log/slog"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
)

// Config configures a [Group]. Parts are required.
type Config struct {
	// Parts are those of the service. They are opened in the order in which they are listed, each
	// after what it needs, and closed in the reverse order. Required.
	Parts []Part

	// Lifecycle is moved by the group. Give it to the [Server] and the [Health] as well. Default:
	// one of the group's own.
	Lifecycle *Lifecycle

	// Wait is how long the group, when it is to stop, goes on as it did, but for its readiness:
	// the time in which load balancers hear that it is not ready any more. It should be longer
	// than their interval of probes times the failures that they wait for. Default: 0, for services
	// without a balancer.
	Wait time.Duration

	// Logger gets a line for each move, each part that was opened and closed, and each failure.
	// Default: [slog.Default].
	Logger *slog.Logger
}

// complete returns the configuration with its defaults set and its parts in their order, or every
// problem it has.
func (cfg Config) complete() (Config, error) {
	var problems configerr.Problems
	if len(cfg.Parts) == 0 {
		problems.Add("Parts", "required")
	}
	for _, p := range cfg.Parts {
		if p.CloseTimeout < 0 {
			problems.Add("Parts", "%q: CloseTimeout: %v is less than 0", p.Name, p.CloseTimeout)
		}
	}
	if cfg.Wait < 0 {
		problems.Add("Wait", "%v is less than 0", cfg.Wait)
	}
	cfg.Parts = inOrder(cfg.Parts, &problems)
	for i := range cfg.Parts {
		if cfg.Parts[i].OpenTimeout == 0 {
			cfg.Parts[i].OpenTimeout = defaultOpenTimeout
		}
		if cfg.Parts[i].CloseTimeout == 0 {
			cfg.Parts[i].CloseTimeout = defaultCloseTimeout
		}
	}
	if cfg.Lifecycle == nil {
		cfg.Lifecycle = &Lifecycle{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg, problems.Err("service", nil)
}
