//go:build unix

package redisserver

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/testproc"
	"github.com/reevehq/reeve/internal/testwait"
)

// Sentinel watches a primary and its replica. It is one process: it decides alone, which is as
// much as a test needs.
type Sentinel struct {
	Primary *Server // the first one
	Replica *Server

	tb   testing.TB
	addr string
}

// SentinelMaster is the name under which a [Sentinel] knows its primary.
const SentinelMaster = "sessions"

// StartSentinel starts a primary, a replica and a sentinel that watches them. The sentinel
// is slow to call a server down: a busy machine must not make it act before
// [Sentinel.Failover] has it act, on a replica that has nothing yet.
func StartSentinel(tb testing.TB) *Sentinel {
	tb.Helper()
	return StartSentinelThatActs(tb, time.Minute)
}

// StartSentinelThatActs is StartSentinel that calls a server down which has not answered for
// so long, and then promotes the other one by itself.
func StartSentinelThatActs(tb testing.TB, after time.Duration) *Sentinel {
	tb.Helper()
	primary := Start(tb, inMemory...)
	replica := StartReplica(tb, primary)
	addr, err := freePort()
	if err != nil {
		tb.Fatalf("redisserver: %v", err)
	}
	_, port, _ := net.SplitHostPort(addr)
	host, primaryPort, _ := net.SplitHostPort(primary.addr)
	dir := tb.TempDir()
	config := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor %[3]s %s %s 1\n"+
		"sentinel down-after-milliseconds %[3]s %[6]d\nsentinel failover-timeout %[3]s 10000\n",
		port, dir, SentinelMaster, host, primaryPort, after.Milliseconds())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		tb.Fatalf("redisserver: %v", err)
	}
	process, err := testproc.Start(exec.Command("redis-server", config, "--sentinel"))
	if err != nil {
		tb.Fatalf("redisserver: %v", err)
	}
	tb.Cleanup(func() {
		_ = process.Kill()
		_ = process.Wait()
	})
	s := &Sentinel{Primary: primary, Replica: replica, tb: tb, addr: addr}
	testwait.Until(tb, "the sentinel knows the replica", func() bool {
		replicas, err := s.client().Replicas(context.Background(), SentinelMaster).Result()
		return err == nil && len(replicas) == 1
	})
	return s
}

// Current returns host and port of the server that the sentinel calls the primary.
func (s *Sentinel) Current() string {
	s.tb.Helper()
	addr, err := s.client().GetMasterAddrByName(context.Background(), SentinelMaster).Result()
	if err != nil {
		s.tb.Fatalf("redisserver: %v", err)
	}
	return net.JoinHostPort(addr[0], addr[1])
}

// Addr returns host and port.
func (s *Sentinel) Addr() string { return s.addr }

func (s *Sentinel) client() *redis.SentinelClient {
	client := redis.NewSentinelClient(&redis.Options{Addr: s.addr, DialTimeout: time.Second, ReadTimeout: time.Second, MaxRetries: -1})
	s.tb.Cleanup(func() { _ = client.Close() })
	return client
}

// Failover makes the replica the primary, once it has caught up with what was written before
// the call, and returns when the former primary is its replica. Writes that the former one
// acknowledged in between are lost: Redis promises no more.
func (s *Sentinel) Failover() {
	s.tb.Helper()
	ctx := context.Background()
	client := s.client()
	before, err := client.GetMasterAddrByName(ctx, SentinelMaster).Result()
	if err != nil {
		s.tb.Fatalf("redisserver: %v", err)
	}
	former := redis.NewClient(&redis.Options{Addr: net.JoinHostPort(before[0], before[1]), DialTimeout: time.Second, ReadTimeout: time.Second, MaxRetries: -1})
	defer former.Close()
	testwait.Until(s.tb, "the replica catches up", func() bool {
		n, err := caughtUp(ctx, former)
		return err == nil && n == 1
	})
	testwait.Until(s.tb, "the sentinel begins a failover", func() bool { return client.Failover(ctx, SentinelMaster).Err() == nil })
	testwait.Until(s.tb, "a replica is promoted", func() bool {
		now, err := client.GetMasterAddrByName(ctx, SentinelMaster).Result()
		return err == nil && now[1] != before[1]
	})
	testwait.Until(s.tb, "the former primary follows", func() bool {
		info, err := former.Info(ctx, "replication").Result()
		return err == nil && strings.Contains(info, "role:slave") && strings.Contains(info, "master_link_status:up")
	})
}

// caughtUp writes to a primary and returns how many replicas have that and everything
// before it.
func caughtUp(ctx context.Context, primary *redis.Client) (int64, error) {
	conn := primary.Conn() // WAIT waits for the writes of its own connection
	defer conn.Close()
	if err := conn.Set(ctx, "in-step", "yes", time.Second).Err(); err != nil {
		return 0, err
	}
	return conn.Wait(ctx, 1, 500*time.Millisecond).Result()
}
