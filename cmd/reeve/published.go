package main

import (
	"context"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
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
	s, last, err := p.beside(ctx, a, b)
	if err != nil {
		return nil, last, err
	}
	s.tell(a)
	return s.bundle, last, nil
}

func (p published) beside(ctx context.Context, a *app, b *policy.Bundle) (s source, last time.Time, err error) {
	s = newSource()
	s.bundle, s.redis = b, "redis:"+p.name
	if last, err = s.readTenants(ctx, a, p, nil); err != nil {
		return s, last, err
	}
	s.bundle = b.WithTenants(s.rows)
	return s, last, nil
}

// withTenants is tenantRows for questions about all requests. Tenants whose rows do not load are closed, and
// told.
func (p published) withTenants(ctx context.Context, a *app, b *policy.Bundle) (*impact.Policy, time.Time, error) {
	s, last, err := p.beside(ctx, a, b)
	if err != nil {
		return nil, last, err
	}
	found, err := s.impact(a)
	return found, last, err
}
