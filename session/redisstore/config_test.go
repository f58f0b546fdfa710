package redisstore_test

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
)

// key is a test key of n bytes, the first of which is b.
func key(b byte, n int) session.SecretKey {
	return session.NewSecretKey(append([]byte{b}, bytes.Repeat([]byte{7}, n-1)...))
}

func options() redisstore.Config {
	return redisstore.Config{NameKey: key(1, 32), SealKeys: []session.SecretKey{key(2, 32)}}
}

func TestUnsafeOptionsAreRefusedByName(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*redisstore.Config)
		want   string
	}{
		"no name key":             {func(o *redisstore.Config) { o.NameKey = session.SecretKey{} }, "NameKey: 0 bytes"},
		"a short name key":        {func(o *redisstore.Config) { o.NameKey = key(1, 31) }, "NameKey: 31 bytes"},
		"a name key never filled": {func(o *redisstore.Config) { o.NameKey = session.NewSecretKey(make([]byte, 32)) }, "NameKey: one byte repeated"},
		"a name key that signs": {func(o *redisstore.Config) {
			o.NameKey = session.NewPrivateKey(ed25519.NewKeyFromSeed(make([]byte, 32)))
		}, "NameKey: a private key"},
		"no seal key":              {func(o *redisstore.Config) { o.SealKeys = nil }, "SealKeys: none"},
		"a short seal key":         {func(o *redisstore.Config) { o.SealKeys = append(o.SealKeys, key(3, 31)) }, "SealKeys[1]: 31 bytes"},
		"a seal key twice":         {func(o *redisstore.Config) { o.SealKeys = append(o.SealKeys, key(2, 32)) }, "SealKeys[1]: is there twice"},
		"a prefix with a brace":    {func(o *redisstore.Config) { o.Prefix = "a{b}" }, "Prefix:"},
		"a prefix with a colon":    {func(o *redisstore.Config) { o.Prefix = "a:b" }, "Prefix:"},
		"a prefix in upper case":   {func(o *redisstore.Config) { o.Prefix = "A" }, "Prefix:"},
		"a prefix with a newline":  {func(o *redisstore.Config) { o.Prefix = "a\n" }, "Prefix:"},
		"a prefix of 33 bytes":     {func(o *redisstore.Config) { o.Prefix = strings.Repeat("a", 33) }, "Prefix:"},
		"a negative timeout":       {func(o *redisstore.Config) { o.Timeout = -1 }, "Timeout:"},
		"a timeout of over 5 s":    {func(o *redisstore.Config) { o.Timeout = 5*time.Second + 1 }, "Timeout:"},
		"replicas less than none":  {func(o *redisstore.Config) { o.WaitReplicas = -1 }, "WaitReplicas:"},
		"several problems at once": {func(o *redisstore.Config) { *o = redisstore.Config{Timeout: -1} }, "NameKey: 0 bytes, at least 32 are required\nSealKeys: none, records are never stored in clear\nTimeout:"},
		"everything at once": {func(o *redisstore.Config) {
			*o = redisstore.Config{SealKeys: []session.SecretKey{{}}, Prefix: "{", Timeout: -1, WaitReplicas: -1}
		}, "NameKey: 0 bytes, at least 32 are required\nSealKeys[0]: 0 bytes, at least 32 are required\nPrefix: \"{\" is not 1 to 32 bytes of [a-z0-9_-]\nTimeout: -1ns is not between 0 and 5s\nWaitReplicas: -1 is less than 0"},
	} {
		opts := options()
		c.change(&opts)
		store, err := redisstore.Open("redis://127.0.0.1:1", opts)
		if err == nil || store != nil || !strings.HasPrefix(err.Error(), "redisstore: invalid config: "+c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	store, err := redisstore.Open("redis://127.0.0.1:1", options())
	if err != nil {
		t.Fatalf("sound options: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestAMalformedURLIsRefusedWithoutRepeatingIt(t *testing.T) {
	for _, url := range []string{
		"", "127.0.0.1:6379", "http://:s3cret@h", "unix:///tmp/s3cret", "redis://:s3cret@h:port", "redis://:s3cret@h/x",
		"redis://:s3cret%@h", "redis://:s3cret@h?max_retries=9", "rediss://:s3cret@h?skip_verify=true",
	} {
		_, err := redisstore.Open(url, options())
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Open(%q): %v", url, err)
		}
	}
}

func TestAnUnsafeClientIsRefusedWithTheReason(t *testing.T) {
	sound := func() *redis.Options {
		return &redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true, MaxRetries: 1, DialTimeout: time.Second, ReadTimeout: time.Second}
	}
	soundCluster := func() *redis.ClusterOptions {
		return &redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, ContextTimeoutEnabled: true, DialTimeout: time.Second, ReadTimeout: time.Second}
	}
	single := func(change func(*redis.Options)) redis.UniversalClient {
		o := sound()
		change(o)
		return redis.NewClient(o)
	}
	cluster := func(change func(*redis.ClusterOptions)) redis.UniversalClient {
		o := soundCluster()
		change(o)
		return redis.NewClusterClient(o)
	}
	var noClient *redis.Client
	var noCluster *redis.ClusterClient
	for name, c := range map[string]struct {
		client redis.UniversalClient
		want   string // "" for a client that is accepted
	}{
		"a sound client":                     {single(func(*redis.Options) {}), ""},
		"a sound cluster client":             {cluster(func(*redis.ClusterOptions) {}), ""},
		"the defaults":                       {redis.NewClient(&redis.Options{}), "ContextTimeoutEnabled is off"},
		"the defaults of a cluster":          {redis.NewClusterClient(&redis.ClusterOptions{}), "ContextTimeoutEnabled is off"},
		"a client without context deadlines": {single(func(o *redis.Options) { o.ContextTimeoutEnabled = false }), "ContextTimeoutEnabled is off"},
		"a long dial timeout":                {single(func(o *redis.Options) { o.DialTimeout = 5 * time.Second }), "DialTimeout is 5s"},
		"the default dial timeout":           {single(func(o *redis.Options) { o.DialTimeout = 0 }), "DialTimeout is 5s"},
		"a long read timeout":                {single(func(o *redis.Options) { o.ReadTimeout = 2 * time.Second }), "ReadTimeout is 2s"},
		"an endless read timeout":            {single(func(o *redis.Options) { o.ReadTimeout = -1 }), "ReadTimeout is 0s"},
		"no read deadline":                   {single(func(o *redis.Options) { o.ReadTimeout = -2 }), "ReadTimeout is -1ns"},
		"an endless write timeout":           {single(func(o *redis.Options) { o.WriteTimeout = -1 }), "WriteTimeout is 0s"},
		"the default retries":                {single(func(o *redis.Options) { o.MaxRetries = 0 }), "MaxRetries is 3"},
		"client-side caching":                {single(func(o *redis.Options) { o.ClientSideCacheConfig = &redis.ClientSideCacheConfig{MaxEntries: 1} }), "client-side caching is on"},
		"a cluster read from replicas":       {cluster(func(o *redis.ClusterOptions) { o.ReadOnly = true }), "ReadOnly"},
		"a cluster routed by latency":        {cluster(func(o *redis.ClusterOptions) { o.RouteByLatency = true }), "RouteByLatency"},
		"a cluster routed randomly":          {cluster(func(o *redis.ClusterOptions) { o.RouteRandomly = true }), "RouteRandomly"},
		"a cluster with many retries":        {cluster(func(o *redis.ClusterOptions) { o.MaxRetries = 3 }), "MaxRetries is 3"},
		"a cluster with a long timeout":      {cluster(func(o *redis.ClusterOptions) { o.ReadTimeout = time.Minute }), "ReadTimeout is 1m0s"},
		"a ring":                             {redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}}), "can not be checked"},
		"a client of unknown kind":           {struct{ redis.UniversalClient }{}, "can not be checked"},
		"nil":                                {nil, "can not be checked"},
		"no client":                          {noClient, "nil"},
		"no cluster client":                  {noCluster, "nil"},
	} {
		store, err := redisstore.New(c.client, options())
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || store != nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// A store of New leaves the client to its owner.
func TestCloseClosesOnlyWhatOpenMade(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true, MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: time.Second})
	store, err := redisstore.New(client, options())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Errorf("the client was closed already: %v", err)
	}
}
