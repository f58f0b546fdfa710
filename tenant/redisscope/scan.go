package redisscope

import (
	"context"
	"fmt"
	"iter"

	"github.com/reevehq/reeve/tenant"
)

const scanCount = 500

// ScanKeys walks the keys of the tenant whose names match a pattern of Redis, "*" for all. A key
// may come twice. After an error nothing more comes.
func (c *Client) ScanKeys(ctx context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		id, err := tenant.Require(ctx)
		if err != nil {
			yield("", err)
			return
		}
		for cursor := uint64(0); ; {
			// No byte of the prefix means something in a pattern.
			keys, next, err := c.plain.Scan(ctx, cursor, prefix(id)+pattern, scanCount).Result()
			if err != nil {
				yield("", err)
				return
			}
			for _, key := range keys {
				if !owns(id, key) {
					c.foreign.Add(1)
					continue
				}
				if !yield(key, nil) {
					return
				}
			}
			if cursor = next; cursor == 0 {
				return
			}
		}
	}
}

// Delete deletes the keys of the tenant whose names match a pattern, such as those of one user,
// and returns how many there were.
func (c *Client) Delete(ctx context.Context, pattern string) (int64, error) {
	var deleted int64
	var batch []string
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		n, err := c.scoped.Unlink(ctx, batch...).Result()
		deleted, batch = deleted+n, batch[:0]
		return err
	}
	for key, err := range c.ScanKeys(ctx, pattern) {
		if err != nil {
			return deleted, err
		}
		if batch = append(batch, key); len(batch) == scanCount {
			if err := flush(); err != nil {
				return deleted, err
			}
		}
	}
	return deleted, flush()
}

// Erase deletes all keys of a tenant, which must not be active, and returns how many there were.
// When it fails it can be called again.
func (c *Client) Erase(ctx context.Context, id tenant.ID) (int64, error) {
	bound, err := tenant.BindUnchecked(ctx, id)
	if err != nil {
		return 0, err
	}
	status, err := c.cfg.Statuses.TenantStatus(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("redisscope: status of %s: %w", id, err)
	}
	if status == tenant.Active {
		return 0, fmt.Errorf("%w: the tenant %s is active", ErrRefused, id)
	}
	return c.Delete(bound, "*")
}
