package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// WatchOptions of [Watch]. The zero WatchOptions is fine.
type WatchOptions struct {
	// Settle is how long the folder has to be quiet before it is read. A longer time
	// keeps more half-written states from being looked at; a change takes at least so
	// long to be effective. Default: 100 ms.
	Settle time.Duration

	// Limit is how long a folder that is never quiet can put off being read. Default: 2 s,
	// and never less than Settle.
	Limit time.Duration

	// Poll is how often the folder is read without being told of a change: some file
	// systems tell nothing. Default: 30 s.
	Poll time.Duration

	// OnReload is told of every policy that is loaded and every one that is refused, each
	// once. It runs in the watcher and must return soon. Default: nobody.
	OnReload func(WatchStats)
}

// WatchStats is what a [Watcher] has done, for metrics and readiness.
type WatchStats struct {
	Revision string // that decides now
	Notified bool   // whether the system tells of changes; otherwise the folder is polled
	Checks   int64  // times the folder was read
	Reloads  int64  // policies that took effect, also if some tenant is held
	Refused  int64  // policies that did not load, each counted once

	LastReload time.Time // zero for none
	// Err is why what the folder holds now is not what decides, nil when it does. It names
	// files, lines and columns. It wraps [ErrTenantHeld] when all but some tenants' own files
	// decides; [Engine.Stats] then names the tenants.
	Err error
}

// Watcher keeps an [Engine] at the policy in a folder. Its methods are safe for concurrent
// use.
type Watcher struct {
	engine *Engine
	dir    string
	opts   WatchOptions
	cancel context.CancelFunc
	done   chan struct{}

	notify *fsnotify.Watcher // nil when the system has none
	seen   map[string]string // watched paths, and what they led to

	mu      sync.Mutex
	stats   WatchStats
	refused string // revision of what was refused last
}

// Watch loads the policy in dir into the engine now, if it is another one, and whenever it
// changes, until ctx is over or Close is called. It is told of changes by the system:
// files written in place, renamed over, or swapped as Kubernetes swaps a ConfigMap's
// ..data; and it polls, should it not be told.
//
// A policy takes effect as a whole, once two readings in a row are equal, as by
// [Engine.Reload]. One that does not load changes nothing: it is logged and counted, and looked
// at again when the folder changes. A file of one tenant that does not load holds that tenant
// alone. A file that is written in place can be a shorter policy that loads, if its
// writer stops for longer than Settle: write beside it and rename.
//
// An error means that dir is no folder, or that the engine was not made by [Load]. The
// engine should have no other source of policies.
func Watch(ctx context.Context, engine *Engine, dir string, opts WatchOptions) (*Watcher, error) {
	if engine.snapshot() == nil {
		return nil, ErrNotLoaded
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("policy: watch: %w", err)
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("not a folder")
	}
	if err != nil {
		return nil, fmt.Errorf("policy: watch %s: %w", dir, err)
	}
	if opts.Settle <= 0 {
		opts.Settle = 100 * time.Millisecond
	}
	if opts.Limit <= 0 {
		opts.Limit = 2 * time.Second
	}
	opts.Limit = max(opts.Limit, opts.Settle)
	if opts.Poll <= 0 {
		opts.Poll = 30 * time.Second
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Watcher{engine: engine, dir: dir, opts: opts, cancel: cancel, done: make(chan struct{}), seen: map[string]string{}}
	if w.notify, err = fsnotify.NewWatcher(); err != nil {
		w.notify = nil
		engine.log.Warn("policy folder is polled", "poll", opts.Poll, "error", err)
	}
	go w.run(ctx)
	return w, nil
}

// Close stops watching and waits until it has. The last policy keeps deciding.
func (w *Watcher) Close() {
	w.cancel()
	<-w.done
}

// Stats returns what has happened so far.
func (w *Watcher) Stats() WatchStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Revision = w.engine.Revision()
	return s
}

func (w *Watcher) run(ctx context.Context) {
	defer close(w.done)
	defer w.cancel()
	var events chan fsnotify.Event
	var failures chan error
	if w.notify != nil {
		defer w.notify.Close()
		events, failures = w.notify.Events, w.notify.Errors
	}
	timer := time.NewTimer(0) // the first look is at once
	defer timer.Stop()
	var changed time.Time // when the unread changes began; zero for none
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-events:
			if !w.concerns(event.Name) {
				continue
			}
			now := time.Now()
			if changed.IsZero() {
				changed = now
			}
			timer.Reset(max(0, min(w.opts.Settle, changed.Add(w.opts.Limit).Sub(now))))
		case err := <-failures:
			// Such as an overflow of the system's queue: look, since anything may have changed.
			w.engine.log.Warn("policy folder: events were lost", "error", err)
			timer.Reset(w.opts.Settle)
		case <-timer.C:
			changed = time.Time{}
			w.follow()
			next := w.opts.Poll
			if !w.check() {
				next = w.opts.Settle
			}
			timer.Reset(next)
		}
	}
}

// concerns reports whether a change of the path can change the policy. The folder above is
// watched only for what happens to this one.
func (w *Watcher) concerns(path string) bool {
	return path == w.dir || filepath.Dir(path) != filepath.Dir(w.dir)
}

// follow watches the folder, its tenants and the folder above, in which it may be
// replaced, wherever they lead to by now.
func (w *Watcher) follow() {
	if w.notify == nil {
		return
	}
	ok := true
	for _, path := range []string{filepath.Dir(w.dir), w.dir, filepath.Join(w.dir, tenantsDir)} {
		target, err := filepath.EvalSymlinks(path)
		if err == nil && w.seen[path] != target {
			_ = w.notify.Remove(path) // it is not watched, or no longer what it was
			w.seen[path] = target
		}
		if err == nil {
			err = w.notify.Add(path) // again, should the folder have been made anew
		}
		if err != nil && path == w.dir {
			ok = false
		}
	}
	w.mu.Lock()
	w.stats.Notified = ok
	w.mu.Unlock()
}

// check brings the engine to what the folder holds. It returns false when the folder
// changed while it was read, so that it has to be looked at again.
func (w *Watcher) check() (settled bool) {
	folder := os.DirFS(w.dir)
	first, _ := readBundle(folder)
	if !w.news(first.revision) {
		return true
	}
	settled, err := w.install(folder, first.revision)
	if settled {
		w.record(first.revision, err)
	}
	return settled
}

// install loads the folder if it still has the revision.
func (w *Watcher) install(folder fs.FS, revision string) (settled bool, err error) {
	w.engine.reload.Lock()
	defer w.engine.reload.Unlock()
	b, problems := readBundle(folder)
	if b.revision != revision {
		return false, nil
	}
	return true, w.engine.install(b, problems, true)
}

// news reports whether the revision is neither the one that decides nor the one that was
// refused last.
func (w *Watcher) news(revision string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Checks++
	if s := w.engine.snapshot(); revision == s.source {
		w.stats.Err, w.refused = s.heldErr(), ""
		return false
	}
	return revision != w.refused
}

func (w *Watcher) record(revision string, err error) {
	w.mu.Lock()
	w.stats.Err, w.refused = err, ""
	if err != nil && !errors.Is(err, ErrTenantHeld) {
		w.stats.Refused++
		w.refused = revision
	} else {
		w.stats.Reloads++
		w.stats.LastReload = time.Now()
	}
	stats := w.stats
	w.mu.Unlock()
	stats.Revision = w.engine.Revision()
	if w.opts.OnReload != nil {
		w.opts.OnReload(stats)
	}
}
