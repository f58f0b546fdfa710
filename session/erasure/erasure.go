// Package erasure erases a user or a tenant from everything that a service keeps, by one call: the
// sessions first, then tables, files, caches and whatever else the service names.
//
//	eraser, err := erasure.New(erasure.Config{
//		Sessions: manager,
//		Users:    usersOf, // of the service's own tables
//		UserSteps: []erasure.UserStep{
//			{Name: "tables", Erase: deleteRowsOf},
//		},
//		TenantSteps: []erasure.TenantStep{
//			{Name: "tables", Erase: func(ctx context.Context, t tenant.ID) error { return rls.Erase(ctx, owner, wall, signer, t) }},
//			{Name: "files", Erase: files.Erase}, // of a sqlitescope.Store
//			{Name: "cache", Erase: func(ctx context.Context, t tenant.ID) error { _, err := cache.Erase(ctx, t); return err }},
//			{Name: "policy", Erase: removePolicyOf},
//		},
//	})
//	report, err := eraser.Tenant(ctx, acme)
//
// A call that failed is made again until it succeeds: each step has to bear that, as those above
// do. A service erases its logs, its backups and copies that it has sent elsewhere by itself.
package erasure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// The names of the steps that every erasure begins with.
const (
	StepClose    = "close"    // a tenant is suspended
	StepSessions = "sessions" // what the session store has
)

// Eraser erases users and tenants. It is safe for concurrent use, and several may erase the same at once.
type Eraser struct{ cfg Config }

// New returns an Eraser.
func New(cfg Config) (*Eraser, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Eraser{cfg.withDefaults()}, nil
}

// Report says what an erasure has done, step by step in order.
type Report struct{ Steps []StepReport }

// StepReport is the outcome of one step.
type StepReport struct {
	Name    string
	Err     error // nil when everything of the step is erased
	Skipped bool  // the step was not begun: one that it relies on had failed, or the call was over
	Took    time.Duration
}

// User erases a user in one tenant. It ends their sessions and blocks them, as by
// [session.Manager.EraseUser], waits for [Config].Settle, and runs [Config].UserSteps in order.
//
// When the sessions cannot be erased no step begins. Of the steps a failed one holds up no other.
// The error joins those of all steps, each after the step's name; then the call is made again. A user who
// is erased stays blocked.
func (e *Eraser) User(ctx context.Context, t tenant.ID, u session.UserID) (Report, error) {
	r := run{ctx: ctx}
	r.must(StepSessions, func() error { return e.cfg.Sessions.EraseUser(ctx, t, u) })
	r.wait(e.cfg.Settle)
	for _, s := range e.cfg.UserSteps {
		r.try(s.Name, func() error { return s.Erase(ctx, t, u) })
	}
	return r.end("user")
}

// Tenant erases a tenant. It suspends the tenant, waits for [Config].Settle, erases the sessions of
// its users as by [session.Manager.EraseTenant], and runs [Config].TenantSteps in order.
//
// When the tenant cannot be closed, or the sessions cannot be erased, no further step begins: the
// tables say who the users are. Of the others a failed one holds up no other. The error joins those
// of all steps, each after the step's name; then the call is made again. A tenant that is erased stays
// suspended, so that nobody is served under its name.
func (e *Eraser) Tenant(ctx context.Context, t tenant.ID) (Report, error) {
	r := run{ctx: ctx}
	r.must(StepClose, func() error { return e.cfg.Sessions.SetTenantStatus(ctx, t, tenant.Suspended) })
	r.wait(e.cfg.Settle)
	r.must(StepSessions, func() error { return e.cfg.Sessions.EraseTenant(ctx, t, e.cfg.Users(ctx, t)) })
	for _, s := range e.cfg.TenantSteps {
		r.try(s.Name, func() error { return s.Erase(ctx, t) })
	}
	return r.end("tenant")
}

// run is one erasure.
type run struct {
	ctx    context.Context
	report Report
	failed bool // a step that all later ones rely on
}

// must runs a step that all later ones rely on.
func (r *run) must(name string, erase func() error) {
	if !r.try(name, erase) {
		r.failed = true
	}
}

// try runs a step and reports whether it was done.
func (r *run) try(name string, erase func() error) bool {
	step := StepReport{Name: name}
	switch err := r.ctx.Err(); {
	case r.failed:
		step.Skipped = true
	case err != nil:
		step.Err, step.Skipped = err, true
	default:
		began := time.Now()
		step.Err = erase()
		step.Took = time.Since(began)
	}
	r.report.Steps = append(r.report.Steps, step)
	return step.Err == nil && !step.Skipped
}

// wait lets requests end that were let in before.
func (r *run) wait(pause time.Duration) {
	if r.failed || pause <= 0 {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.ctx.Done(): // the next step says so
	}
}

func (r *run) end(what string) (Report, error) {
	var problems []error
	for _, s := range r.report.Steps {
		if s.Err != nil {
			problems = append(problems, fmt.Errorf("erasure: %s: %s: %w", what, s.Name, s.Err))
		}
	}
	return r.report, errors.Join(problems...)
}
