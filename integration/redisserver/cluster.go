//go:build unix

package redisserver

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

const slots = 16384

// StartCluster starts a cluster of three masters and returns their addresses.
func StartCluster(tb testing.TB) []string {
	tb.Helper()
	ctx := context.Background()
	var nodes []*Server
	for range 3 {
		bus, err := freePort()
		if err != nil {
			tb.Fatalf("redisserver: %v", err)
		}
		_, port, _ := net.SplitHostPort(bus)
		nodes = append(nodes, Start(tb, append(inMemory, "--cluster-enabled", "yes", "--cluster-port", port)...))
	}
	var addrs []string
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
		addrs = append(addrs, node.addr)
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
			return addrs
		}
		if time.Now().After(deadline) {
			tb.Fatal("redisserver: the cluster does not come up")
		}
	}
}
