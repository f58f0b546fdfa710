//go:build unix

package integration_test

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/internal/fleetmodel"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// slotCounts is a hook that counts the scripts that go to the slots of a user, of a tenant and of
// everyone.
type slotCounts struct {
	mu                     sync.Mutex
	user, tenant, everyone int
}

func (c *slotCounts) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *slotCounts) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { c.note(cmd); return next(ctx, cmd) }
}

func (c *slotCounts) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { c.note(cmds...); return next(ctx, cmds) }
}

func (c *slotCounts) note(cmds ...redis.Cmder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range cmds {
		args := cmd.Args()
		if len(args) < 4 || args[0] != "evalsha" {
			continue
		}
		switch key, _ := args[3].(string); {
		case strings.Contains(key, ":{u-"):
			c.user++
		case strings.Contains(key, ":{t-"):
			c.tenant++
		case strings.HasSuffix(key, ":{g}"):
			c.everyone++
		}
	}
}

func (c *slotCounts) take() (user, tenant, everyone int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	user, tenant, everyone = c.user, c.tenant, c.everyone
	c.user, c.tenant, c.everyone = 0, 0, 0
	return user, tenant, everyone
}

// The calls are those of a cluster. Announcements are counted on one server, which hears them in the
// order of the changes.
func TestFleetConstantsOfCommands(t *testing.T) {
	t.Parallel()
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		var counts slotCounts
		client := clusterClient(t, redisserver.StartCluster(t))
		client.AddHook(&counts)
		store := storeOn(t, client, storeOptions())
		meet(store)
		fleetCommands(t, store, func() fleetmodel.Calls {
			user, tenant, everyone := counts.take()
			return fleetmodel.Calls{User: float64(user), Tenant: float64(tenant), Everyone: float64(everyone)}
		}, func(c fleetmodel.Calls) fleetmodel.Calls { c.Changes = 0; return c })
	})
	t.Run("one server", func(t *testing.T) {
		t.Parallel()
		server := redisserver.Start(t)
		raw := server.Client()
		defer raw.Close()
		opts := storeOptions()
		heard := subscribed(t, raw, opts.Prefix+":changes")
		fleetCommands(t, hooked(t, server.Addr(), opts, &slotCounts{}), func() fleetmodel.Calls {
			return fleetmodel.Calls{Changes: float64(heard())}
		}, func(c fleetmodel.Calls) fleetmodel.Calls { return fleetmodel.Calls{Changes: c.Changes} })
	})
}

// fleetCommands holds what each call costs against the model, of which seen is what take counts.
func fleetCommands(t *testing.T, store *redisstore.Store, take func() fleetmodel.Calls, seen func(fleetmodel.Calls) fleetmodel.Calls) {
	ctx := t.Context()
	if err := store.SetTenantStatus(ctx, acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	create := func() session.Session {
		s, err := store.Create(ctx, draft(), session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	refresh := func(s session.Session, from, to string) error {
		_, err := store.Refresh(ctx, s.Ref(), session.RefreshStep{Presented: digest(from), Next: digest(to), Salt: [32]byte{1}, Grace: 10 * time.Second})
		return err
	}
	known := create() // each script is known from here on
	if _, err := store.Load(ctx, known.Ref()); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{store.Touch(ctx, known.Ref()), refresh(known, "first", "second"), store.Revoke(ctx, known.Ref())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s := create()
	read := fleetmodel.Measured.Load
	for _, op := range []struct {
		name string
		do   func() error
		want fleetmodel.Calls
	}{
		{"a load", func() error { _, err := store.Load(ctx, s.Ref()); return err }, read},
		{"a use that is recorded, with its load", func() error { return store.Touch(ctx, s.Ref()) }, sumOf(read, fleetmodel.Measured.Touch)},
		{"a sign-in", func() error { create(); return nil }, fleetmodel.Measured.SignIn},
		{"a refresh", func() error { return refresh(s, "first", "second") }, fleetmodel.Measured.Refresh},
		{"a revocation", func() error { return store.Revoke(ctx, s.Ref()) }, fleetmodel.Measured.Revoke},
		{"a revocation of a user", func() error { return store.RevokeUser(ctx, acme, alice) }, fleetmodel.Measured.Revoke},
	} {
		take()
		if err := op.do(); err != nil {
			t.Fatalf("%s: %v", op.name, err)
		}
		if got := take(); got != seen(op.want) {
			t.Errorf("%s: %+v, the model has %+v", op.name, got, seen(op.want))
		}
	}
}

func sumOf(a, b fleetmodel.Calls) fleetmodel.Calls {
	return fleetmodel.Calls{User: a.User + b.User, Tenant: a.Tenant + b.Tenant, Everyone: a.Everyone + b.Everyone, Changes: a.Changes + b.Changes}
}

// subscribed returns a function that says how many messages came on a channel since it was last
// called. A message of its own tells it that all have come.
func subscribed(t *testing.T, raw *redis.Client, channel string) func() int {
	t.Helper()
	sub := raw.Subscribe(t.Context(), channel)
	t.Cleanup(func() { sub.Close() })
	if _, err := sub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	return func() int {
		if err := raw.Publish(t.Context(), channel, "until here").Err(); err != nil {
			t.Fatal(err)
		}
		for n := 0; ; n++ {
			m, err := sub.ReceiveMessage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if m.Payload == "until here" {
				return n
			}
		}
	}
}

// On a cluster each master delivers each change to each instance, and each instance has a
// connection of its feed to each master.
func TestFleetConstantsOfFeeds(t *testing.T) {
	t.Parallel()
	const masters, instances = 3, 2
	addrs := redisserver.StartCluster(t)
	opts := storeOptions()
	var caches []*cachestore.Store
	var stores []*redisstore.Store
	for range instances {
		store := storeOn(t, clusterClient(t, addrs), opts)
		eventually(t, "the tenant is set up", func() error { return store.SetTenantStatus(t.Context(), acme, tenant.Active) })
		stores = append(stores, store)
	}
	for _, store := range stores {
		caches = append(caches, startCache(t, store))
	}
	s, err := stores[0].Create(t.Context(), draft(), session.CreateOptions{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	heard := make([]uint64, instances)
	for i, cache := range caches {
		heard[i] = cache.Stats().Changes
	}
	if err := stores[0].Revoke(t.Context(), s.Ref()); err != nil {
		t.Fatal(err)
	}
	for i, cache := range caches {
		testwait.Until(t, "each master's announcement is heard", func() bool { return cache.Stats().Changes-heard[i] >= masters })
		if got := cache.Stats().Changes - heard[i]; got != masters {
			t.Errorf("instance %d heard a change %d times, the model has one of each of %d masters", i, got, masters)
		}
	}
	began := time.Now()
	var before [masters]map[string]int
	nodes := make([]*redis.Client, masters)
	for i, addr := range addrs {
		nodes[i] = redis.NewClient(&redis.Options{Addr: addr})
		defer nodes[i].Close()
		before[i] = ownCommands(t, nodes[i])
		clients, err := nodes[i].ClientList(t.Context()).Result()
		if err != nil {
			t.Fatal(err)
		}
		feeds := 0
		for line := range strings.Lines(clients) {
			if !strings.Contains(line, " sub=0 ") {
				feeds++
			}
		}
		if want := instances * fleetmodel.Measured.FeedConnections; float64(feeds) != want {
			t.Errorf("master %d has %d connections of feeds, the model has %v", i, feeds, want)
		}
	}
	// A machine that is too busy beats late. The third time this is a fault.
	for attempt := 1; ; attempt++ {
		testwait.Until(t, "two seconds are over", func() bool { return time.Since(began).Seconds() >= 2 })
		var wrong []string
		for i, node := range nodes {
			now, took := ownCommands(t, node), time.Since(began).Seconds()
			for command, want := range map[string]float64{
				"publish": fleetmodel.Measured.Heartbeats,
				"evalsha": fleetmodel.Measured.Heartbeats + fleetmodel.Measured.Checks,
			} {
				got := float64(now[command]-before[i][command]) / took / instances
				// Two seconds hold 8 of 4 a second, and one more or less at each edge.
				if math.Abs(got-want) > 2.2/took {
					wrong = append(wrong, fmt.Sprintf("master %d ran %s %.2f times a second for each idle instance, the model has %v", i, command, got, want))
				}
			}
		}
		if len(wrong) == 0 {
			return
		}
		if attempt == 3 {
			t.Fatal(strings.Join(wrong, "\n"))
		}
		began = time.Now()
		for i, node := range nodes {
			before[i] = ownCommands(t, node)
		}
	}
}

// ownCommands returns how often a server ran scripts and announced.
func ownCommands(t *testing.T, node *redis.Client) map[string]int {
	t.Helper()
	return map[string]int{"publish": served(t, node, "publish"), "evalsha": served(t, node, "evalsha")}
}

// infoNumber returns a number that a server tells of itself.
func infoNumber(t testing.TB, raw *redis.Client, section, name string) float64 {
	t.Helper()
	info, err := raw.Info(context.Background(), section).Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in %s", name, section)
	return 0
}

func TestFleetConstantsOfMemory(t *testing.T) {
	t.Parallel()
	first, second := bytesOf(t)
	t.Logf("%.0f bytes for a user and a session, %.0f for one session more", first, second)
	for what, row := range map[string]struct{ got, want float64 }{
		"a session":           {second, fleetmodel.Measured.SessionBytes},
		"a user with session": {first, fleetmodel.Measured.UserBytes + fleetmodel.Measured.SessionBytes},
	} {
		if math.Abs(row.got-row.want) > row.want/8 {
			t.Errorf("%s takes %.0f bytes, the model has %.0f", what, row.got, row.want)
		}
	}
	// Redis sets 4 KiB aside for the first events of a user, and less where it is told to.
	small, _ := bytesOf(t, "--stream-node-max-bytes", "512")
	t.Logf("%.0f bytes for a user and a session with stream-node-max-bytes 512", small)
	if got := small - second; math.Abs(got-fleetmodel.Measured.UserBytesSmall) > fleetmodel.Measured.UserBytesSmall/8 {
		t.Errorf("with stream-node-max-bytes 512 a user takes %.0f bytes, the model has %.0f", got, fleetmodel.Measured.UserBytesSmall)
	}
}

// bytesOf returns how many bytes of a server a user with a session takes, and another session of the
// same user.
func bytesOf(t *testing.T, args ...string) (first, second float64) {
	t.Helper()
	server := redisserver.Start(t, append([]string{"--appendonly", "no"}, args...)...)
	raw := server.Client()
	defer raw.Close()
	store := open(t, server.URL(), storeOptions())
	if err := store.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	const users = 1000
	grown := func() float64 {
		before := infoNumber(t, raw, "memory", "used_memory")
		var running sync.WaitGroup
		for worker := range 8 {
			running.Go(func() {
				for i := worker; i < users; i += 8 {
					s := draft()
					s.User = session.MustParseUserID(fmt.Sprintf("user-%d@example.org", i))
					s.Roles = session.MustRoles("editor", "viewer")
					s.UserAgent, s.Address = strings.Repeat("Mozilla/5.0 ", 8), "2001:db8::17"
					if _, err := store.Create(context.Background(), s, session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		running.Wait()
		return (infoNumber(t, raw, "memory", "used_memory") - before) / users
	}
	first = grown()
	return first, grown()
}

// The messages that TestFleetConstantsOfBytes publishes: few at a time, which a link's buffers hold.
const messageRounds, messagesOfARound = 20, 100

func TestFleetConstantsOfBytes(t *testing.T) {
	t.Parallel()
	nodes := redisserver.StartClusterOf(t, "--appendonly", "no")
	opts := storeOptions()
	opts.Prefix = "reeve"
	var addrs []string
	for _, node := range nodes {
		addrs = append(addrs, node.Addr())
	}
	store := storeOn(t, clusterClient(t, addrs), opts)
	eventually(t, "the tenant is set up", func() error { return store.SetTenantStatus(t.Context(), acme, tenant.Active) })
	s, err := store.Create(t.Context(), draft(), session.CreateOptions{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", nodes[0].Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "SUBSCRIBE reeve:changes\r\n")
	r := bufio.NewReader(conn)
	lines := func(n int) (size int) {
		for range n {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			size += len(line)
		}
		return size
	}
	lines(6)
	if err := store.Revoke(t.Context(), s.Ref()); err != nil {
		t.Fatal(err)
	}
	if got := lines(7); float64(got) != fleetmodel.Measured.ChangeBytes {
		t.Errorf("a change takes %d bytes to a subscriber, the model has %v", got, fleetmodel.Measured.ChangeBytes)
	}

	// The bytes that the process writes, less the answers, went to the other two nodes.
	raw := nodes[0].Client()
	defer raw.Close()
	pid := int(infoNumber(t, raw, "server", "process_id"))
	written := func() float64 {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
		if err != nil {
			testneed.Missing(t, "what a process writes is not told here: "+err.Error())
		}
		for line := range strings.Lines(string(text)) {
			if number, ok := strings.CutPrefix(line, "wchar: "); ok {
				n, _ := strconv.ParseFloat(strings.TrimSpace(number), 64)
				return n
			}
		}
		testneed.Missing(t, "what a process writes is not told here")
		return 0
	}
	// A publisher is answered before the other nodes have its message: what is counted is what they
	// have, so each round ends when a subscriber on each of them was told.
	var heard []<-chan *redis.Message
	for _, node := range nodes[1:] {
		other := node.Client()
		defer other.Close()
		sub := other.Subscribe(t.Context(), "heard")
		defer sub.Close()
		if _, err := sub.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
		heard = append(heard, sub.Channel(redis.WithChannelSize(messagesOfARound)))
	}
	before, payload := written(), strings.Repeat("x", 100)
	for range messageRounds {
		pipe := raw.Pipeline()
		for range messagesOfARound {
			pipe.Publish(t.Context(), "heard", payload)
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, messages := range heard {
			for n := range messagesOfARound {
				select {
				case <-messages:
				case <-time.After(30 * time.Second):
					t.Fatalf("node %d was told %d of the %d messages of a round", i+1, n, messagesOfARound)
				}
			}
		}
	}
	got := (written() - before) / (messageRounds * messagesOfARound) / 2
	t.Logf("%.0f bytes to each other node", got)
	if math.Abs(got-fleetmodel.Measured.BusBytes) > fleetmodel.Measured.BusBytes/8 {
		t.Errorf("a message takes %.0f bytes to another node, the model has %v", got, fleetmodel.Measured.BusBytes)
	}
}

// processor is the processor time of this process.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestFleetConstantsOfTime measures processor time, which other processes hardly change. Bounds are
// at two and a half times the constant, and a tenth of it: machines differ, and the constants are of a
// slow and busy one.
func TestFleetConstantsOfTime(t *testing.T) {
	if !testneed.Soak() {
		t.Skip("measures time: set REEVE_SOAK=1; the other TestFleetConstants prove what does not depend on the machine")
	}
	server := redisserver.Start(t, "--appendonly", "no")
	raw := server.Client()
	defer raw.Close()
	opts := storeOptions()
	store := open(t, server.URL(), opts)
	ctx := t.Context()
	if err := store.SetTenantStatus(ctx, acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	s, err := store.Create(ctx, draft(), session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")})
	if err != nil {
		t.Fatal(err)
	}
	spent := func() float64 {
		return infoNumber(t, raw, "cpu", "used_cpu_user_main_thread") + infoNumber(t, raw, "cpu", "used_cpu_sys_main_thread")
	}
	many := func(n, workers int, do func()) (redisEach, ownEach time.Duration) {
		own, before := processor(), spent()
		var running sync.WaitGroup
		for range workers {
			running.Go(func() {
				for range n / workers {
					do()
				}
			})
		}
		running.Wait()
		return time.Duration((spent() - before) / float64(n) * float64(time.Second)), (processor() - own) / time.Duration(n)
	}
	m := fleetmodel.Measured
	check := func(what string, got, want time.Duration) {
		t.Helper()
		t.Logf("%-60s %8v, the model has %v", what, got, want)
		if ratio := got.Seconds() / want.Seconds(); ratio > 2.5 || ratio < 0.1 {
			t.Errorf("%s takes %v, the model has %v", what, got, want)
		}
	}
	redisEach, own := many(20_000, 8, func() {
		if _, err := store.Load(ctx, s.Ref()); err != nil {
			t.Error(err)
		}
	})
	check("Redis, the three calls of a load", redisEach, m.UserCall+2*m.SharedCall)
	check("an instance, a read", own, m.Read)
	tenantKey, sha := opts.Prefix+":{g}", shaOf(t, raw, "return redis.call('GET', KEYS[1])")
	shared, _ := many(20_000, 8, func() { raw.EvalSha(ctx, sha, []string{tenantKey}) })
	check("Redis, a call that reads an epoch", shared, m.SharedCall)
	redisEach, _ = many(4000, 8, func() {
		n := draft()
		n.User = session.MustParseUserID("u" + session.NewID().Fingerprint())
		if _, err := store.Create(ctx, n, session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")}); err != nil {
			t.Error(err)
		}
	})
	check("Redis, a call that writes (a sign-in less three reads)", redisEach-3*shared, m.WriteCall)
	redisEach, _ = many(20_000, 8, func() { raw.Publish(ctx, "nobody", "x") })
	info := shaOf(t, raw, "redis.call('PUBLISH', ARGV[1], 'x') return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')")
	heartbeat, _ := many(10_000, 8, func() { raw.EvalSha(ctx, info, nil, "nobody") })
	check("Redis, a heartbeat", heartbeat, m.HeartbeatCall)
	all := shaOf(t, raw, "return #redis.call('INFO', 'server', 'replication', 'stats', 'memory')")
	asked, _ := many(10_000, 8, func() { raw.EvalSha(ctx, all, nil) })
	check("Redis, a check", asked, m.CheckCall)

	const subscribers = 50
	var subs sync.WaitGroup
	for range subscribers {
		sub := raw.Subscribe(ctx, "crowd")
		if _, err := sub.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		subs.Go(func() {
			for range sub.Channel() {
			}
		})
		defer func() { sub.Close() }()
	}
	payload := strings.Repeat("x", 100)
	crowd, heard := many(2000, 4, func() { raw.Publish(ctx, "crowd", payload) })
	check("Redis, a message to a subscriber", (crowd-redisEach)/subscribers, m.Delivery)
	check("an instance, a change that it hears", heard/subscribers, m.Heard)

	nodes := redisserver.StartClusterOf(t, "--appendonly", "no")
	raw = nodes[0].Client()
	defer raw.Close()
	alone := redisEach
	redisEach, _ = many(10_000, 8, func() { raw.Publish(ctx, "nobody", payload) })
	check("Redis, a message that goes to another node", (redisEach-alone)/2, m.BusMessage)
}

func shaOf(t *testing.T, raw *redis.Client, source string) string {
	t.Helper()
	sha, err := raw.ScriptLoad(t.Context(), "#!lua flags=allow-oom\n"+source).Result()
	if err != nil {
		t.Fatal(err)
	}
	return sha
}
