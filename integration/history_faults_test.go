//go:build unix

package integration_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/history"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session/redisstore"
)

// trials are the faults of which the documentation has a table.
var trials = []trial{
	{name: "none", fault: func(s *site, _ int) { s.goOn(time.Second) }},
	{name: "SIGSTOP for 2 s", fault: hung(2 * time.Second)},
	{name: "SIGSTOP for 0.4 s, again and again", fault: func(s *site, _ int) {
		for range 4 {
			s.broken(400*time.Millisecond, s.servers[0].Freeze, s.servers[0].Thaw)
			s.goOn(300 * time.Millisecond)
		}
	}},
	{name: "kill -9, AOF always", fault: killed(0)},
	{name: "kill -9, AOF everysec", plan: plan{args: []string{"--appendfsync", "everysec"}}, fault: killed(3 * time.Second)},
	{name: "kill -9, memory only", plan: plan{args: notOnDisk}, fault: func(s *site, _ int) {
		s.empty(func() { s.servers[0].Kill(); s.servers[0].Restart() })
	}},
	{name: "kill -9, old RDB file", plan: plan{args: notOnDisk}, fault: func(s *site, round int) { oldFile(s, 0, round) }},
	{name: "kill -9, old AOF file", fault: oldAOF},
	{name: "lossy failover", plan: plan{kind: "pair"}, fault: failover},
	{name: "lossy failover, WaitReplicas 1", plan: plan{kind: "pair", options: func(o *redisstore.Config) { o.WaitReplicas = 1 }}, fault: failover, kept: true},
	{name: "Sentinel, primary killed", plan: plan{kind: "sentinel"}, fault: sentinelKilled, once: true},
	{name: "Sentinel, primary hangs", plan: plan{kind: "sentinel"}, fault: sentinelHung, once: true},
	{name: "cluster, a master hangs", plan: plan{kind: "cluster", args: notOnDisk}, fault: func(s *site, _ int) {
		s.broken(2*time.Second, s.servers[0].Freeze, s.servers[0].Thaw)
	}},
	{name: "cluster, a master killed, AOF always", plan: plan{kind: "cluster"}, fault: killed(0)},
	{name: "cluster, a master from an old file", plan: plan{kind: "cluster", args: notOnDisk}, fault: func(s *site, round int) {
		oldFile(s, round%len(s.servers), round)
	}},
	{name: "FLUSHALL", fault: flushed},
	{name: "allkeys-lru and other data", fault: evicted},
	{name: "maxmemory, noeviction", fault: outOfMemory},
	{name: "CLIENT KILL normal", fault: clientsKilled("normal", 5)},
	{name: "CLIENT KILL pubsub", fault: clientsKilled("pubsub", 10)},
	{name: "CLIENT KILL replica", plan: plan{kind: "pair"}, fault: clientsKilled("replica", 5)},
	{name: "CLIENT PAUSE 2 s", fault: paused("ALL")},
	{name: "CLIENT PAUSE 2 s, writes", fault: paused("WRITE")},
	{name: "an instance 40 ms away", fault: away(40 * time.Millisecond)},
	{name: "an instance 400 ms away", fault: away(400 * time.Millisecond)},
	{name: "an instance in a black hole", fault: blackHole},
	{name: "an instance that gets no answers", fault: muted},
	{name: "an instance with half-open connections", fault: halfOpen},
	{name: "an instance's address leads to a replica", plan: plan{kind: "pair"}, fault: atReplica},
}

// storm is all of them, in an order of chance.
func storm() trial {
	kinds := []struct {
		name  string
		fault func(s *site, round int)
	}{
		{"SIGSTOP", hung(2 * time.Second)}, {"SIGSTOP, short", hung(400 * time.Millisecond)}, {"kill -9", killed(0)}, {"old file", oldAOF},
		{"failover", failover}, {"FLUSHALL", flushed}, {"eviction", evicted}, {"out of memory", outOfMemory},
		{"CLIENT KILL normal", clientsKilled("normal", 5)}, {"CLIENT KILL pubsub", clientsKilled("pubsub", 5)},
		{"CLIENT KILL replica", clientsKilled("replica", 5)}, {"PAUSE", paused("ALL")}, {"PAUSE of writes", paused("WRITE")},
		{"40 ms", away(40 * time.Millisecond)}, {"400 ms", away(400 * time.Millisecond)}, {"black hole", blackHole},
		{"no answers", muted}, {"half open", halfOpen}, {"replica's address", atReplica},
	}
	var order []int
	return trial{name: "a storm of all of them", plan: plan{kind: "pair"}, least: 2 * len(kinds), fault: func(s *site, round int) {
		if len(order) == 0 {
			order = rand.Perm(len(kinds))
		}
		s.tb.Logf("%v: %s", s.log.Now().Round(time.Millisecond), kinds[order[0]].name)
		kinds[order[0]].fault(s, round)
		order = order[1:]
		s.isServed()
	}}
}

func hung(lasts time.Duration) func(s *site, round int) {
	return func(s *site, _ int) { s.cut("", lasts, s.servers[0].Freeze, s.servers[0].Thaw) }
}

// killed is for a server that may lose what it acknowledged in the time before.
func killed(loss time.Duration) func(s *site, round int) {
	return func(s *site, _ int) {
		if loss > 0 {
			s.fallBack(s.log.Now()-loss, false, func() { s.servers[0].Kill(); s.servers[0].Restart() })
			return
		}
		s.broken(300*time.Millisecond, s.servers[0].Kill, s.servers[0].Restart)
		s.goOn(time.Second)
	}
}

func oldFile(s *site, n, round int) {
	s.stir(4)
	from := s.log.Now()
	client := s.servers[n].Client()
	defer client.Close()
	if err := client.Save(context.Background()).Err(); err != nil {
		s.tb.Errorf("SAVE: %v", err)
	}
	s.stir(2)
	s.goOn(time.Second)
	s.fallBack(from, round%2 == 0, func() { s.servers[n].Kill(); s.servers[n].Restart(); s.serves(n) })
}

// serves waits until a master of a cluster that was restarted serves its slots again, which is later
// than it answers.
func (s *site) serves(n int) {
	if len(s.servers) == 1 {
		return
	}
	client := s.servers[n].Client()
	defer client.Close()
	testwait.Until(s.tb, "the master serves", func() bool {
		info, err := client.ClusterInfo(context.Background()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
}

func oldAOF(s *site, round int) {
	s.stir(4)
	from := s.log.Now()
	putBack := s.servers[0].Snapshot()
	s.stir(2)
	s.goOn(time.Second)
	s.fallBack(from, round%2 == 0, func() { s.servers[0].Kill(); putBack(); s.servers[0].Restart() })
}

// failover is to a replica that was cut off for a while. After the fault before, it may have been
// behind for longer.
func failover(s *site, round int) {
	s.stir(4)
	s.goOn(500 * time.Millisecond)
	s.replica.CatchUp(s.servers[0])
	from := s.log.Now()
	s.replica.Promote() // it hears of nothing from here on
	s.stir(2)
	s.goOn(time.Second)
	s.fallBack(from, round%2 == 0, func() {
		for _, p := range s.proxies {
			p.Redirect(s.replica.Addr())
		}
		s.servers[0].Kill()
	})
	s.servers[0], s.replica = s.replica, s.servers[0]
	s.replica.Restart()
	s.replica.Follow(s.servers[0])
}

// switched waits until the sentinel has another primary.
func switched(s *site, since string) {
	testwait.Until(s.tb, "the sentinel promotes the replica", func() bool { return s.sentinel.Current() != since })
}

func sentinelKilled(s *site, _ int) {
	before := s.sentinel.Current()
	s.goOn(time.Second)
	s.fallBack(s.log.Now()-time.Second, false, func() { s.servers[0].Kill(); switched(s, before) })
}

// The former primary answers again, until the sentinel makes it a replica.
func sentinelHung(s *site, _ int) {
	before := s.sentinel.Current()
	s.goOn(time.Second)
	s.fallBack(s.log.Now()-time.Second, false, func() { s.servers[0].Freeze(); switched(s, before) })
	s.goOn(2 * time.Second)
	s.broken(time.Second, s.servers[0].Thaw, func() {})
}

func flushed(s *site, _ int) {
	s.goOn(time.Second)
	s.empty(func() { s.do("flushall") })
	s.goOn(2 * time.Second)
}

// evicted shares the server with somebody else's data.
func evicted(s *site, _ int) {
	at := s.log.Now()
	s.do("config", "set", "maxmemory", "4mb", "maxmemory-policy", "allkeys-lru")
	s.raw(func(ctx context.Context, c *redis.Client) error {
		for i := range 40 {
			_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
				for j := range 1000 {
					p.Set(ctx, fmt.Sprintf("other:%d:%d", i, j), "some hundred bytes of somebody else's data, which is as good as any other that might be here", 0)
				}
				return nil
			})
			if err != nil && !redis.HasErrorPrefix(err, "OOM") { // it is full, and evicts no faster
				return err
			}
			<-time.After(20 * time.Millisecond)
		}
		return nil
	})
	s.goOn(2 * time.Second)
	s.do("config", "set", "maxmemory", "0", "maxmemory-policy", "noeviction")
	s.raw(func(ctx context.Context, c *redis.Client) error {
		for i := range 40 {
			_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
				for j := range 1000 {
					p.Unlink(ctx, fmt.Sprintf("other:%d:%d", i, j))
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	s.log.AddLoss(history.Loss{At: at, Till: s.log.Now()})
	s.log.AddFault(history.Fault{From: at, Till: s.log.Now()})
}

func outOfMemory(s *site, _ int) {
	s.broken(2*time.Second, func() { s.do("config", "set", "maxmemory", "1") }, func() { s.do("config", "set", "maxmemory", "0") })
}

func clientsKilled(kind string, times int) func(s *site, round int) {
	return func(s *site, _ int) {
		s.broken(0, func() {
			for range times {
				s.raw(func(ctx context.Context, c *redis.Client) error { return c.ClientKillByFilter(ctx, "type", kind).Err() })
				s.goOn(150 * time.Millisecond)
			}
		}, func() {})
	}
}

func paused(what string) func(s *site, round int) {
	return func(s *site, _ int) {
		s.broken(2*time.Second, func() { s.do("client", "pause", 2000, what) }, func() {})
		s.goOn(time.Second)
	}
}

func away(d time.Duration) func(s *site, round int) {
	return func(s *site, _ int) {
		s.broken(2*time.Second, func() { s.proxies[1].Delay(d) }, s.proxies[1].Restore)
	}
}

func blackHole(s *site, _ int) {
	s.cut(s.fronts[1].name, 2*time.Second, s.proxies[1].Freeze, s.proxies[1].Restore)
}

func muted(s *site, _ int) {
	s.cut(s.fronts[1].name, 2*time.Second, s.proxies[1].Mute, s.proxies[1].Restore)
}

func halfOpen(s *site, _ int) {
	s.broken(2*time.Second, s.proxies[1].Abandon, func() {})
}

func atReplica(s *site, _ int) {
	lead := func(addr string) func() {
		return func() { s.proxies[1].Redirect(addr); s.proxies[1].Cut() }
	}
	s.broken(2*time.Second, lead(s.replica.Addr()), lead(s.servers[0].Addr()))
}
