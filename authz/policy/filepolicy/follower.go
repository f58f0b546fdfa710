// Package filepolicy reloads a policy whenever the folder that holds it changes.
//
//	engine, err := policy.Load(os.DirFS("policies"), policy.Options{})
//	follower, err := filepolicy.NewFollower(filepolicy.Config{Engine: engine, Folder: "policies"})
//	err = follower.Start(ctx)
//	defer follower.Close()
//
// For most uses, mount the folder into the service, as a ConfigMap for instance, and follow it.
// If a fleet has to change at the same moment, or policies have to be signed, use package
// redispolicy, which has the same form.
//
// The system gives notice of changes: of files written in place, renamed over, or swapped as
// Kubernetes swaps a ConfigMap's ..data. The follower polls besides, should there be no notice.
//
// A policy takes effect as a whole, as by [policy.Engine.Reload], once two readings in a row
// are equal. One that does not load changes nothing: the engine logs and counts it, and the
// follower looks again when the folder changes. A file of one tenant that does not load holds
// that tenant alone.
//
// A file that is written in place can be a shorter policy that loads, if its writer stops for
// longer than [Config.Debounce]. Write beside it and rename.
package filepolicy

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

// ErrStarted means that a [Follower] was started before or is closed.
var ErrStarted = errors.New("filepolicy: follower started before")

// Stats count the work of a [Follower], for metrics and readiness.
type Stats struct {
	Revision string // of the policy that decides now
	Notified bool   // whether the system gives notice of changes; otherwise the folder is polled
	Checks   int64  // times the folder was read
	Reloads  int64  // policies that took effect, also if some tenant is held
	Refused  int64  // policies that did not load, each counted once

	LastReload time.Time // zero for none
	// Err is why what the folder holds now is not what decides, nil when it does. It names
	// files, lines and columns. It wraps [policy.ErrTenantHeld] when everything decides but
	// some tenants' own files; [policy.Engine.Stats] then names the tenants.
	Err error
}

// Follower keeps an engine at the policy in a folder. Its methods are safe for concurrent use.
type Follower struct {
	config Config
	read   func() *policy.Bundle

	look sync.Mutex // held while the folder is read and loaded

	mu      sync.Mutex
	started bool
	cancel  context.CancelFunc // nil until the start
	wg      sync.WaitGroup
	stats   Stats
	refused string // revision of what was refused last
}

// NewFollower returns a follower that is not started. The error names every field of the
// config that is wrong.
func NewFollower(cfg Config) (*Follower, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	read := func() *policy.Bundle {
		b, _ := policy.ReadBundle(os.DirFS(cfg.Folder)) // the engine says what is wrong with it
		return b
	}
	return &Follower{config: cfg, read: read}, nil
}

// Start begins to follow, until ctx is over or Close is called. It does not wait for the first
// look at the folder: call Sync first to serve nothing by an older policy. The second call
// returns [ErrStarted], and so does a call after Close.
func (f *Follower) Start(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.started {
		return ErrStarted
	}
	f.started = true
	ctx, f.cancel = context.WithCancel(ctx)
	n := newNotices(f.config)
	f.wg.Go(func() {
		defer n.close()
		f.follow(ctx, n)
	})
	return nil
}

// Close stops following and waits until that has stopped. The last policy keeps deciding. A
// closed follower cannot be started again. The error is nil.
func (f *Follower) Close() error {
	f.mu.Lock()
	f.started = true
	if f.cancel != nil {
		f.cancel()
	}
	f.mu.Unlock()
	f.wg.Wait()
	return nil
}

// Stats returns what has happened so far.
func (f *Follower) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Revision = f.config.Engine.Revision()
	return s
}

// Sync reads the folder now and loads what it holds, if that is another policy than the one
// that decides. It waits while the folder changes, until ctx is over. A nil error means that
// the engine decides by what the folder holds; otherwise the error is as in [Stats].
func (f *Follower) Sync(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.check() {
			return f.Stats().Err
		}
		select {
		case <-ctx.Done():
		case <-time.After(f.config.Debounce):
		}
	}
}

// follow looks when the folder has changed, and otherwise from time to time.
func (f *Follower) follow(ctx context.Context, n *notices) {
	timer := time.NewTimer(0) // the first look is at once
	defer timer.Stop()
	var changed time.Time // when the unread changes began; zero for none
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-n.events:
			if !n.concerns(event.Name) {
				continue
			}
			now := time.Now()
			if changed.IsZero() {
				changed = now
			}
			timer.Reset(max(0, min(f.config.Debounce, changed.Add(f.config.MaxDelay).Sub(now))))
		case err := <-n.failures:
			// Such as an overflow of the system's queue: look, since anything may have changed.
			f.config.Logger.Warn("policy folder: events were lost", "error", err)
			timer.Reset(f.config.Debounce)
		case <-timer.C:
			changed = time.Time{}
			f.notified(n.renew())
			next := f.config.Poll
			if !f.check() {
				next = f.config.Debounce
			}
			timer.Reset(next)
		}
	}
}

func (f *Follower) notified(is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Notified = is
}

// check brings the engine to what the folder holds. It returns false when the folder changed
// while it was read, so that it has to be looked at again.
func (f *Follower) check() (whole bool) {
	f.look.Lock()
	defer f.look.Unlock()
	first := f.read()
	if !f.isNews(first.Revision()) {
		return true
	}
	second := f.read()
	if second.Revision() != first.Revision() {
		return false
	}
	f.record(second.Revision(), f.config.Engine.ReloadBundle(second))
	return true
}

// isNews reports whether the revision is neither the one that decides nor the one that was
// refused last.
func (f *Follower) isNews(revision string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Checks++
	if s := f.config.Engine.Stats(); revision == s.Source {
		f.stats.Err, f.refused = s.Err(), ""
		return false
	}
	return revision != f.refused
}

func (f *Follower) record(revision string, err error) {
	f.mu.Lock()
	f.stats.Err, f.refused = err, ""
	if err != nil && !errors.Is(err, policy.ErrTenantHeld) {
		f.stats.Refused++
		f.refused = revision
	} else {
		f.stats.Reloads++
		f.stats.LastReload = time.Now()
	}
	stats := f.stats
	f.mu.Unlock()
	stats.Revision = f.config.Engine.Revision()
	f.config.OnReload(stats)
}
