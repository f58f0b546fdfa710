package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/tenant"
)

// bundle returns the files of a publication.
func (p published) bundle(ctx context.Context, of redispolicy.Publication) (*policy.Bundle, error) {
	files, err := p.reader.Files(ctx, of)
	if err != nil {
		return nil, err
	}
	return policy.ReadBundle(files)
}

// policy returns a publication for questions about all requests, without what tenants have published.
func (p published) policy(ctx context.Context, of redispolicy.Publication) (*impact.Policy, error) {
	b, err := p.bundle(ctx, of)
	if err != nil {
		return nil, err
	}
	return impact.New(b)
}

// tenantRows returns a policy with the rows that tenants have published by keys that it names, and when
// the last of them did; the zero time where none did. Rows that are not taken are told.
func (p published) tenantRows(ctx context.Context, a *app, b *policy.Bundle) (with *policy.Bundle, last time.Time, err error) {
	files, err := p.reader.TenantFiles(ctx, b)
	if err != nil {
		return nil, last, err
	}
	rows := map[tenant.ID]policy.TenantRows{}
	ids := make([]tenant.ID, 0, len(files))
	for id := range b.TenantKeys() {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b tenant.ID) int { return cmp.Compare(a.String(), b.String()) })
	for _, id := range ids {
		f, there := files[id]
		switch {
		case !there:
			a.notes([]string{fmt.Sprintf("the tenant %s has published none of its own rows: it is closed", id)})
			continue
		case f.Err != nil:
			a.notes([]string{fmt.Sprintf("what the tenant %s has published is not taken: %v", id, f.Err)})
		case f.PublishedAt.After(last):
			last = f.PublishedAt
		}
		rows[id] = policy.TenantRows{Rows: f.Rows, Err: f.Err}
	}
	return b.WithTenants(rows), last, nil
}

// withTenants is tenantRows for questions about all requests. Rows of tenants that do not load are told,
// and left out.
func (p published) withTenants(ctx context.Context, a *app, b *policy.Bundle) (*impact.Policy, time.Time, error) {
	with, last, err := p.tenantRows(ctx, a, b)
	if err != nil {
		return nil, last, err
	}
	found, err := impact.New(with)
	if err == nil {
		return found, last, nil
	}
	alone, bad := impact.New(b)
	if bad != nil {
		return nil, last, bad
	}
	a.notes([]string{fmt.Sprintf("rows that tenants have published do not load beside this policy: %v", err)})
	return alone, time.Time{}, nil
}
