// Package redisstore keeps sessions in Redis 7.0 or later: one server, Sentinel or
// Cluster, with one layout and no module.
//
//	store, err := redisstore.Open("redis://127.0.0.1:6379", redisstore.Config{
//		NameKey:  nameKey,                       // 32 bytes, for ever
//		SealKeys: []session.SecretKey{sealKey}, // 32 bytes, may rotate
//	})
//	defer store.Close()
//
// For most uses [Open] with a URL is enough. For Sentinel, Cluster or settings of one's own give a
// client to [New].
//
// Each change is one Lua script, so a session that was revoked is never brought back by a
// write that was under way. Revoking a user, a tenant or everyone moves one epoch on,
// however many sessions there are.
//
// # What Redis must keep
//
// A lost key of a session, user or tenant never lets anyone in: without its epochs, or when the
// index of its user does not list it, a session is dead. Other keys are lost to more harm, see
// below. And Redis brings back what it forgets. A server that
// restarts from an old snapshot, or a replica that is promoted before it heard of the last
// changes, has the state of that moment again.
//
// So each Store remembers the newest it has read or written, answers by it whatever Redis says,
// and puts it back when Redis is behind:
//
//   - the highest epochs of everyone, of tenants and of users, and the latest status of tenants,
//     whose version only grows, are put back;
//   - a session in an earlier version, one that was ended, and one of another history is dead, and
//     is ended with an event, [session.EventStoreBehind]; nothing is made from memory;
//   - a refresh family that has taken fewer steps than are remembered, or than a client proves by
//     its token, takes none any more: session.ErrUnavailable for session.BehindLimit, then the
//     session ends with that event.
//
// Changes of one user are put back when the user's sessions are next read, and all of it as soon as
// the Store meets a server whose replication has another id, as a promoted replica and a restarted
// server have: at the next heartbeat of its [Feed], or within a second while it loads sessions.
// After a loss of keys, see below, it does so again. One instance that knows is enough for all;
// until then those that know nothing answer as Redis does.
//
// The memory is bounded: the latest 8,192 tenants, 16,384 revoked users, 16,384 other users, 32,768
// sessions that the instance has changed or ended and 16,384 that it has read after a change; a
// change takes about 320 bytes and everything at most 40 MB. Each user has a share of 32 sessions
// in each kind. A user over the share is remembered by the last change alone: when Redis does not
// know of it, all of the user's sessions end. Nothing is remembered after the process ends.
//
// With Config.WaitReplicas a change returns only when replicas have it. Beyond that, run Redis
// with appendonly yes and appendfsync always, set min-replicas-to-write as far as it matters, and
// use maxmemory-policy noeviction: one that can evict sessions or epochs is refused by
// [Store.Ping], also when it is set later, unless Config.InsecureAllowEviction accepts it. Where
// no maxmemory is set it evicts nothing, and is only logged.
//
// A change that a dead network delivers late loses to those acknowledged since: each change is made
// over the version or the epoch that it was made from, or carries a deadline by Redis's clock, half
// a second after its budget.
//
// # When Redis loses keys
//
// A DPoP proof or a logout token, which may be used once, can be used twice when Redis forgets it;
// a cache goes on serving what is gone; and the status of a tenant is unknown. So an instance asks
// its server, at most once in a second and at the latest when something is decided by it, whether
// it was flushed, has restarted, gave way to a replica, or evicted keys (INFO, and a key of our own
// that is gone with the others). After such a loss a [Replay] fails with session.ErrUnavailable for
// as long as a proof lives, caches start anew within the second, remembered revocations,
// suspensions, blocks and sign-ins at providers are put back, and [Config].Logger and
// [Store.Server] tell. The loss is noted in Redis by its clock, and so known to instances that
// start later. On a cluster each master is asked, and a loss of one counts for all. Three gaps
// remain: the second until it is seen; keys of ours that somebody deletes one by one; and a flush
// or an empty restart of which no instance is left that knew the data: Redis is then as good as
// new. It closes with appendonly yes, and with one instance that runs on. On a cluster, a slot of
// ours that moves may count as a loss.
//
// An unknown tenant is not one about which nobody has decided yet: keep in your own database which
// tenants you have set up, and let an operator decide about one whose status is gone.
//
// # Access lists
//
// [Store.AccessList] prints the permissions that the user of Redis needs, exactly. A service calls
// [Store.Ping] when it starts, which names what the user lacks: [ErrMisconfigured].
//
// # What Redis learns
//
// Key names are keyed digests and records are sealed with AES-256-GCM, bound to their key
// and version: somebody who reads Redis learns no id, role or attribute, and somebody who
// writes to it can end sessions and put back what was there before, so undo a revocation,
// but not make a session, change one or give one to another user.
//
// # Several instances, and outages
//
// Each load asks Redis. A cachestore.Store on the store's [Feed] answers most of them from
// memory and still hears of every change at once. When Redis does not answer, a breaker
// fails calls at once and tells when Redis is back: see [Store.Stats]. While a cluster moves
// a slot from one master to another, calls for its users wait, within their budget.
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/session"
)

// maxLifetime bounds lifetimes, so that times in microseconds stay exact in Lua.
const maxLifetime = 10 * 365 * 24 * time.Hour

// epochSlack is how much longer than its sessions a user's epoch is kept.
const epochSlack = time.Hour

// Store is a [session.Store] in Redis. It is safe for concurrent use.
type Store struct {
	client  *breakerClient
	owned   bool // the client was made by Open
	names   names
	sealer  sealer
	reasons sealer // of impersonations, in events
	timeout time.Duration
	memory  *memory
	loads   *loads
	apart   atomic.Bool // a script sees only the keys of one slot

	reassert reassertion
	clock    clock
	losses   *losses

	allowEviction bool
	logger        *slog.Logger

	replicas int           // that must have a change before it returns
	wait     time.Duration // for them
}

var _ session.Store = (*Store)(nil)

// New returns a store that uses a client of the caller, who closes it. It refuses a client
// whose calls could hang or be answered by a replica or a cache, and says why. Nothing is
// sent.
func New(client redis.UniversalClient, cfg Config) (*Store, error) {
	cfg, invalid := cfg.complete()
	var problems configerr.Problems
	problems.Within("", invalid)
	checkClient(&problems, client)
	err := problems.Err("redisstore", nil)
	if err != nil {
		return nil, err
	}
	s := &Store{client: newBreakerClient(client, cfg), timeout: cfg.Timeout, memory: newMemory(), replicas: cfg.WaitReplicas, wait: waitFor(client, cfg.Timeout)}
	if s.names, err = newNames(cfg.Prefix, cfg.NameKey); err != nil {
		return nil, fmt.Errorf("redisstore: invalid config: NameKey: %w", err)
	}
	if s.reasons, err = newSealer(cfg.NameKey); err != nil {
		return nil, fmt.Errorf("redisstore: invalid config: NameKey: %w", err)
	}
	if s.sealer, err = newSealer(cfg.SealKeys...); err != nil {
		return nil, fmt.Errorf("redisstore: invalid config: SealKeys: %w", err)
	}
	s.clock.began = time.Now()
	s.loads = newLoads(s.client, cfg.Timeout)
	s.reassert.synced.limit, s.reassert.asked.limit = keepServers, keepServers
	_, cluster := client.(*redis.ClusterClient)
	s.reassert.one = !cluster
	s.apart.Store(cluster)
	s.losses, s.allowEviction, s.logger = newLosses(), cfg.InsecureAllowEviction, cfg.Logger
	s.reassert.ctx, s.reassert.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Open returns a store with a client of its own for a redis:// or rediss:// URL, set up
// so that no call outlasts its budget. Nothing is sent; see [Store.Ping]. Parameters in
// the URL are refused: a service that needs others makes the client and calls [New].
//
// During an outage go-redis writes lines of its own to standard error, by the one logger it
// has for a process: logging.Disable, of github.com/redis/go-redis/v9/logging, silences it,
// and Config.OnBreaker says the same in two.
func Open(url string, cfg Config) (*Store, error) {
	cfg, invalid := cfg.complete()
	client, err := openClient(url, cfg.Timeout)
	if invalid != nil || err != nil {
		var problems configerr.Problems
		problems.Within("", invalid)
		if err != nil {
			problems.Add("url", "%w", err)
		}
		return nil, problems.Err("redisstore", nil)
	}
	s, err := New(client, cfg)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	s.owned = true
	return s, nil
}

// Close ends what runs in the background, which is something only during an outage and after
// a failover, and closes the client if [Open] made it.
func (s *Store) Close() error {
	s.reassert.close()
	s.loads.close()
	s.losses.close()
	s.client.breaker.close()
	if !s.owned {
		return nil
	}
	return s.client.raw.Close()
}

// errBudget is the cause of a context that ended with the budget of its call.
var errBudget = errors.New("the budget of the call is spent")

// untimed is a context that ends like another one, or at its own deadline. That of a request is
// one. Where the budget ends earlier, its timer is not needed.
type untimed interface{ Untimed() context.Context }

// within bounds a call by the budget.
func (s *Store) within(ctx context.Context) (context.Context, context.CancelFunc) {
	at := time.Now().Add(s.timeout)
	if u, ok := ctx.(untimed); ok && ctx.Err() == nil {
		if latest, ok := ctx.Deadline(); ok && at.Before(latest) {
			ctx = u.Untimed()
		}
	}
	return context.WithDeadlineCause(ctx, at, errBudget)
}

// wrap says what the store was doing.
func wrap(op string, err error) error { return fmt.Errorf("redisstore: %s: %w", op, err) }

// run runs a script that writes.
func (s *Store) run(ctx context.Context, sc script, keys []string, args ...any) (any, error) {
	v, err := run(ctx, s.client, sc, keys, args...)
	if err != nil {
		return nil, failed(err)
	}
	return v, nil
}

// expect runs a script that has one answer, ok.
func (s *Store) expect(ctx context.Context, sc script, keys []string, args ...any) error {
	v, err := s.run(ctx, sc, keys, args...)
	if err == nil && v != "ok" {
		err = fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	return err
}
