//go:build unix

package service_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

var publishKey = func() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("publisher"))
	return ed25519.NewKeyFromSeed(seed[:])
}()

func publicKey(t *testing.T) string {
	t.Helper()
	public, is := publishKey.Public().(ed25519.PublicKey)
	if !is {
		t.Fatal("no public key")
	}
	return base64.StdEncoding.EncodeToString(public)
}

// get sends a request and returns its status, and 0 when there is no answer.
func (i *instance) get(token, path string) int {
	r, err := http.NewRequest(http.MethodGet, i.api+path, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// A service whose policy is in Redis is not ready before there is one, and follows what is published:
// by the announcement, and by asking where that was missed. A Redis that goes and comes, empty, changes
// nothing of what decides.
func TestAPolicyPublishedInRedisIsFollowed(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled = true
	client := redis.NewClient(options)
	defer client.Close()
	publisher, err := redispolicy.NewPublisher(redispolicy.PublisherConfig{Client: client, Name: "tracker", Key: session.NewPrivateKey(publishKey)})
	if err != nil {
		t.Fatal(err)
	}
	p := newPolicies(t)
	publish := func(search bool) {
		t.Helper()
		p.publish(search)
		if _, err := publisher.Publish(t.Context(), os.DirFS(p.dir)); err != nil {
			t.Fatal(err)
		}
	}
	settings := append(shared(server.URL()), "policy.redis=tracker", "policy.keys="+publicKey(t))
	told := start(t, append(settings, "policy.poll=1h")...)    // hears of it, and would not ask in the time of a test
	asks := start(t, append(settings, "policy.poll=200ms")...) // does not hear of it, see below
	for _, i := range []*instance{told, asks} {
		testwait.Until(t, "it waits for a policy", func() bool { return strings.Contains(i.out.String(), `nothing is published as`) })
		if code := i.probe("/readyz"); code != http.StatusServiceUnavailable {
			t.Errorf("/readyz without a policy: %d", code)
		}
	}
	publish(false)
	told.ready()
	asks.ready()
	token := told.login("gus")
	for _, i := range []*instance{told, asks} {
		if code := i.get(token, "/search?q=the"); code != http.StatusForbidden {
			t.Errorf("by the published policy: %d", code)
		}
	}
	testwait.Until(t, "both hear", func() bool {
		n, err := client.PubSubNumSub(t.Context(), "reeve:policy:{tracker}:announce").Result()
		return err == nil && n["reeve:policy:{tracker}:announce"] == 2
	})
	publish(true)
	for _, i := range []*instance{told, asks} {
		testwait.Until(t, "it has heard", func() bool { return i.get(token, "/search?q=the") == http.StatusOK })
	}
	if code := told.stop(); code != 0 {
		t.Errorf("exit %d", code)
	}

	// Nobody can hear from here on.
	if err := client.Do(t.Context(), "ACL", "SETUSER", "default", "resetchannels", "-subscribe", "-ssubscribe", "-psubscribe").Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub").Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Do(t.Context(), "ACL", "SETUSER", "default", "&*").Err(); err != nil {
		t.Fatal(err)
	}
	publish(false)
	testwait.Until(t, "it has asked", func() bool { return asks.get(token, "/search?q=the") == http.StatusForbidden })
}

// A tenant that is suspended while instances run is refused by each of them, and let in again when it is
// resumed, by whoever changes its status in Redis.
func TestTenantsComeAndGoWhileInstancesRun(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--appendonly", "no")
	key := func(n byte) session.SecretKey {
		sum := sha256.Sum256([]byte{n})
		return session.NewSecretKey(sum[:])
	}
	store, err := redisstore.Open(server.URL(), redisstore.Config{NameKey: key(2), SealKeys: []session.SecretKey{key(3)}, Prefix: "tracker"})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	operator, err := session.NewManager(store, session.Config{Key: key(0)})
	if err != nil {
		t.Fatal(err)
	}
	instances := []*instance{start(t, shared(server.URL())...), start(t, shared(server.URL())...)}
	for _, i := range instances {
		i.ready()
	}
	token := instances[0].login("gus")
	acme := tenant.MustParse("acme")
	for _, row := range []struct {
		status tenant.Status
		want   int
	}{{tenant.Suspended, http.StatusForbidden}, {tenant.Active, http.StatusOK}, {tenant.Suspended, http.StatusForbidden}} {
		if err := operator.SetTenantStatus(t.Context(), acme, row.status); err != nil {
			t.Fatal(err)
		}
		for n, i := range instances {
			testwait.Until(t, fmt.Sprintf("instance %d answers %d", n, row.want), func() bool { return i.get(token, "/tasks/task-1001") == row.want })
		}
	}
}
