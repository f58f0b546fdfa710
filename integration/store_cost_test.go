//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// meter is a hook that keeps the commands of each round trip, a load as such, but for the question
// whose data the server has, which goes with a load once in a second: see
// TestMeetingTheSameServerCostsOneQuestionASecond.
type meter struct {
	mu    sync.Mutex
	trips [][]string
}

func (m *meter) note(cmds ...redis.Cmder) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, cmd := range cmds {
		switch args := cmd.Args(); {
		case len(args) > 3 && strings.HasSuffix(fmt.Sprint(args[3]), "{g}:c"):
		case isLoad(cmd):
			names = append(names, "load")
		default:
			names = append(names, cmd.Name())
		}
	}
	m.trips = append(m.trips, names)
}

func (m *meter) take() [][]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	trips := m.trips
	m.trips = nil
	return trips
}

// isLoad reports whether a command is the one script of a load. It is known by its seventh key,
// the tenant's, which shares a script with those of a user in no other.
func isLoad(cmd redis.Cmder) bool {
	args := cmd.Args()
	return len(args) > 9 && strings.HasPrefix(cmd.Name(), "eval") && strings.Contains(fmt.Sprint(args[9]), ":{t-")
}

// isWrite reports whether commands are a change: a script that is sent alone and is no load.
func isWrite(cmds []redis.Cmder) bool {
	return len(cmds) == 1 && strings.HasPrefix(cmds[0].Name(), "eval") && !isLoad(cmds[0])
}

func (m *meter) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (m *meter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { m.note(cmd); return next(ctx, cmd) }
}

func (m *meter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { m.note(cmds...); return next(ctx, cmds) }
}

// TestStoreCost counts round trips, and what the server says that it ran.
func TestStoreCost(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t)
	var m meter
	store := hooked(t, server.Addr(), storeOptions(), &m)
	ctx := t.Context()
	if err := store.SetTenantStatus(ctx, acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	var all []session.Session
	var ids []session.ID
	for range 1000 {
		s, err := store.Create(ctx, draft(), session.CreateOptions{
			Lifetime: time.Hour, Refresh: digest("first"),
			Limit: session.SessionLimit{Sessions: session.MaxSessionLimit, Policy: session.EvictOldest},
		})
		if err != nil {
			t.Fatal(err)
		}
		all, ids = append(all, s), append(ids, s.ID)
	}
	s := all[0]
	for _, method := range methods(s.Ref()) { // each script is known from here on
		if method.name == "RevokeOthers" {
			break
		}
		if method.name == "Update" || method.name == "Rotate" || method.name == "Create" { // by the default limit
			continue
		}
		if err := method.do(ctx, store); err != nil {
			t.Fatalf("%s: %v", method.name, err)
		}
	}
	for _, revoke := range []func() error{
		func() error { return store.RevokeTenant(ctx, tenant.MustParse("other")) },
		func() error { return store.RevokeUser(ctx, acme, session.MustParseUserID("other")) },
	} {
		if err := revoke(); err != nil {
			t.Fatal(err)
		}
	}

	load := [][]string{{"load"}}
	reads := [][]string{{"evalsha", "evalsha", "evalsha"}}
	script := [][]string{{"evalsha"}}
	for _, c := range []struct {
		name string
		do   func() error
		want [][]string
	}{
		{"Load", func() error { _, err := store.Load(ctx, s.Ref()); return err }, load},
		{"Touch", func() error { return store.Touch(ctx, s.Ref()) }, append(slices.Clone(load), script...)},
		{"Create", func() error {
			s := draft()
			s.User = session.MustParseUserID("carol") // with no more sessions than the limit
			_, err := store.Create(ctx, s, session.CreateOptions{Lifetime: time.Hour, Refresh: digest("")})
			return err
		},
			append(slices.Clone(reads), script...)},
		{"List", func() error { _, err := store.List(ctx, acme, session.MustParseUserID("bob")); return err }, append(slices.Clone(script), reads...)},
		{"Peek at 100 of 1000 sessions", func() error { _, err := store.Peek(ctx, acme, alice, ids[:100]); return err }, reads},
		{"TenantStatus", func() error { _, err := store.TenantStatus(ctx, acme); return err }, script},
		{"RevokeUser of 1000 sessions", func() error { return store.RevokeUser(ctx, acme, alice) }, script},
		{"RevokeTenant", func() error { return store.RevokeTenant(ctx, acme) }, script},
		{"RevokeAll", func() error { return store.RevokeAll(ctx) }, script},
	} {
		m.take()
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := m.take(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: round trips %v, want %v", c.name, got, c.want)
		}
	}
	for _, s := range all {
		if _, err := store.Load(ctx, s.Ref()); !errors.Is(err, session.ErrNotFound) {
			t.Fatalf("a session outlived three revocations: %v", err)
		}
	}
	raw := server.Client()
	defer raw.Close()
	stats, err := raw.Info(ctx, "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"scan", "keys", "hscan", "zscan"} {
		if slices.Contains(commands(stats), command) {
			t.Errorf("the store used %s", command)
		}
	}
	if !slices.Contains(commands(stats), "evalsha") {
		t.Errorf("the statistics were not understood: %.200s", stats)
	}
}

// commands returns the commands that the statistics count.
func commands(stats string) []string {
	var names []string
	for line := range strings.Lines(stats) {
		if rest, ok := strings.CutPrefix(line, "cmdstat_"); ok {
			name, _, _ := strings.Cut(rest, ":")
			names = append(names, name)
		}
	}
	return names
}
