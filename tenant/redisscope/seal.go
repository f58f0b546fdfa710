package redisscope

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
)

const (
	sealVersion = 1
	sealHeader  = 1 + sha256.Size
	minKey      = 32
)

// macKey is derived from a key of the service. A function shows it to no printer.
type macKey func() []byte

func macKeys(keys []Key, problems *configerr.Problems) []macKey {
	var macs []macKey
	for i, key := range keys {
		if configerr.IsNil(key) || len(key.Bytes()) < minKey {
			problems.Add(fmt.Sprintf("SealKeys[%d]", i), "fewer than %d bytes", minKey)
			continue
		}
		derived := sum(key.Bytes(), []byte("reeve redisscope value"))
		macs = append(macs, func() []byte { return derived })
	}
	if len(keys) == 0 {
		problems.Add("SealKeys", "required")
	}
	return macs
}

func sum(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}

// Seal returns value with the tenant of ctx and the key, authenticated. It does not hide the
// value. The key must be the tenant's.
func (c *Client) Seal(ctx context.Context, key string, value []byte) ([]byte, error) {
	id, err := c.own(ctx, key)
	if err != nil {
		return nil, err
	}
	body := binary.AppendUvarint(nil, uint64(len(id.String())))
	body = append(body, id.String()...)
	body = binary.AppendUvarint(body, uint64(len(key)))
	body = append(append(body, key...), value...)
	return append(append([]byte{sealVersion}, sum(c.macs[0](), body)...), body...), nil
}

// Open returns the value that was sealed for the tenant of ctx and the key. For any other text
// it returns [redis.Nil], as for a key that is not there, counts it and calls
// [Config.OnMismatch].
func (c *Client) Open(ctx context.Context, key string, sealed []byte) ([]byte, error) {
	id, err := c.own(ctx, key)
	if err != nil {
		return nil, err
	}
	body, ours := c.verified(sealed)
	if ours {
		gotTenant, rest, ok1 := cut(body)
		gotKey, value, ok2 := cut(rest)
		if ok1 && ok2 && gotTenant == id.String() && gotKey == key {
			return value, nil
		}
	}
	c.mismatches.Add(1)
	if c.cfg.OnMismatch != nil {
		c.cfg.OnMismatch(Mismatch{Tenant: id, Key: key, Sealed: ours})
	}
	return nil, redis.Nil
}

func (c *Client) own(ctx context.Context, key string) (tenant.ID, error) {
	id, err := tenant.Require(ctx)
	if err != nil {
		return tenant.ID{}, err
	}
	if !owns(id, key) {
		return tenant.ID{}, c.guard.refuse("a key is not the tenant's")
	}
	return id, nil
}

func (c *Client) verified(sealed []byte) ([]byte, bool) {
	if len(sealed) < sealHeader || sealed[0] != sealVersion {
		return nil, false
	}
	body := sealed[sealHeader:]
	for _, mac := range c.macs {
		if hmac.Equal(sealed[1:sealHeader], sum(mac(), body)) {
			return body, true
		}
	}
	return nil, false
}

func cut(b []byte) (string, []byte, bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return "", nil, false
	}
	return string(b[w : w+int(n)]), b[w+int(n):], true
}

// SetSealed stores a value under a key of the tenant. A ttl of 0 keeps it for ever.
func (c *Client) SetSealed(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	sealed, err := c.Seal(ctx, key, value)
	if err != nil {
		return err
	}
	return c.scoped.Set(ctx, key, sealed, ttl).Err()
}

// GetSealed returns what [Client.SetSealed] stored under the key, or [redis.Nil].
func (c *Client) GetSealed(ctx context.Context, key string) ([]byte, error) {
	sealed, err := c.scoped.Get(ctx, key).Bytes()
	if err != nil {
		return nil, err
	}
	return c.Open(ctx, key, sealed)
}
