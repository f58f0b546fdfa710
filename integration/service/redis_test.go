//go:build unix

package service_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
)

// soon is how long after Redis has answered the service may take to be ready. Beside other tests it has
// more.
func soon() time.Duration {
	if testneed.Soak() {
		return time.Second
	}
	return 5 * time.Second
}

// A service whose Redis is not there starts, lives, and is not ready. It is ready within a second of
// Redis's first answer, and the same again when Redis goes while it runs: requests are then 503, and no
// session ends.
func TestTheServiceIsReadyWhenRedisIs(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t)
	server.Kill()
	i := start(t, shared(server.URL())...)
	testwait.Until(t, "it says that it waits", func() bool { return strings.Contains(i.out.String(), "the start waits for Redis") })
	for path, want := range map[string]int{"/livez": 200, "/readyz": 503, "/startupz": 503} {
		if code := i.probe(path); code != want {
			t.Errorf("%s without Redis: %d, want %d", path, code, want)
		}
	}
	back := func() {
		t.Helper()
		server.Restart()
		began := time.Now()
		i.ready()
		took := time.Since(began)
		t.Logf("ready %v after Redis", took.Round(time.Millisecond))
		if took > soon() {
			t.Errorf("ready %v after Redis", took)
		}
	}
	back()
	ask := func(token string) int {
		r, err := http.NewRequest(http.MethodGet, i.api+"/tasks/task-1001", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	token := i.login("gus")
	if code := ask(token); code != http.StatusOK {
		t.Error(code)
	}
	server.Kill()
	testwait.Until(t, "it is not ready", func() bool { return i.probe("/readyz") == http.StatusServiceUnavailable })
	if code := ask(token); code != http.StatusServiceUnavailable {
		t.Errorf("a request without Redis: %d", code)
	}
	if code := i.probe("/livez"); code != http.StatusOK || !strings.Contains(i.text("/readyz"), `"name":"redis","ok":false`) {
		t.Errorf("%d %s", code, i.text("/readyz"))
	}
	back()
	testwait.Until(t, "the session is served again", func() bool { return ask(token) == http.StatusOK })
	if code := i.stop(); code != 0 {
		t.Errorf("exit %d\n%s", code, i.out)
	}
}

// A Redis that may evict what was revoked is not waited for: the start fails, and says what to write.
func TestARedisThatMayLoseRevocationsIsRefused(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"allkeys-lru", "volatile-ttl"} {
		server := redisserver.Start(t, "--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", policy)
		i := start(t, shared(server.URL())...)
		if code := <-i.ended; code != 1 || !strings.Contains(i.out.String(), `part "redis": open: `) || !strings.Contains(i.out.String(), "CONFIG SET maxmemory-policy noeviction") {
			t.Errorf("%s: exit %d\n%s", policy, code, i.out)
		}
	}
}

// One that is set so while the service runs makes it not ready.
func TestARedisThatIsSetToEvictEndsReadiness(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	i := start(t, shared(server.URL())...).ready()
	client := server.Client()
	defer client.Close()
	for name, value := range map[string]string{"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"} {
		if err := client.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	testwait.Until(t, "it is not ready", func() bool { return i.probe("/readyz") == http.StatusServiceUnavailable })
	if err := client.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err(); err != nil {
		t.Fatal(err)
	}
	i.ready()
}
