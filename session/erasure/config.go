package erasure

import (
	"context"
	"iter"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// defaultWait is twice the time for which a cache of sessions may serve what it does not hear of.
const defaultWait = 2 * time.Second

// Sessions has the methods of a [session.Manager] that an erasure needs.
type Sessions interface {
	EraseUser(ctx context.Context, t tenant.ID, u session.UserID) error
	EraseTenant(ctx context.Context, t tenant.ID, users iter.Seq2[session.UserID, error]) error
	SetTenantStatus(ctx context.Context, t tenant.ID, status tenant.Status) error
}

// Config says what there is to erase.
type Config struct {
	// Sessions ends the sessions and erases what the session store has. Required: a [session.Manager].
	Sessions Sessions

	// Users returns the users of a tenant, of the service's own tables, which the session store
	// does not list. It is asked before the tenant's tables are erased. A user who is not among
	// them keeps sealed records in the store until these expire; nobody signs in by them. An error
	// that it yields stops the erasure. Required with TenantSteps.
	Users func(ctx context.Context, t tenant.ID) iter.Seq2[session.UserID, error]

	// UserSteps erase a user from what else the service keeps, in this order. The context is bound to no
	// tenant, and the tenant may have any status.
	UserSteps []UserStep

	// TenantSteps erase a tenant likewise. It is suspended by then.
	TenantSteps []TenantStep

	// Settle is for how long requests may still write that were let in before the sessions ended,
	// or the tenant was closed: by the cache of another process, by a status that sqlitescope remembers
	// (its StatusFor), and until a handler returns. 0 is 2s; less than 0 does not wait.
	Settle time.Duration
}

// UserStep erases a user from one place. Erase is called again after a failure, and where there
// is nothing of the user it returns nil.
type UserStep struct {
	Name  string // in reports and errors, another for each step
	Erase func(ctx context.Context, t tenant.ID, u session.UserID) error
}

// TenantStep is a [UserStep] for a tenant.
type TenantStep struct {
	Name  string
	Erase func(ctx context.Context, t tenant.ID) error
}

func (c Config) validate() error {
	var p configerr.Problems
	p.Require("Sessions", c.Sessions, "")
	if c.Users == nil && len(c.TenantSteps) > 0 {
		p.Add("Users", "required with TenantSteps")
	}
	check := func(field string, seen map[string]bool, name string, missing bool) {
		switch {
		case name == "":
			p.Add(field, "a step without a name")
		case seen[name]:
			p.Add(field, "a second step %q", name)
		case missing:
			p.Add(field, "step %q has no Erase", name)
		}
		seen[name] = true
	}
	seen := map[string]bool{StepSessions: true}
	for _, s := range c.UserSteps {
		check("UserSteps", seen, s.Name, s.Erase == nil)
	}
	seen = map[string]bool{StepClose: true, StepSessions: true}
	for _, s := range c.TenantSteps {
		check("TenantSteps", seen, s.Name, s.Erase == nil)
	}
	return p.Err("erasure", nil)
}

func (c Config) withDefaults() Config {
	if c.Settle == 0 {
		c.Settle = defaultWait
	}
	if c.Users == nil {
		c.Users = func(context.Context, tenant.ID) iter.Seq2[session.UserID, error] { return nil }
	}
	return c
}
