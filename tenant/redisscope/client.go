package redisscope

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
)

// ErrRefused means that a command was not sent: it names a key outside the tenant's prefix, or
// is none of those that stay within keys that they name.
var ErrRefused = errors.New("redisscope: command refused")

// Key is a secret key; session.SecretKey is one.
type Key interface{ Bytes() []byte }

// Config configures a [Client].
type Config struct {
	// Client has the connections: of one server, or of those behind Sentinel. Required. It is
	// not changed, stays unscoped for others, and is closed by its owner. Its ReadTimeout is
	// the scoped one's for writes too.
	Client *redis.Client

	// SealKeys authenticate values, each 32 random bytes or more. Required. The first seals,
	// all of them open: to rotate, add the new key at the end in every process, then move it
	// to the front, and drop the old one when its values have expired.
	SealKeys []Key

	// Statuses is asked before a tenant is erased: a session.Manager or a session store.
	// Required.
	Statuses tenant.Statuses

	// Scripts are the Lua texts that EVAL and EVALSHA may run. A script can reach every key
	// whatever it declares, so only texts that the service wrote belong here. Default: none.
	Scripts []string

	// OnMismatch is called when a value came back that was stored for another key or tenant,
	// or by nobody who has the keys. It is for logs and alarms and must return at once. Optional.
	OnMismatch func(Mismatch)
}

// Mismatch is a value that was not given to the caller.
type Mismatch struct {
	Tenant tenant.ID // that asked
	Key    string    // for what
	Sealed bool      // whether the value is one of ours, for another key or tenant
}

// cmdable hides the client below, whose other methods are not scoped.
type cmdable = redis.Cmdable

// Client has the commands of go-redis, for the keys of the tenant in their context. It is safe
// for concurrent use.
type Client struct {
	cmdable
	scoped *redis.Client
	plain  *redis.Client
	cfg    Config
	macs   []macKey
	guard  *guard

	mismatches, foreign atomic.Uint64
}

// New returns a client that shares the connections of cfg.Client.
func New(cfg Config) (*Client, error) {
	var problems configerr.Problems
	problems.Require("Client", cfg.Client, "")
	problems.Require("Statuses", cfg.Statuses, "")
	macs := macKeys(cfg.SealKeys, &problems)
	if err := problems.Err("redisscope", nil); err != nil {
		return nil, err
	}
	g := &guard{scripts: scriptsOf(cfg.Scripts)}
	cfg.SealKeys = nil
	scoped := cfg.Client.WithTimeout(cfg.Client.Options().ReadTimeout)
	scoped.AddHook(g)
	return &Client{cmdable: scoped, scoped: scoped, plain: cfg.Client, cfg: cfg, macs: macs, guard: g}, nil
}

// Do sends a command of any name, if it is in the table.
func (c *Client) Do(ctx context.Context, args ...any) *redis.Cmd { return c.scoped.Do(ctx, args...) }

// Process sends a command of any type, if it is in the table.
func (c *Client) Process(ctx context.Context, cmd redis.Cmder) error {
	return c.scoped.Process(ctx, cmd)
}

// Watch runs fn in an optimistic transaction. The commands of the Tx are scoped too.
func (c *Client) Watch(ctx context.Context, fn func(*redis.Tx) error, keys ...string) error {
	return c.scoped.Watch(ctx, fn, keys...)
}

// Key returns the key of that name for the tenant of ctx: "t:{acme}:basket:7". The braces are a
// hash tag, so that all keys of a tenant are in one slot of a cluster.
func (c *Client) Key(ctx context.Context, name string) (string, error) {
	id, err := tenant.Require(ctx)
	if err != nil {
		return "", err
	}
	if name == "" {
		return "", fmt.Errorf("%w: a key without a name", ErrRefused)
	}
	return prefix(id) + name, nil
}

// prefix begins the keys of a tenant and of no other: an id has neither braces nor colons.
func prefix(id tenant.ID) string { return "t:{" + id.String() + "}:" }

func owns(id tenant.ID, key string) bool {
	p := prefix(id)
	return len(key) > len(p) && strings.HasPrefix(key, p)
}

// Stats are counts of a [Client].
type Stats struct {
	Refused    uint64 // commands that were not sent
	Mismatches uint64 // values that were stored for another key or tenant, or by others
	Foreign    uint64 // keys and messages of others that a server showed and no caller saw
}

// Stats returns the counts. All should stay zero.
func (c *Client) Stats() Stats {
	return Stats{c.guard.refused.Load(), c.mismatches.Load(), c.foreign.Load()}
}
