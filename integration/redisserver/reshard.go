//go:build unix

package redisserver

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// moveTimeout is how long the move of a slot may take, on a busy machine too.
const moveTimeout = 60 * time.Second

// SlotRest is how long a slot rests at least before it moves again, so that it comes round
// three masters in more time than a client waits for an answer. One that was told ASK and
// comes late would otherwise find the slot on its way to the same master again, and make a
// key there that the slot has already.
const SlotRest = 500 * time.Millisecond

// MoveSlot moves one slot of a cluster and its keys from the master that has it to the next
// one, as redis-cli --cluster reshard does: clients meet MOVED, ASK and TRYAGAIN. One slot
// moves at a time. After an error the slot may be between two masters, and then it answers
// few of its clients.
func MoveSlot(ctx context.Context, addrs []string, slot int) error {
	finish, err := BeginMove(ctx, addrs, slot, 0)
	if err != nil {
		return err
	}
	return finish(ctx)
}

// BeginMove begins what MoveSlot does and stops when so many keys have moved. The function
// that it returns does the rest.
func BeginMove(ctx context.Context, addrs []string, slot, keys int) (finish func(ctx context.Context) error, err error) {
	ctx, cancel := context.WithTimeout(ctx, moveTimeout)
	defer cancel()
	all, err := openMasters(ctx, addrs)
	defer func() {
		if err != nil {
			all.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	from, err := all.owner(ctx, slot)
	if err != nil {
		return nil, err
	}
	to := (from + 1) % len(all)
	if err := all[to].do(ctx, "cluster", "setslot", slot, "importing", all[from].id); err != nil {
		return nil, err
	}
	if err := all[from].do(ctx, "cluster", "setslot", slot, "migrating", all[to].id); err != nil {
		return nil, err
	}
	if keys > 0 {
		if _, err := migrate(ctx, all[from], all[to], slot, keys, false); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error {
		defer all.close()
		ctx, cancel := context.WithTimeout(ctx, moveTimeout)
		defer cancel()
		return all.finish(ctx, from, to, slot)
	}, nil
}

func (ms masters) finish(ctx context.Context, from, to, slot int) error {
	for lost := 0; ; {
		n, err := migrate(ctx, ms[from], ms[to], slot, 100, lost > 0)
		if err == nil && n == 0 {
			break
		}
		if err == nil {
			continue
		}
		if lost++; lost > 5 || !strings.Contains(err.Error(), "IOERR") {
			return err
		}
	}
	for i := range ms { // the new master first
		if err := ms[(to+i)%len(ms)].do(ctx, "cluster", "setslot", slot, "node", ms[to].id); err != nil {
			return err
		}
	}
	return ms.agree(ctx, to)
}

// migrate moves up to so many keys of a slot and returns how many there were. A key whose
// answer was lost is on both masters: clients are answered from the first one, so that its
// value may replace the other.
func migrate(ctx context.Context, from, to master, slot, limit int, replace bool) (int, error) {
	keys, err := from.client.ClusterGetKeysInSlot(ctx, slot, limit).Result()
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	host, port, _ := net.SplitHostPort(to.addr)
	args := []any{"migrate", host, port, "", 0, 5000}
	if replace {
		args = append(args, "replace")
	}
	args = append(args, "keys")
	for _, key := range keys {
		args = append(args, key)
	}
	return len(keys), from.do(ctx, args...)
}

// ClusterView returns what each master says of the others and of slots under way.
func ClusterView(ctx context.Context, addrs []string) string {
	var view strings.Builder
	for _, addr := range addrs {
		client := newMaster(addr).client
		nodes, err := client.ClusterNodes(ctx).Result()
		fmt.Fprintf(&view, "%s: %v\n%s", addr, err, nodes)
		_ = client.Close()
	}
	return view.String()
}

// master is one master of a cluster.
type master struct {
	addr, id string
	client   *redis.Client
}

func newMaster(addr string) master {
	return master{addr: addr, client: redis.NewClient(&redis.Options{
		Addr: addr, MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: startTimeout, ReadTimeout: startTimeout,
	})}
}

func (m master) do(ctx context.Context, args ...any) error {
	if err := m.client.Do(ctx, args...).Err(); err != nil {
		return m.failed(fmt.Errorf("%v %v: %w", args[0], args[1], err))
	}
	return nil
}

func (m master) failed(err error) error { return fmt.Errorf("redisserver: %s: %w", m.addr, err) }

type masters []master

// openMasters returns also those that it has opened before an error.
func openMasters(ctx context.Context, addrs []string) (masters, error) {
	var opened masters
	for _, addr := range addrs {
		m := newMaster(addr)
		opened = append(opened, m)
		id, err := m.client.Do(ctx, "cluster", "myid").Text()
		if err != nil {
			return opened, m.failed(err)
		}
		opened[len(opened)-1].id = id
	}
	return opened, nil
}

func (ms masters) close() {
	for _, m := range ms {
		_ = m.client.Close()
	}
}

// owner returns the one that says that the slot is its own.
func (ms masters) owner(ctx context.Context, slot int) (int, error) {
	owner := -1
	for i, m := range ms {
		shards, err := m.client.ClusterShards(ctx).Result()
		if err != nil {
			return 0, m.failed(err)
		}
		for _, s := range shards {
			has := slices.ContainsFunc(s.Slots, func(r redis.SlotRange) bool {
				return r.Start <= int64(slot) && int64(slot) <= r.End
			})
			if !has || len(s.Nodes) == 0 || s.Nodes[0].ID != m.id {
				continue
			}
			if owner >= 0 {
				return 0, fmt.Errorf("redisserver: slot %d is of %s and of %s", slot, ms[owner].addr, m.addr)
			}
			owner = i
		}
	}
	if owner < 0 {
		return 0, fmt.Errorf("redisserver: nobody has slot %d", slot)
	}
	return owner, nil
}

// agree waits until all masters have heard of the epoch that one has taken with its new
// slot. A move before that could give another one the same epoch; the two are then told
// apart by raising one, and a claim that was out of date wins over the one that is right.
func (ms masters) agree(ctx context.Context, on int) error {
	for {
		heard := 0
		var want uint64
		for i := range ms {
			m := ms[(on+i)%len(ms)] // the one that knows first
			epoch, err := m.epochOf(ctx, ms[on].id)
			if err != nil {
				return err
			}
			if i == 0 {
				want = epoch
			}
			if epoch == want {
				heard++
			}
		}
		if heard == len(ms) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("redisserver: the masters do not agree: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// epochOf returns the epoch under which another master holds its slots, as this one knows.
func (m master) epochOf(ctx context.Context, id string) (uint64, error) {
	nodes, err := m.client.ClusterNodes(ctx).Result()
	if err != nil {
		return 0, m.failed(err)
	}
	for line := range strings.Lines(nodes) {
		if f := strings.Fields(line); len(f) >= 8 && f[0] == id {
			return strconv.ParseUint(f[6], 10, 64)
		}
	}
	return 0, m.failed(fmt.Errorf("does not know %s", id))
}
