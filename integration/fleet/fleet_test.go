//go:build unix

// Package fleet_test holds the instances of a service against a real Redis.
package fleet_test

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/service/fleet"
)

func TestMain(m *testing.M) {
	logging.Disable() // of connections that are refused, which is what is tested
	os.Exit(m.Run())
}

const fleetKeys = "reeve:fleet:{shop}:"

func member(t *testing.T, client redis.UniversalClient, cfg fleet.Config) *fleet.Member {
	t.Helper()
	cfg.Client, cfg.Name = client, "shop"
	m, err := fleet.NewMember(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func instances(t *testing.T, client redis.UniversalClient) []fleet.Instance {
	t.Helper()
	list, err := fleet.List(t.Context(), client, "shop")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// the returns the instance of an id.
func the(t *testing.T, client redis.UniversalClient, id string) fleet.Instance {
	t.Helper()
	for _, i := range instances(t, client) {
		if i.ID == id {
			return i
		}
	}
	t.Fatalf("%s is not listed", id)
	return fleet.Instance{}
}

func TestInstancesAppearAndLeaveOnStopAndOnDeath(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	client, lost := server.Client(), server.Client()
	defer client.Close()
	var revision atomic.Value
	revision.Store("r1")
	stays := member(t, client, fleet.Config{ID: "stays", Host: "web-1", Version: "1.2.0", Heartbeat: fleet.MaxHeartbeat,
		State: func() string { return "running" }, Revision: func() string { return revision.Load().(string) }})
	stops := member(t, client, fleet.Config{ID: "stops", Heartbeat: fleet.MaxHeartbeat})
	dies := member(t, lost, fleet.Config{ID: "dies", Heartbeat: fleet.MinHeartbeat})
	testwait.Until(t, "three are there", func() bool { return len(instances(t, client)) == 3 })

	before := the(t, client, "stays")
	if before.ID != "stays" || before.Host != "web-1" || before.Version != "1.2.0" || before.State != "running" || before.Revision != "r1" || time.Since(before.SeenAt).Abs() > time.Minute {
		t.Errorf("%+v", before)
	}
	revision.Store("r2")
	stays.Wake()
	testwait.Until(t, "the revision is told", func() bool { return the(t, client, "stays").Revision == "r2" })
	if after := the(t, client, "stays"); after.RevisionSince.Before(before.RevisionSince) || after.StartedAt != before.StartedAt {
		t.Errorf("%+v, before %+v", after, before)
	}

	if err := stops.Close(); err != nil {
		t.Fatal(err)
	}
	lost.Close() // as a process that is killed: it beats no more and says nothing
	testwait.Until(t, "one is left", func() bool { return len(instances(t, client)) == 1 })
	if err := dies.Close(); err == nil || dies.Stats().Err == nil {
		t.Errorf("Close %v, %+v", err, dies.Stats())
	}
	// The next beat of any other forgets it.
	stays.Wake()
	testwait.Until(t, "Redis holds one", func() bool {
		return client.HLen(t.Context(), fleetKeys+"records").Val() == 1 && client.ZCard(t.Context(), fleetKeys+"ends").Val() == 1
	})
	if ttl := client.PTTL(t.Context(), fleetKeys+"records").Val(); ttl <= 0 {
		t.Errorf("the records have no end: %v", ttl)
	}
}

func TestInstancesAreBoundedAndComeBackAfterAnOutage(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	client := server.Client()
	defer client.Close()
	m := member(t, client, fleet.Config{ID: "mine", Heartbeat: fleet.MinHeartbeat})
	testwait.Until(t, "it is listed", func() bool { return len(instances(t, client)) == 1 })
	server.Kill()
	testwait.Until(t, "beats fail", func() bool { return errors.Is(m.Stats().Err, fleet.ErrUnavailable) })
	server.Restart()
	testwait.Until(t, "it is listed again", func() bool { return m.Stats().Err == nil && len(instances(t, client)) == 1 })

	// Somebody fills the list with entries of every kind.
	far := float64(time.Now().Add(2 * time.Minute).UnixMilli()) // a lease may be as long
	pipe := client.Pipeline()
	for i := range fleet.MaxInstances {
		id := "x" + strings.Repeat("0", i%60) + string(rune('a'+i%26)) + time.Duration(i).String()
		pipe.ZAdd(t.Context(), fleetKeys+"ends", redis.Z{Score: far, Member: id})
		pipe.HSet(t.Context(), fleetKeys+"records", id, "\x1b[2J")
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := member(t, client, fleet.Config{ID: "late", Heartbeat: fleet.MinHeartbeat})
	testwait.Until(t, "another is refused", func() bool { return errors.Is(other.Stats().Err, fleet.ErrFull) })
	if list := instances(t, client); len(list) != 1 || list[0].ID != "mine" {
		t.Errorf("%+v", list)
	}
	if n := client.ZCard(t.Context(), fleetKeys+"ends").Val(); n > fleet.MaxInstances+1 {
		t.Errorf("%d entries", n)
	}
}

// The clock of Redis was an hour ahead when an instance beat for the last time, and is right now: who is
// gone is not listed for that hour, and takes nobody's place. One that goes on is listed as before.
func TestAClockOfRedisThatIsSetBackListsNobodyWhoIsGone(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	client := server.Client()
	defer client.Close()
	m := member(t, client, fleet.Config{ID: "goes-on", Heartbeat: fleet.MinHeartbeat})
	ahead := func(id string) {
		t.Helper()
		record := `{"started":1,"lease":15000}`
		end := float64(time.Now().Add(time.Hour + 15*time.Second).UnixMilli())
		if err := errors.Join(client.ZAdd(t.Context(), fleetKeys+"ends", redis.Z{Score: end, Member: id}).Err(), client.HSet(t.Context(), fleetKeys+"records", id, record).Err()); err != nil {
			t.Fatal(err)
		}
	}
	testwait.Until(t, "it is listed", func() bool { return len(instances(t, client)) == 1 })
	ahead("gone")
	ahead("goes-on")
	for _, i := range instances(t, client) {
		if i.ID == "gone" || i.SeenAt.After(time.Now().Add(time.Minute)) {
			t.Errorf("%+v", i)
		}
	}
	heartbeats := m.Stats().Heartbeats
	testwait.Until(t, "it has beaten twice more", func() bool { return m.Stats().Heartbeats > heartbeats+1 })
	if list := instances(t, client); len(list) != 1 || list[0].ID != "goes-on" {
		t.Errorf("%+v", list)
	}
	if n := client.ZCard(t.Context(), fleetKeys+"ends").Val() + client.HLen(t.Context(), fleetKeys+"records").Val(); n != 2 {
		t.Errorf("%d entries are left", n)
	}
}

// Two instances that were given one ID are one to who lists them. Neither ends the other: when one leaves,
// the other is there again at its next beat.
func TestTwoInstancesOfOneIDDisturbNobodyElse(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	client := server.Client()
	defer client.Close()
	member(t, client, fleet.Config{ID: "other", Heartbeat: fleet.MinHeartbeat})
	first := member(t, client, fleet.Config{ID: "twin", Host: "web-1", Heartbeat: fleet.MinHeartbeat})
	second := member(t, client, fleet.Config{ID: "twin", Host: "web-2", Heartbeat: fleet.MinHeartbeat})
	testwait.Until(t, "both have beaten", func() bool { return first.Stats().Heartbeats > 0 && second.Stats().Heartbeats > 0 })
	if list := instances(t, client); len(list) != 2 {
		t.Errorf("%+v", list)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	testwait.Until(t, "the second is listed", func() bool {
		return slices.ContainsFunc(instances(t, client), func(i fleet.Instance) bool { return i.ID == "twin" && i.Host == "web-2" })
	})
	if first.Stats().Err != nil || second.Stats().Err != nil || the(t, client, "other").ID != "other" {
		t.Errorf("%v %v", first.Stats().Err, second.Stats().Err)
	}
}

func TestTheAccessListsOfInstancesAreEnoughAndNamed(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	raw := server.Client()
	defer raw.Close()
	m, err := fleet.NewMember(fleet.Config{Client: raw, Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	as := func(list string) *redis.Client {
		user := strings.Fields(list)[2]
		for _, line := range []string{"ACL SETUSER " + user + " on >secret", list} {
			var words []any
			for _, word := range strings.Fields(line) {
				words = append(words, word)
			}
			if err := raw.Do(t.Context(), words...).Err(); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
		client := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: user, Password: "secret", ContextTimeoutEnabled: true, MaxRetries: -1, DisableIdentity: true})
		t.Cleanup(func() { client.Close() })
		return client
	}
	reader := as(fleet.AccessList(raw, "shop", "reader"))
	mine := member(t, as(m.AccessList("member")), fleet.Config{ID: "mine"})
	testwait.Until(t, "it is listed", func() bool { return mine.Stats().Heartbeats > 0 })
	if list := instances(t, reader); len(list) != 1 {
		t.Errorf("%+v", list)
	}
	lists := map[string]func(*redis.Client) error{
		fleet.AccessList(raw, "shop", "reader"): func(c *redis.Client) error { _, err := fleet.List(context.Background(), c, "shop"); return err },
	}
	for list, use := range lists {
		for _, rule := range strings.Fields(list)[6:] {
			if rule == "+eval" { // the script is known to Redis by now
				continue
			}
			left := strings.Replace(list+" ", " "+rule+" ", " ", 1)
			if err := use(as(left)); !errors.Is(err, fleet.ErrMisconfigured) || !strings.Contains(err.Error(), "ACL SETUSER") {
				t.Errorf("without %s: %v", rule, err)
			}
		}
	}
	if err := mine.Close(); err != nil {
		t.Errorf("Close with the printed list: %v", err)
	}
	// A reader cannot put an instance there.
	forged := member(t, reader, fleet.Config{ID: "forged"})
	testwait.Until(t, "a reader's beat is refused", func() bool { return errors.Is(forged.Stats().Err, fleet.ErrMisconfigured) })
}

// An instance that somebody removes while it lives, wholly or in part, is listed again with its next
// heartbeat, and so it is when keys of another type are gone that stood in its place.
func TestAnInstanceThatIsRemovedWhileItLivesComesBack(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	client := server.Client()
	defer client.Close()
	m := member(t, client, fleet.Config{ID: "mine", Heartbeat: fleet.MinHeartbeat, State: func() string { return "running" }})
	listed := func() bool {
		list, err := fleet.List(t.Context(), client, "shop")
		return err == nil && len(list) == 1 && list[0].ID == "mine" && list[0].State == "running"
	}
	testwait.Until(t, "it is listed", listed)
	ends, records := fleetKeys+"ends", fleetKeys+"records"
	for name, remove := range map[string]func() error{
		"everything": func() error { return client.FlushAll(t.Context()).Err() },
		"its lease":  func() error { return client.ZRem(t.Context(), ends, "mine").Err() },
		"its record": func() error { return client.HDel(t.Context(), records, "mine").Err() },
		"all leases": func() error { return client.Del(t.Context(), ends).Err() },
		"a lease without an end": func() error {
			return client.ZAdd(t.Context(), ends, redis.Z{Score: math.Inf(1), Member: "mine"}).Err()
		},
		"a record that is none": func() error { return client.HSet(t.Context(), records, "mine", "\x1b[2J").Err() },
		"scripts":               func() error { return client.ScriptFlush(t.Context()).Err() },
	} {
		before := m.Stats().Heartbeats
		if err := remove(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		testwait.Until(t, "it is listed after the loss of "+name, func() bool { return m.Stats().Heartbeats > before+1 && listed() })
		if err := m.Stats().Err; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, key := range []string{ends, records} {
		if err := client.Set(t.Context(), key, "x", 0).Err(); err != nil {
			t.Fatal(err)
		}
		testwait.Until(t, "heartbeats fail", func() bool { return m.Stats().Err != nil })
		if _, err := fleet.List(t.Context(), client, "shop"); key == ends && !errors.Is(err, fleet.ErrUnavailable) {
			t.Errorf("%s of another type: %v", key, err)
		}
		if err := client.Del(t.Context(), key).Err(); err != nil {
			t.Fatal(err)
		}
		testwait.Until(t, "it is listed again", func() bool { return m.Stats().Err == nil && listed() })
	}
}
