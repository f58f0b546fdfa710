// Package crosstenant is the one way from one tenant into another, for support staff. The import
// path finds every use.
//
// A [Gate] lets somebody of the vendor's own tenant into a customer's, by a grant of the policy,
// for a reason, for a limited time, and only once that is recorded:
//
//	ctx, leave, err := gate.Enter(ctx, crosstenant.Visit{Tenant: customer, Reason: "ticket 4711", For: 15 * time.Minute})
//	if err != nil {
//		return err
//	}
//	defer leave()
//
// Below that context data is scoped to the customer's tenant, and there is no caller and no
// session: the visitor's rights there are not decided by those at home.
package crosstenant

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/tenant"
)

// Errors of [Gate.Enter]. Beside these it returns those of its [Grants], of [tenant.Status.Err],
// tenant.ErrNoScope without a tenant to come from, and tenant.ErrMismatch from another than
// [Config].From.
var (
	// ErrInvalid means that the visit has no reason, no time, or no tenant but one's own.
	ErrInvalid = errors.New("crosstenant: invalid visit")

	// ErrNotRecorded means that the visit could not be recorded, so that there is none.
	ErrNotRecorded = errors.New("crosstenant: not recorded")

	// ErrOver is the cause of the end of a visit's context: its time is up.
	ErrOver = errors.New("crosstenant: the visit is over")
)

// Limits of a visit.
const (
	MaxReason = 500 // bytes
	MaxFor    = 24 * time.Hour
)

// Grants decides who may enter: authz.CrossTenantGrants asks the policy.
type Grants interface {
	// CrossTenant returns who the caller of ctx is, for the record, when they may enter the
	// tenant, and otherwise an error.
	CrossTenant(ctx context.Context, target tenant.ID) (actor string, err error)
}

// Recorder writes the record of a visit, to where the visitor cannot change it.
type Recorder interface {
	// Record returns nil once the record cannot be lost. It is called before the visit begins.
	Record(ctx context.Context, r Record) error
}

// Record says who enters, where and why.
type Record struct {
	ID     string // 128 random bits
	From   tenant.ID
	Actor  string // a user of From
	Tenant tenant.ID
	Reason string
	At     time.Time
	Until  time.Time
}

// Config says who may enter and where it is recorded. Every field but MaxFor is required.
type Config struct {
	// From is the vendor's own tenant, from which alone one may enter. A customer's own policy
	// could otherwise let its users into the tenants of others.
	From tenant.ID

	Grants   Grants
	Recorder Recorder
	Statuses tenant.Statuses // a session.Manager

	// MaxFor is how long a visit may be. At most [MaxFor]. Default: one hour.
	MaxFor time.Duration
}

// Gate lets into other tenants. It is immutable and safe for concurrent use, and the zero Gate
// lets nobody in.
type Gate struct{ cfg Config }

// NewGate returns the Gate that cfg describes, or an error that names every invalid field.
func NewGate(cfg Config) (*Gate, error) {
	if cfg.MaxFor == 0 {
		cfg.MaxFor = time.Hour
	}
	var problems configerr.Problems
	if cfg.From.IsZero() {
		problems.Add("From", "required, the vendor's own tenant")
	}
	problems.Require("Grants", cfg.Grants, "for example authz.CrossTenantGrants()")
	problems.Require("Recorder", cfg.Recorder, "")
	problems.Require("Statuses", cfg.Statuses, "for example a session.Manager")
	if cfg.MaxFor < time.Second || cfg.MaxFor > MaxFor {
		problems.Add("MaxFor", "%v is not between 1s and %v", cfg.MaxFor, MaxFor)
	}
	if err := problems.Err("crosstenant", nil); err != nil {
		return nil, err
	}
	return &Gate{cfg}, nil
}

// Visit says what somebody wants to do in another tenant.
type Visit struct {
	Tenant tenant.ID     // to enter, another than one's own
	Reason string        // for the record, at most [MaxReason] bytes of text that shows
	For    time.Duration // at most [Config].MaxFor
}

// Enter returns a context of the visited tenant, after the caller's right was asked for, the
// tenant's status, and the visit was recorded, in this order. A suspended tenant is not entered.
//
// The context ends with its time or with leave, whichever is first, and names no tenant from
// then on, also to those who keep its values by context.WithoutCancel: data access below it is
// tenant.ErrNoScope. It has no caller, so that authz.Check is refused, and no visit begins in a
// visit. leave is called in any case, and often if one likes.
func (g *Gate) Enter(ctx context.Context, v Visit) (visiting context.Context, leave func(), err error) {
	if err := g.check(ctx, v); err != nil {
		return nil, nil, err
	}
	actor, err := g.cfg.Grants.CrossTenant(ctx, v.Tenant)
	if err == nil && actor == "" {
		err = fmt.Errorf("%w: nobody knows who enters", ErrInvalid)
	}
	if err != nil {
		return nil, nil, err
	}
	status, err := g.cfg.Statuses.TenantStatus(ctx, v.Tenant)
	if err != nil {
		return nil, nil, fmt.Errorf("crosstenant: status of %s: %w", v.Tenant, err)
	}
	if err := status.Err(); err != nil {
		return nil, nil, fmt.Errorf("%w: %s", err, v.Tenant)
	}
	now := time.Now()
	r := Record{ID: rand.Text(), From: g.cfg.From, Actor: actor, Tenant: v.Tenant, Reason: v.Reason, At: now, Until: now.Add(v.For)}
	if err := g.cfg.Recorder.Record(ctx, r); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	ending, cancel := context.WithDeadlineCause(ctx, r.Until, ErrOver)
	inside := &visit{Context: ending, tenant: v.Tenant, until: r.Until}
	return inside, func() { inside.left.Store(true); cancel() }, nil
}

// check refuses a visit that nobody may make.
func (g *Gate) check(ctx context.Context, v Visit) error {
	home, err := tenant.Require(ctx)
	if err != nil {
		return err
	}
	if g.cfg.From.IsZero() || home != g.cfg.From {
		return fmt.Errorf("%w: visits begin in the vendor's own tenant", tenant.ErrMismatch)
	}
	switch {
	case v.Tenant.IsZero() || v.Tenant == home:
		return fmt.Errorf("%w: Tenant: another tenant than one's own is needed", ErrInvalid)
	case strings.TrimSpace(v.Reason) == "" || len(v.Reason) > MaxReason || !utf8.ValidString(v.Reason) || strings.ContainsFunc(v.Reason, func(c rune) bool { return !unicode.IsPrint(c) }):
		return fmt.Errorf("%w: Reason: from 1 to %d bytes of text are needed", ErrInvalid, MaxReason)
	case v.For <= 0 || v.For > g.cfg.MaxFor:
		return fmt.Errorf("%w: For: %v is not more than 0 and at most %v", ErrInvalid, v.For, g.cfg.MaxFor)
	}
	return nil
}

// visit is the context of a visit.
type visit struct {
	context.Context
	tenant tenant.ID
	until  time.Time
	left   atomic.Bool
}

// Value implements [context.Context]: the tenant for as long as the visit lasts, and nobody.
func (v *visit) Value(key any) any {
	k, ours := key.(reqctx.Key)
	switch {
	case !ours:
		return v.Context.Value(key)
	case k == reqctx.TenantKey && !v.left.Load() && time.Now().Before(v.until):
		return &v.tenant
	}
	return nil
}
