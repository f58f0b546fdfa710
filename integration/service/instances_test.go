//go:build unix

package service_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/service/fleet"
)

// states are those of the instances that Redis lists, the oldest first.
func states(t *testing.T, client redis.UniversalClient) string {
	t.Helper()
	list, err := fleet.List(t.Context(), client, "tracker")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, i := range list {
		if i.Revision == "" || i.Host == "" {
			t.Errorf("an instance says no revision or no host: %+v", i)
		}
		all = append(all, i.State)
	}
	return strings.Join(all, " ")
}

// Instances are in Redis while they run, with their state, and leave when they stop. One that is killed
// is gone after three beats, and is another when it is started again.
func TestInstancesAreListedWhileTheyRun(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled = true
	client := redis.NewClient(options)
	defer client.Close()
	settings := append(shared(server.URL()), "redis.beat=200ms")
	listed := func(want string) {
		t.Helper()
		testwait.Until(t, "the instances are: "+want, func() bool { return states(t, client) == want })
	}
	first := start(t, settings...).ready()
	listed("running")
	second := start(t, settings...).ready()
	listed("running running")

	request := second.slow(second.login("gus"))
	testwait.Until(t, "it is in flight", func() bool { return strings.Contains(second.text("/metrics"), "tracker_requests_in_flight 1\n") })
	second.signal(syscall.SIGTERM)
	listed("running draining")
	if line, err := request.finish(); err != nil || line != "HTTP/1.1 201 Created" {
		t.Errorf("%q %v", line, err)
	}
	if code := <-second.ended; code != 0 {
		t.Errorf("exit %d\n%s", code, second.out)
	}
	if got := states(t, client); got != "running" {
		t.Errorf("after a stop the instances are: %s", got)
	}

	before, err := fleet.List(t.Context(), client, "tracker")
	if err != nil {
		t.Fatal(err)
	}
	first.signal(syscall.SIGKILL)
	<-first.ended
	if got := states(t, client); got != "running" {
		t.Logf("the lease had ended already: %q", got)
	}
	listed("")
	start(t, settings...).ready()
	listed("running")
	after, err := fleet.List(t.Context(), client, "tracker")
	if err != nil || after[0].ID == before[0].ID {
		t.Errorf("%v: %+v was %+v", err, after, before)
	}
}

// The start that waits for Redis, and for a policy that nobody has published, is ended by a signal as
// everything else is: that is no failure.
func TestASignalEndsTheStart(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	i := start(t, append(shared(server.URL()), "policy.redis=tracker", "policy.keys="+publicKey(t))...)
	testwait.Until(t, "it waits for a policy", func() bool { return strings.Contains(i.out.String(), "the start waits for the published policy") })
	if code := i.probe("/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz without a policy: %d", code)
	}
	if code := i.stop(); code != 0 || i.closed() != "telemetry listener, telemetry requests, traces" {
		t.Errorf("exit %d, closed %s\n%s", code, i.closed(), i.out)
	}
	server.Kill()
	i = start(t, shared(server.URL())...)
	testwait.Until(t, "it waits for Redis", func() bool { return strings.Contains(i.out.String(), "the start waits for Redis") })
	i.signal(syscall.SIGINT)
	if code := <-i.ended; code != 0 {
		t.Errorf("exit %d\n%s", code, i.out)
	}
}
