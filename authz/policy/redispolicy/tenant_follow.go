package redispolicy

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// TenantStats are those of one tenant whose own rows are published by a key of its own.
type TenantStats struct {
	Tenant   tenant.ID
	Sequence uint64 // of the rows that count, 0 before the first

	// Err is why what Redis holds of the tenant is not what counts; nil when it is, or when the
	// rows count and do not load, which the engine's own Stats say.
	Err error
}

// tenantState is a follower's state of one tenant's rows.
type tenantState struct {
	holds tenantRecord // zero before the first
	rows  string
	err   error // of what Redis holds now
}

// tenantAnswer is the content of Redis for one tenant.
type tenantAnswer struct {
	record string // "" when nothing is published
	size   int64
	rows   string // "" when the record is known, or the rows too large or gone
}

// tenantChunk is how many tenants one script looks at.
const tenantChunk = 256

// fetchTenants asks what is published of tenants, of which known has the records that are known.
func (k keys) fetchTenants(ctx context.Context, client redis.UniversalClient, known map[tenant.ID]string, maxSize int) (map[tenant.ID]tenantAnswer, error) {
	all := make(map[tenant.ID]tenantAnswer, len(known))
	ids := slices.SortedFunc(maps.Keys(known), func(a, b tenant.ID) int { return cmp.Compare(a.String(), b.String()) })
	for chunk := range slices.Chunk(ids, tenantChunk) {
		names, args := make([]string, len(chunk)), []any{maxSize}
		for i, id := range chunk {
			names[i], args = k.tenant(id), append(args, known[id])
		}
		list, err := fetchTenantsScript.Run(ctx, client, names, args...).Slice()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if len(list) != len(chunk) {
			return nil, fmt.Errorf("%w: an answer of another form", ErrUnavailable)
		}
		for i, x := range list {
			a, err := tenantAnswerOf(x)
			if err != nil {
				return nil, err
			}
			all[chunk[i]] = a
		}
	}
	return all, nil
}

func tenantAnswerOf(x any) (a tenantAnswer, err error) {
	list, ok := x.([]any)
	for i, v := range list {
		var is bool
		switch i {
		case 0:
			a.record, is = v.(string)
		case 1:
			a.size, is = v.(int64)
		case 2:
			a.rows, is = v.(string)
		}
		ok = ok && is
	}
	if !ok {
		return a, fmt.Errorf("%w: an answer of another form", ErrUnavailable)
	}
	return a, nil
}

// lookAtTenants asks Redis about the tenants that have keys, and returns what is then known of them: also
// of those that have none any more, so that none of their records ever counts again that is older.
// changed reports whether other rows count than before.
func (f *Follower) lookAtTenants(trusted map[tenant.ID][]ed25519.PublicKey) (next map[tenant.ID]tenantState, changed bool, err error) {
	next = maps.Clone(f.tenants)
	if len(trusted) == 0 || f.ask == nil {
		return next, false, nil
	}
	known := make(map[tenant.ID]string, len(trusted))
	for id := range trusted {
		known[id] = f.tenants[id].holds.text
	}
	answers, err := f.ask(known)
	if err != nil {
		return nil, false, err
	}
	if next == nil {
		next = make(map[tenant.ID]tenantState, len(trusted))
	}
	for id, keys := range trusted {
		t := next[id]
		before := t.holds.text
		err := t.take(f.config, id, answers[id], keys)
		if err != nil && (t.err == nil || t.err.Error() != err.Error()) {
			f.config.Logger.Error("published rows of a tenant: refused", "policy", f.config.Name, "tenant", id.String(), "error", err)
		}
		t.err = err
		changed = changed || t.holds.text != before
		next[id] = t
	}
	return next, changed, nil
}

// take takes what Redis holds of a tenant, or says why it must not be. The order is that of trust.
func (t *tenantState) take(cfg FollowerConfig, id tenant.ID, a tenantAnswer, trusted []ed25519.PublicKey) error {
	switch {
	case a.record == "" && t.holds.text != "":
		return fmt.Errorf("%w: what the tenant %s published is gone", ErrCorrupt, id)
	case a.record == "" || a.record == t.holds.text:
		return nil
	}
	r, err := parseTenantRecord(cfg.Name, id, a.record, trusted)
	if err != nil {
		return err
	}
	if r.Sequence <= t.holds.Sequence {
		return fmt.Errorf("%w: sequence %d of the tenant %s, and %d holds", ErrReplayed, r.Sequence, id, t.holds.Sequence)
	}
	if r.Size > cfg.MaxTenantSize || a.size > int64(cfg.MaxTenantSize) {
		return fmt.Errorf("%w: %d bytes of the tenant %s, at most %d are allowed", ErrTooLarge, max(int64(r.Size), a.size), id, cfg.MaxTenantSize)
	}
	if err := r.check(a.rows); err != nil {
		return err
	}
	t.holds, t.rows = r, a.rows
	return nil
}

// rowsOf returns the rows that count beside a policy: of each tenant that has a key, those that one
// of its keys signed. A tenant whose key was taken away since is closed; one of which nothing was
// ever published is left out, and the engine closes it.
func rowsOf(cfg FollowerConfig, tenants map[tenant.ID]tenantState, trusted map[tenant.ID][]ed25519.PublicKey) map[tenant.ID]policy.TenantRows {
	rows := make(map[tenant.ID]policy.TenantRows, len(trusted))
	for id, keys := range trusted {
		t := tenants[id]
		if t.holds.text == "" {
			continue
		}
		r := policy.TenantRows{Rows: t.rows}
		if _, err := parseTenantRecord(cfg.Name, id, t.holds.text, keys); err != nil {
			r = policy.TenantRows{Err: err}
		}
		rows[id] = r
	}
	return rows
}

// install makes a bundle the policy, with the rows that tenants have beside it.
func (f *Follower) install(b *policy.Bundle, tenants map[tenant.ID]tenantState, trusted map[tenant.ID][]ed25519.PublicKey) error {
	with := b
	if len(trusted) > 0 || len(f.trusted) > 0 {
		with = b.WithTenants(rowsOf(f.config, tenants, trusted))
	}
	err := f.engine.ReloadBundle(with)
	if err == nil || errors.Is(err, policy.ErrTenantHeld) {
		f.bundle, f.tenants, f.trusted, f.held = b, tenants, trusted, err
	}
	return err
}

// followTenants takes what tenants have published since the last look, beside the policy that
// holds.
func (f *Follower) followTenants() (reloaded bool, err error) {
	if f.bundle == nil || len(f.trusted) == 0 {
		return false, nil
	}
	next, changed, err := f.lookAtTenants(f.trusted)
	if err != nil {
		return false, err
	}
	if changed {
		if err := f.install(f.bundle, next, f.trusted); err != nil && !errors.Is(err, policy.ErrTenantHeld) {
			return false, err
		}
	}
	f.tenants = next
	return changed, nil
}

// tenantsErr joins why what Redis holds of tenants does not count. It is an error of these tenants
// alone, whoever wrote it there: it wraps [policy.ErrTenantHeld].
func (f *Follower) tenantsErr() error {
	var all []error
	for _, s := range f.tenantStats() {
		if s.Err != nil {
			all = append(all, s.Err)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", policy.ErrTenantHeld, errors.Join(all...))
}

func (f *Follower) tenantStats() []TenantStats {
	list := make([]TenantStats, 0, len(f.trusted))
	for id := range f.trusted {
		t := f.tenants[id]
		list = append(list, TenantStats{id, t.holds.Sequence, t.err})
	}
	slices.SortFunc(list, func(a, b TenantStats) int { return cmp.Compare(a.Tenant.String(), b.Tenant.String()) })
	return list
}
