//go:build unix

package redisserver

import (
	"context"
	"fmt"
	"net"
	"slices"

	"github.com/redis/go-redis/v9"
)

// MoveSlot moves one slot of a cluster and its keys from the master that has it to the next
// one, as redis-cli --cluster reshard does: clients meet MOVED, ASK and TRYAGAIN.
func MoveSlot(ctx context.Context, addrs []string, slot int) error {
	var clients []*redis.Client
	var ids []string
	owner := -1
	for i, addr := range addrs {
		client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
		defer client.Close()
		id, err := client.Do(ctx, "cluster", "myid").Text()
		if err != nil {
			return fmt.Errorf("redisserver: %w", err)
		}
		clients, ids = append(clients, client), append(ids, id)
		// Only the master of a slot counts keys in it without an error to follow.
		shards, err := client.ClusterShards(ctx).Result()
		if err != nil {
			return fmt.Errorf("redisserver: %w", err)
		}
		for _, s := range shards {
			has := slices.ContainsFunc(s.Slots, func(r redis.SlotRange) bool {
				return r.Start <= int64(slot) && int64(slot) <= r.End
			})
			if has && len(s.Nodes) > 0 && s.Nodes[0].ID == id {
				owner = i
			}
		}
	}
	if owner < 0 {
		return fmt.Errorf("redisserver: nobody has slot %d", slot)
	}
	to := (owner + 1) % len(addrs)
	host, port, _ := net.SplitHostPort(addrs[to])
	if err := clients[to].Do(ctx, "cluster", "setslot", slot, "importing", ids[owner]).Err(); err != nil {
		return fmt.Errorf("redisserver: %w", err)
	}
	if err := clients[owner].Do(ctx, "cluster", "setslot", slot, "migrating", ids[to]).Err(); err != nil {
		return fmt.Errorf("redisserver: %w", err)
	}
	for {
		keys, err := clients[owner].ClusterGetKeysInSlot(ctx, slot, 100).Result()
		if err != nil {
			return fmt.Errorf("redisserver: %w", err)
		}
		if len(keys) == 0 {
			break
		}
		args := []any{"migrate", host, port, "", 0, 5000, "keys"}
		for _, key := range keys {
			args = append(args, key)
		}
		if err := clients[owner].Do(ctx, args...).Err(); err != nil {
			return fmt.Errorf("redisserver: %w", err)
		}
	}
	for i := range clients { // the new master first
		at := (to + i) % len(clients)
		if err := clients[at].Do(ctx, "cluster", "setslot", slot, "node", ids[to]).Err(); err != nil {
			return fmt.Errorf("redisserver: %w", err)
		}
	}
	return nil
}
