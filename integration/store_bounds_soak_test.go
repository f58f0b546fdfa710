//go:build unix

package integration_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// work counts the work of the server: scripts, and the time of its processor, which is its own
// however busy the machine is.
type work struct {
	scripts int
	cpu     time.Duration
}

func (f *fixture) work() work {
	f.Helper()
	stats, err := f.raw.Info(f.Context(), "cpu").Result()
	if err != nil {
		f.Fatal(err)
	}
	var w work
	found := 0
	for line := range strings.Lines(stats) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user_main_thread" || name == "used_cpu_sys_main_thread" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				f.Fatal(err)
			}
			w.cpu += time.Duration(seconds * float64(time.Second))
			found++
		}
	}
	if found != 2 {
		f.Fatalf("the server does not tell the time of its main thread: %s", stats)
	}
	w.scripts = served(f.T, f.raw, "eval") + served(f.T, f.raw, "evalsha")
	return w
}

// TestOneUserOfManySessionsSlowsNobody measures what a user of 20,000 sessions costs: no call of
// theirs keeps the server busy for 2 ms with one script, and the loads of another tenant beside
// their lists, as fast as they are answered, are as fast as beside the same lists of another
// server, which take as much of the machine.
func TestOneUserOfManySessionsSlowsNobody(t *testing.T) {
	if !testneed.Soak() {
		t.Skip("a measurement: REEVE_SOAK=1; TestNoScriptWorksOnMoreThanAHundredRecords counts")
	}
	f, control := newFixture(t, 5*time.Second), newFixture(t, 5*time.Second)
	globex := tenant.MustParse("globex")
	if err := f.store.SetTenantStatus(t.Context(), globex, tenant.Active); err != nil {
		t.Fatal(err)
	}
	quiet := draft()
	quiet.Tenant = globex
	quiet, err := f.store.Create(t.Context(), quiet, session.CreateOptions{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	all := f.legacy(20_000)
	control.legacy(session.MaxSessionLimit + 100) // as many as a list shows, and more
	other := open(t, f.server.URL(), f.opts)      // another instance

	lists := func(f *fixture) func() error {
		return func() error { _, err := f.store.List(context.Background(), acme, alice); return err }
	}
	situations := []struct {
		name string
		do   func() error // again and again, nil for nothing
	}{
		{"alone", nil},
		{"one stream", func() error {
			_, err := f.store.Peek(context.Background(), acme, alice, []session.ID{all[0].ID})
			time.Sleep(400 * time.Millisecond)
			return err
		}},
		{"lists of another server", lists(control)},
		{"lists", lists(f)},
		{"lists of another server, again", lists(control)},
	}
	p99s := map[string][]time.Duration{}
	for round := range 12 {
		for _, in := range situations {
			stop := make(chan struct{})
			var running sync.WaitGroup
			if in.do != nil {
				running.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if err := in.do(); err != nil {
							t.Errorf("%s: %v", in.name, err)
						}
					}
				})
			}
			var took []time.Duration
			for range 1000 {
				start := time.Now()
				if _, err := other.Load(t.Context(), quiet.Ref()); err != nil {
					t.Error(err)
				}
				took = append(took, time.Since(start))
				time.Sleep(time.Millisecond)
			}
			close(stop)
			running.Wait()
			if round > 1 { // warm
				slices.Sort(took)
				p99s[in.name] = append(p99s[in.name], took[len(took)*99/100])
			}
		}
	}
	median := func(name string) time.Duration {
		slices.Sort(p99s[name])
		return p99s[name][len(p99s[name])/2]
	}
	for _, in := range situations {
		t.Logf("%-30s p99 of the rounds, median %v: %v", in.name, median(in.name), p99s[in.name])
	}
	one, again, beside := median("lists of another server"), median("lists of another server, again"), median("lists")
	if same := float64(max(one, again)) / float64(min(one, again)); same > 1.2 {
		t.Logf("this machine cannot tell: the p99 beside another server's lists is %.2f times itself", same)
	} else if limit := max(one, again) * 6 / 5; beside > limit {
		t.Errorf("lists take the p99 of another tenant to %v, those of another server to %v and %v", beside, one, again)
	}

	for _, call := range aged(all) {
		before := f.work()
		if err := call.do(t.Context(), f.store); err != nil {
			t.Errorf("%s: %v", call.name, err)
		}
		after := f.work()
		scripts, cpu := after.scripts-before.scripts, after.cpu-before.cpu
		if scripts == 0 {
			t.Errorf("%s: no script was seen", call.name)
			continue
		}
		t.Logf("%-36s %3d scripts, %v of the server's processor each", call.name, scripts, (cpu / time.Duration(scripts)).Round(time.Microsecond))
		if cpu/time.Duration(scripts) > 2*time.Millisecond {
			t.Errorf("%s: %d scripts take %v of the server's processor", call.name, scripts, cpu)
		}
	}
}
