package main

import (
	"log/slog"

	"github.com/reevehq/reeve/authz/detect"
	"github.com/reevehq/reeve/examples/service/config"
)

// newDetector returns what tells the log of bursts of denials, of sessions from many addresses and of
// users in new tenants; nil where detect.alerts does not ask for it. It refuses nobody.
func newDetector(cfg *config.Config, logger *slog.Logger) (*detect.Detector, error) {
	if cfg.Detect.Alerts != "log" {
		return nil, nil
	}
	return detect.New(detect.Config{Alert: func(a detect.Alert) { logger.Warn("alert", slog.Any("alert", a)) }})
}
