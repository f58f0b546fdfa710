package filepolicy

import (
	"path/filepath"

	"github.com/fsnotify/fsnotify"

	"github.com/reevehq/reeve/authz/policy"
)

// notices are the system's notifications of changes in a folder. Without any, both channels stay
// nil and never deliver.
type notices struct {
	dir      string
	watcher  *fsnotify.Watcher // nil when the system has none
	events   chan fsnotify.Event
	failures chan error
	leads    map[string]string // watched paths, and what they led to
}

func newNotices(cfg Config) *notices {
	n := &notices{dir: cfg.Folder, leads: map[string]string{}}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		cfg.Logger.Warn("policy folder is polled", "poll", cfg.Poll, "error", err)
		return n
	}
	n.watcher, n.events, n.failures = watcher, watcher.Events, watcher.Errors
	return n
}

func (n *notices) close() {
	if n.watcher != nil {
		_ = n.watcher.Close()
	}
}

// concerns reports whether a change of the path can change the policy. The folder above is
// watched only for what happens to this one.
func (n *notices) concerns(path string) bool {
	return path == n.dir || filepath.Dir(path) != filepath.Dir(n.dir)
}

// renew watches the folder, its tenants and the folder above, in which it may be replaced,
// wherever they lead to by now. It reports whether the folder itself is watched.
func (n *notices) renew() bool {
	if n.watcher == nil {
		return false
	}
	watched := true
	for _, path := range []string{filepath.Dir(n.dir), n.dir, filepath.Join(n.dir, policy.TenantsFolder)} {
		target, err := filepath.EvalSymlinks(path)
		if err == nil && n.leads[path] != target {
			_ = n.watcher.Remove(path) // it is not watched, or no longer what it was
			n.leads[path] = target
		}
		if err == nil {
			err = n.watcher.Add(path) // again, should the folder have been made anew
		}
		if err != nil && path == n.dir {
			watched = false
		}
	}
	return watched
}
