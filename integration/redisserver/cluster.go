//go:build unix

package redisserver

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const slots = 16384

// StartCluster starts a cluster of three masters and returns their addresses.
func StartCluster(tb testing.TB) []string {
	tb.Helper()
	var addrs []string
	for _, node := range StartClusterOf(tb, inMemory...) {
		addrs = append(addrs, node.addr)
	}
	return addrs
}

// StartClusterOf starts a cluster of three masters with args on their command lines.
func StartClusterOf(tb testing.TB, args ...string) []*Server {
	tb.Helper()
	ctx := context.Background()
	var nodes []*Server
	for range 3 {
		bus, err := freePort()
		if err != nil {
			tb.Fatalf("redisserver: %v", err)
		}
		_, port, _ := net.SplitHostPort(bus)
		nodes = append(nodes, Start(tb, append(slices.Clone(args), "--cluster-enabled", "yes", "--cluster-port", port)...))
	}
	for i, node := range nodes {
		client := node.Client()
		defer client.Close()
		first, last := i*slots/len(nodes), (i+1)*slots/len(nodes)-1
		if err := client.Do(ctx, "cluster", "addslotsrange", first, last).Err(); err != nil {
			tb.Fatalf("redisserver: %v", err)
		}
		if err := client.Do(ctx, "cluster", "set-config-epoch", i+1).Err(); err != nil {
			tb.Fatalf("redisserver: %v", err)
		}
		host, port, _ := net.SplitHostPort(nodes[0].addr)
		bus := nodes[0].args[len(nodes[0].args)-1]
		if err := client.Do(ctx, "cluster", "meet", host, port, bus).Err(); i > 0 && err != nil {
			tb.Fatalf("redisserver: %v", err)
		}
	}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		ready := 0
		for _, node := range nodes {
			client := node.Client()
			info, _ := client.ClusterInfo(ctx).Result()
			client.Close()
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(len(nodes))) {
				ready++
			}
		}
		if ready == len(nodes) {
			return nodes
		}
		if time.Now().After(deadline) {
			tb.Fatal("redisserver: the cluster does not come up")
		}
	}
}
