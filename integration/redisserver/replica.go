//go:build unix

package redisserver

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/testwait"
)

// StartReplica starts a replica of a server and returns when it is in step. It keeps nothing
// on disk.
func StartReplica(tb testing.TB, primary *Server) *Server {
	tb.Helper()
	host, port, _ := net.SplitHostPort(primary.addr)
	client := primary.Client()
	defer client.Close()
	// By default a primary waits 5 s for more replicas to come.
	if err := client.ConfigSet(context.Background(), "repl-diskless-sync-delay", "0").Err(); err != nil {
		tb.Fatalf("redisserver: %v", err)
	}
	replica := Start(tb, append(inMemory, "--replicaof", host+" "+port)...)
	testwait.Until(tb, "the replica is in step", func() bool {
		client := replica.Client()
		defer client.Close()
		info, err := client.Info(context.Background(), "replication").Result()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
	return replica
}

// Follow makes a server that runs a replica of another, until it is restarted or promoted, and
// returns when it is in step.
func (s *Server) Follow(primary *Server) {
	s.tb.Helper()
	host, port, _ := net.SplitHostPort(primary.addr)
	ctx := context.Background()
	from := primary.Client()
	defer from.Close()
	if err := from.ConfigSet(ctx, "repl-diskless-sync-delay", "0").Err(); err != nil {
		s.tb.Fatalf("redisserver: %v", err)
	}
	client := s.Client()
	defer client.Close()
	testwait.Until(s.tb, "it has loaded its file", func() bool { return client.Do(ctx, "replicaof", host, port).Err() == nil })
	testwait.Until(s.tb, "the replica is in step", func() bool {
		info, err := client.Info(ctx, "replication").Result()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
}

// CatchUp waits until a replica has all that its primary had when it was called.
func (s *Server) CatchUp(primary *Server) {
	s.tb.Helper()
	from, client := primary.Client(), s.Client()
	defer from.Close()
	defer client.Close()
	wanted, _, err := replication(from, "master_repl_offset")
	if err != nil {
		s.tb.Fatalf("redisserver: %v", err)
	}
	testwait.Until(s.tb, "the replica has caught up", func() bool {
		offset, info, err := replication(client, "slave_repl_offset")
		return err == nil && strings.Contains(info, "master_link_status:up") && offset >= wanted
	})
}

// replication returns a number of what a server says of its replication, and all of it.
func replication(client *redis.Client, field string) (value int64, info string, err error) {
	if info, err = client.Info(context.Background(), "replication").Result(); err != nil {
		return 0, "", err
	}
	_, rest, _ := strings.Cut(info, field+":")
	value, err = strconv.ParseInt(rest[:max(0, strings.IndexByte(rest, '\r'))], 10, 64)
	return value, info, err
}

// Promote makes a replica a primary of what it has. It hears nothing of its former one.
func (s *Server) Promote() {
	s.tb.Helper()
	client := s.Client()
	defer client.Close()
	if err := client.Do(context.Background(), "replicaof", "no", "one").Err(); err != nil {
		s.tb.Fatalf("redisserver: %v", err)
	}
}
