package redispolicy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/redisaccess"
	"github.com/reevehq/reeve/tenant"
)

// Sync looks at Redis now and takes the published policy if it is newer. A nil error means that the engine
// decides by what is published, or that nothing is. An error that wraps [policy.ErrTenantHeld] says the same
// for all but some tenants: their own files do not load in this program, or the rows that they published by
// keys of their own are refused, see [Stats].Tenants. On any other error the policy that was loaded keeps
// deciding: the error wraps [ErrUnavailable], or [ErrMisconfigured] when the user of Redis may not ask, or says
// why the published policy was refused.
func (f *Follower) Sync(ctx context.Context) error {
	f.look.Lock()
	defer f.look.Unlock()
	limited, cancel := context.WithTimeout(ctx, f.config.Timeout)
	defer cancel()
	var a answer
	var err error
	if !f.allowed {
		err = f.keys.examine(limited, f.client, f.access())
		f.allowed = err == nil
	}
	if err == nil {
		a, err = f.keys.fetch(limited, f.client, f.holds.text, f.config.MaxSize)
		f.allowed = !redisaccess.Denied(err) // the next look names what is lacking
	}
	if ctx.Err() != nil {
		return fmt.Errorf("redispolicy: %w", ctx.Err()) // nobody waits, so nothing failed
	}
	f.ask = func(known map[tenant.ID]string) (map[tenant.ID]tenantAnswer, error) {
		return f.keys.fetchTenants(limited, f.client, known, f.config.MaxTenantSize)
	}
	return f.heed(a, err)
}

// heed does what an answer asks for, and keeps account of it.
func (f *Follower) heed(a answer, err error) error {
	if err == nil && a.head == "" && f.holds.text != "" {
		err = fmt.Errorf("%w: it has lost what was published", ErrUnavailable)
	}
	reload := err == nil && a.head != f.holds.text
	if reload {
		err = f.take(a)
		reload = err == nil || errors.Is(err, policy.ErrTenantHeld)
	} else if err == nil {
		reload, err = f.followTenants()
	}
	if err == nil || errors.Is(err, policy.ErrTenantHeld) {
		err = joined(f.held, f.tenantsErr()) // as long as the records hold
	}
	f.note(a, reload, err)
	return err
}

// take makes the published bundle the policy, or says why it must not be. The order is that
// of trust: nothing of a record counts before its signature, and nothing of a bundle before
// its hash.
func (f *Follower) take(a answer) error {
	r, err := parseRecord(f.config.Name, a.head, f.config.Keys)
	if err != nil {
		return err
	}
	if r.Sequence <= f.holds.Sequence {
		return fmt.Errorf("%w: sequence %d, and %d holds", ErrReplayed, r.Sequence, f.holds.Sequence)
	}
	if r.Size > f.config.MaxSize || a.size > int64(f.config.MaxSize) {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, max(int64(r.Size), a.size), f.config.MaxSize)
	}
	data := []byte(a.bundle)
	if err := r.check(data); err != nil {
		return err
	}
	if f.failed.hash == r.Hash {
		return f.failed.err
	}
	fsys, err := unpack(data)
	if err != nil {
		f.failed = brokenBundle{r.Hash, err}
		return err
	}
	b, _ := policy.ReadBundle(fsys) // the engine says what is wrong, and may only hold a tenant for it
	trusted := b.TenantKeys()
	tenants, _, err := f.lookAtTenants(trusted) // before the policy counts, which may close them
	if err != nil {
		return err
	}
	err = f.install(b, tenants, trusted)
	if err != nil && !errors.Is(err, policy.ErrTenantHeld) {
		f.failed = brokenBundle{r.Hash, err}
		return err
	}
	f.holds = r
	return err
}

// joined joins two errors, of which either may be nil.
func joined(a, b error) error {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	return errors.Join(a, b)
}

// note keeps account of a look. A refusal is reported once, and not at every look.
func (f *Follower) note(a answer, reloaded bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.stats.Err
	f.stats.Checks++
	f.stats.Err, f.stats.Tenants = err, f.tenantStats()
	if errors.Is(err, ErrUnavailable) {
		f.stats.Failures++
		if !errors.Is(before, ErrUnavailable) {
			f.config.Logger.Warn("published policy: Redis does not answer, the loaded one keeps deciding", "policy", f.config.Name, "error", err)
		}
		return
	}
	f.stats.Contact = time.Now()
	if reloaded {
		f.stats.Reloads++
		f.stats.Sequence, f.stats.LoadedAt = f.holds.Sequence, f.stats.Contact
	}
	if err == nil {
		f.refused = ""
		if before != nil {
			f.config.Logger.Info("published policy: all is well again", "policy", f.config.Name, "sequence", f.stats.Sequence)
		}
		return
	}
	if errors.Is(err, policy.ErrTenantHeld) {
		return // the engine has logged it, and its stats name the tenants
	}
	if refusal := a.head + "\n" + err.Error(); refusal != f.refused {
		f.refused = refusal
		f.stats.Refused++
		f.config.Logger.Error("published policy: refused, the loaded one keeps deciding", "policy", f.config.Name, "sequence", f.stats.Sequence, "error", err)
	}
}
