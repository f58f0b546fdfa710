package redispolicy

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// TenantFile is the content of Redis for one tenant that publishes its own rows.
type TenantFile struct {
	TenantPublication // zero beside an Err of [Reader.TenantFiles]
	Rows              string

	// Err is why no follower that starts now takes it: it wraps [ErrUntrusted], [ErrCorrupt] or
	// [ErrTooLarge].
	Err error
}

// TenantFiles returns what tenants have published by the keys that ceiling.csv of a policy names.
// Those that have published nothing are left out: followers close them. The error is that of a
// Redis that does not answer.
func (r *Reader) TenantFiles(ctx context.Context, b *policy.Bundle) (map[tenant.ID]TenantFile, error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	files := map[tenant.ID]TenantFile{}
	for id, trusted := range b.TenantKeys() {
		f, there, err := r.tenantFile(ctx, id, trusted)
		if err != nil {
			return nil, err
		}
		if there {
			files[id] = f
		}
	}
	return files, nil
}

// tenantTries is how often a record and its rows are read that do not go together, since a tenant may
// publish meanwhile.
const tenantTries = 3

func (r *Reader) tenantFile(ctx context.Context, id tenant.ID, trusted []ed25519.PublicKey) (f TenantFile, there bool, err error) {
	for range tenantTries {
		text, err := r.config.Client.HGet(ctx, r.keys.tenant(id), "record").Result()
		if errors.Is(err, redis.Nil) {
			return TenantFile{}, false, nil
		}
		if err != nil {
			return TenantFile{}, false, unanswered(err, r.access())
		}
		record, err := parseTenantRecord(r.config.Name, id, text, trusted)
		if err != nil {
			return TenantFile{Err: err}, true, nil
		}
		size, err := r.config.Client.HStrLen(ctx, r.keys.tenant(id), "rows").Result()
		if err != nil {
			return TenantFile{}, false, unanswered(err, r.access())
		}
		if record.Size > defaultMaxTenantSize || size > defaultMaxTenantSize {
			return TenantFile{Err: fmt.Errorf("%w: %d bytes of the tenant %s, at most %d are allowed", ErrTooLarge, max(int64(record.Size), size), id, defaultMaxTenantSize)}, true, nil
		}
		rows, err := r.config.Client.HGet(ctx, r.keys.tenant(id), "rows").Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return TenantFile{}, false, unanswered(err, r.access())
		}
		if f = (TenantFile{TenantPublication: record.TenantPublication, Rows: rows}); record.check(rows) == nil {
			return f, true, nil
		}
		f = TenantFile{Err: record.check(rows)}
	}
	return f, true, nil
}
