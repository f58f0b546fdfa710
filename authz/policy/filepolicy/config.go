package filepolicy

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/configerr"
)

// Config of a [Follower]. Engine and Folder are required; everything else has a default, which
// zero stands for.
type Config struct {
	// Engine follows the folder. It comes from [policy.Load], usually of the same folder, and
	// should have no other source of policies. Required.
	Engine *policy.Engine

	// Folder holds the policy's files. It must be there at the start; later it may be
	// replaced, also by a link that leads elsewhere. Required.
	Folder string

	// Debounce is how long the folder has to be quiet before it is read. A longer time keeps
	// more half-written states from being looked at; every change takes at least so long to
	// be effective. Default: 100 ms.
	Debounce time.Duration

	// MaxDelay is how long a folder that is never quiet can put off being read. It is not
	// less than Debounce. Default: 2 s, or Debounce if that is longer.
	MaxDelay time.Duration

	// Poll is how often the folder is read without a notice from the system: some file
	// systems give none. Default: 30 s.
	Poll time.Duration

	// OnReload gets the stats after every policy that was loaded and every one that was
	// refused, each once. The follower waits for it, so it must return soon. Default: none.
	OnReload func(Stats)

	// Logger gets a record when the system gives no notices or lost some. The engine logs
	// what it loads and refuses. Default: no log.
	Logger *slog.Logger
}

// Defaults of the Config.
const (
	defaultDebounce = 100 * time.Millisecond
	defaultMaxDelay = 2 * time.Second
	defaultPoll     = 30 * time.Second
)

// withDefaults returns the config that holds, or an error that names every field that is wrong.
func (c Config) withDefaults() (Config, error) {
	var problems configerr.Problems
	if c.Engine.Revision() == "" {
		problems.Add("Engine", "required: one that policy.Load made")
	}
	if dir, err := folder(c.Folder); err != nil {
		problems.Add("Folder", "%w", err)
	} else {
		c.Folder = dir
	}
	for _, d := range []struct {
		field    string
		value    *time.Duration
		standard time.Duration
	}{
		{"Debounce", &c.Debounce, defaultDebounce},
		{"MaxDelay", &c.MaxDelay, max(defaultMaxDelay, c.Debounce)},
		{"Poll", &c.Poll, defaultPoll},
	} {
		switch {
		case *d.value < 0:
			problems.Add(d.field, "%v: not below zero", *d.value)
		case *d.value == 0:
			*d.value = d.standard
		}
	}
	if c.MaxDelay > 0 && c.MaxDelay < c.Debounce {
		problems.Add("MaxDelay", "%v: not less than Debounce, which is %v", c.MaxDelay, c.Debounce)
	}
	if c.OnReload == nil {
		c.OnReload = func(Stats) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, problems.Err("filepolicy", nil)
}

func folder(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("required: the folder of the policy's files")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New(dir + " is not a folder")
	}
	return dir, err
}
