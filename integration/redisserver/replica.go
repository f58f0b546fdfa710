//go:build unix

package redisserver

import (
	"context"
	"net"
	"strings"
	"testing"

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

// Promote makes a replica a primary of what it has. It hears nothing of its former one.
func (s *Server) Promote() {
	s.tb.Helper()
	client := s.Client()
	defer client.Close()
	if err := client.Do(context.Background(), "replicaof", "no", "one").Err(); err != nil {
		s.tb.Fatalf("redisserver: %v", err)
	}
}
