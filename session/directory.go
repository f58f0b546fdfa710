package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// TenantsAge is for how long an answer of [Config].Tenants counts, and so how late a suspension in
// the service's own directory may be.
const TenantsAge = 10 * time.Second

// maxTenants bounds the answers that are kept: of more tenants, each is asked for again.
const maxTenants = 1 << 16

// TenantDirectory is a service's own directory of tenants: see [Config].Tenants. It is safe for
// concurrent use.
type TenantDirectory interface {
	// TenantStatus returns the status of a tenant. Unknown is no error, and an error an outage.
	TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error)
}

// TenantDirectoryFunc is a function that is a [TenantDirectory].
type TenantDirectoryFunc func(ctx context.Context, t tenant.ID) (tenant.Status, error)

// TenantStatus implements [TenantDirectory].
func (f TenantDirectoryFunc) TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error) {
	return f(ctx, t)
}

// ActiveTenants returns a directory for [Config].Tenants in which these tenants are Active and every
// other is Unknown. A zero one, and two that differ by case alone, are an error of [NewManager].
func ActiveTenants(tenants ...tenant.ID) TenantDirectory {
	active := make(activeTenants, len(tenants))
	for _, t := range tenants {
		active[t] = true
	}
	return active
}

// activeTenants is the directory of ActiveTenants.
type activeTenants map[tenant.ID]bool

// TenantStatus implements [TenantDirectory].
func (active activeTenants) TenantStatus(_ context.Context, t tenant.ID) (tenant.Status, error) {
	if active[t] {
		return tenant.Active, nil
	}
	return tenant.Unknown, nil
}

// checkDirectory returns what is wrong with a directory, as far as that can be told without asking.
func checkDirectory(d TenantDirectory) error {
	if f, is := d.(TenantDirectoryFunc); is && f == nil {
		return errors.New("a nil function")
	}
	active, _ := d.(activeTenants)
	known := map[string]tenant.ID{}
	for t := range active {
		if t.IsZero() {
			return errors.New("the zero tenant")
		}
		if other, found := known[t.Fold()]; found {
			return fmt.Errorf("%s and %s differ by case alone: tenants are compared exactly, and one of the two is likely a slip", min(t.String(), other.String()), max(t.String(), other.String()))
		}
		known[t.Fold()] = t
	}
	return nil
}

// directory keeps what the service's directory of tenants has answered.
type directory struct {
	ask TenantDirectory

	mu    sync.Mutex
	known map[tenant.ID]*answer
}

// answer is one answer, or a question that is under way.
type answer struct {
	done    chan struct{}
	askedAt time.Time
	status  tenant.Status // this and err are set before done is closed
	err     error
}

// newDirectory returns nil where there is none.
func newDirectory(cfg Config) *directory {
	if cfg.Tenants == nil {
		return nil
	}
	return &directory{ask: cfg.Tenants, known: map[tenant.ID]*answer{}}
}

// check returns nil when the directory says that a tenant is Active.
func (d *directory) check(ctx context.Context, t tenant.ID) error {
	a := d.find(ctx, t)
	select {
	case <-a.done:
	case <-ctx.Done():
		return fmt.Errorf("%w: tenants: %w", ErrUnavailable, context.Cause(ctx))
	}
	if a.err != nil {
		return fmt.Errorf("%w: tenants: %w", ErrUnavailable, a.err)
	}
	return a.status.Err()
}

// find returns the answer about a tenant, which may be under way: those who want it at the same
// time ask once, bound to the context of none.
func (d *directory) find(ctx context.Context, t tenant.ID) *answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if a := d.known[t]; a.counts(now) {
		return a
	}
	if len(d.known) >= maxTenants {
		clear(d.known)
	}
	a := &answer{done: make(chan struct{}), askedAt: now}
	d.known[t] = a
	go d.fill(context.WithoutCancel(ctx), t, a)
	return a
}

// counts reports whether an answer is young enough. It is measured by both of the system's clocks.
func (a *answer) counts(now time.Time) bool {
	if a == nil {
		return false
	}
	age, wall := now.Sub(a.askedAt), now.Round(0).Sub(a.askedAt.Round(0))
	return age >= 0 && age < TenantsAge && wall >= 0 && wall < TenantsAge
}

// serves reports whether the directory has said that a tenant is Active, and asks nobody.
func (d *directory) serves(t tenant.ID) bool {
	d.mu.Lock()
	a := d.known[t]
	d.mu.Unlock()
	if !a.counts(time.Now()) {
		return false
	}
	select {
	case <-a.done:
		return a.err == nil && a.status.Err() == nil
	default:
		return false
	}
}

// askLimit ends a question to a directory that has no limit of its own.
const askLimit = 5 * time.Second

// fill asks the directory. A failure is not kept: the next caller asks again.
func (d *directory) fill(ctx context.Context, t tenant.ID, a *answer) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	defer close(a.done)
	defer func() {
		if r := recover(); r != nil {
			a.err = fmt.Errorf("the directory of tenants panicked: %v", r)
		}
		if a.err == nil {
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.known[t] == a {
			delete(d.known, t)
		}
	}()
	a.status, a.err = d.ask.TenantStatus(ctx, t)
}

// inTenant does something in a tenant that must be Active. Where the service's directory has one
// that the store does not know, the store is told and asked once more.
func (m *Manager) inTenant(ctx context.Context, t tenant.ID, do func() error) error {
	if m.tenants == nil || t.IsZero() {
		return do()
	}
	if err := m.tenants.check(ctx, t); err != nil {
		return err
	}
	err := do()
	if !errors.Is(err, tenant.ErrUnknown) || errors.Is(err, ErrUnavailable) {
		return err
	}
	if err := m.store.AddTenant(ctx, t); err != nil {
		return err
	}
	return do()
}
