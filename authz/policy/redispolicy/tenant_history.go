package redispolicy

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// TenantHistoryLength is how many versions of a tenant's own rows Redis keeps beside the one that is
// published.
const TenantHistoryLength = 5

// History returns the rows that are published and those before them, newest first. Going back is
// [TenantPublisher.PublishTenant] of older rows: they get a new sequence. Versions that neither the key
// nor one of Trusted signed are left out, and the error then wraps [ErrUntrusted]; one whose rows are
// lost or too large has an Err. Somebody who may write to Redis can take versions away.
func (p *TenantPublisher) History(ctx context.Context) ([]TenantFile, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	return tenantHistory{p.config.Name, p.config.Tenant, p.trusted, p.config.MaxSize, func(field string) (string, error) { return p.field(ctx, field) }}.read()
}

// TenantHistory is [TenantPublisher.History] of a tenant of a policy, by the keys that its ceiling.csv
// names.
func (r *Reader) TenantHistory(ctx context.Context, b *policy.Bundle, id tenant.ID) ([]TenantFile, error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	return tenantHistory{r.config.Name, id, b.TenantKeys()[id], defaultMaxTenantSize, func(field string) (string, error) {
		text, err := r.config.Client.HGet(ctx, r.keys.tenant(id), field).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return "", unanswered(err, r.access())
		}
		return text, nil
	}}.read()
}

// tenantHistory reads the versions of one tenant's rows.
type tenantHistory struct {
	name    string
	id      tenant.ID
	trusted []ed25519.PublicKey
	maxSize int
	field   func(name string) (string, error) // "" for none
}

func (h tenantHistory) read() (all []TenantFile, err error) {
	var untrusted error
	for slot := -1; slot < TenantHistoryLength; slot++ {
		end := "" // of the published one
		if slot >= 0 {
			end = "." + strconv.Itoa(slot)
		}
		text, err := h.field("record" + end)
		if err != nil {
			return nil, err
		}
		if text == "" {
			continue
		}
		r, err := parseTenantRecord(h.name, h.id, text, h.trusted)
		if err != nil {
			untrusted = err
			continue
		}
		f := TenantFile{TenantPublication: r.TenantPublication}
		if r.Size > h.maxSize {
			f.Err = fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, r.Size, h.maxSize)
		} else if f.Rows, err = h.field("rows" + end); err != nil {
			return nil, err
		} else if f.Err = r.check(f.Rows); f.Err != nil {
			f.Rows = ""
		}
		all = append(all, f)
	}
	// A publication while this reads, and somebody who writes to Redis, leave one in two places: whole
	// rows count.
	slices.SortStableFunc(all, func(a, b TenantFile) int {
		return cmp.Or(cmp.Compare(b.Sequence, a.Sequence), cmp.Compare(faulty(a), faulty(b)))
	})
	return slices.CompactFunc(all, func(a, b TenantFile) bool { return a.Sequence == b.Sequence }), untrusted
}

func faulty(f TenantFile) int {
	if f.Err != nil {
		return 1
	}
	return 0
}
