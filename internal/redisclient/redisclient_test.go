package redisclient_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/redisclient"
)

func TestOnlyAClientWithDeadlinesIsAccepted(t *testing.T) {
	single := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
	endless := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, ContextTimeoutEnabled: true})
	endlessCluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}})
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}, ContextTimeoutEnabled: true})
	for _, c := range []redis.UniversalClient{single, endless, cluster, endlessCluster, ring} {
		defer c.Close()
	}
	for name, c := range map[string]struct {
		client redis.UniversalClient
		good   bool
	}{
		"a client":                    {single, true},
		"a cluster":                   {cluster, true},
		"a client without deadlines":  {endless, false},
		"a cluster without deadlines": {endlessCluster, false},
		"a ring":                      {ring, false},
		"nil":                         {nil, false},
		"a nil client":                {(*redis.Client)(nil), false},
		"a nil cluster":               {(*redis.ClusterClient)(nil), false},
		"a type around a good client": {struct{ redis.UniversalClient }{single}, false},
		"a type around no client":     {struct{ redis.UniversalClient }{}, false},
	} {
		if err := redisclient.Check(c.client); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestANameIsAPartOfKeys(t *testing.T) {
	for name, good := range map[string]bool{
		"billing": true, "a": true, "b-2_c": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "Billing": false, "a{b}": false, "a:b": false, "a b": false, "ä": false, "a\n": false, "a*": false,
	} {
		if redisclient.IsName(name) != good {
			t.Errorf("%q: %v", name, !good)
		}
	}
}
