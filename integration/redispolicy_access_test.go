//go:build unix

package integration_test

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
)

// The access lists of a publisher and of a follower are enough for each, and without any one
// permission the first call fails by an error that names it; nothing is published then, and the
// policy that was loaded keeps deciding.
func TestEachMissingPermissionOfAPolicysUserIsNamed(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 0, redispolicy.FollowerConfig{})
	as := func(list string) *redis.Client {
		t.Helper()
		for _, line := range []string{"ACL SETUSER policy on >secret", "SCRIPT FLUSH", list} {
			if err := f.client.Do(t.Context(), aclWords(line)...).Err(); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
		client := redis.NewClient(&redis.Options{
			Addr: f.server.Addr(), Username: "policy", Password: "secret", ContextTimeoutEnabled: true, MaxRetries: -1, DisableIdentity: true,
		})
		t.Cleanup(func() { client.Close() })
		return client
	}
	publish := func(client *redis.Client) error {
		p, err := redispolicy.NewPublisher(redispolicy.PublisherConfig{Client: client, Name: "shop", Key: session.NewPrivateKey(f.private)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = p.Publish(t.Context(), shop(1)); err == nil {
			_, err = p.History(t.Context())
		}
		return err
	}
	engine, err := policy.Load(shop(0), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	follower := func(client *redis.Client) *redispolicy.Follower {
		follower, err := redispolicy.NewFollower(redispolicy.FollowerConfig{Client: client, Engine: engine, Name: "shop", Keys: []ed25519.PublicKey{f.public}, Poll: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return follower
	}
	sync := func(client *redis.Client) error { return follower(client).Sync(t.Context()) }

	read := func(client *redis.Client) error {
		r, err := redispolicy.NewReader(redispolicy.ReaderConfig{Client: client, Name: "shop", Keys: []ed25519.PublicKey{f.public}})
		if err != nil {
			t.Fatal(err)
		}
		head, err := r.Head(t.Context())
		if err != nil && !errors.Is(err, redispolicy.ErrUnknown) {
			return err
		}
		_, err = r.History(t.Context())
		if err == nil {
			_, err = r.Files(t.Context(), head)
		}
		return err
	}
	reader, err := redispolicy.NewReader(redispolicy.ReaderConfig{Client: f.client, Name: "shop", Keys: []ed25519.PublicKey{f.public}})
	if err != nil {
		t.Fatal(err)
	}
	// A reader asks for nothing but what it reads, so the list names each thing that may lack.
	for _, rule := range strings.Fields(reader.AccessList("policy"))[6:] {
		if rule == "+hget" { // nothing is there to be read yet
			continue
		}
		left := strings.Replace(reader.AccessList("policy")+" ", " "+rule+" ", " ", 1)
		if err := read(as(left)); !errors.Is(err, redispolicy.ErrMisconfigured) || !strings.Contains(err.Error(), reader.AccessList("<user>")) {
			t.Errorf("a reader without %s: %v", rule, err)
		}
	}

	lists := map[string]struct {
		list string
		use  func(*redis.Client) error
	}{
		"publisher": {f.publisher.AccessList("policy"), publish},
		"follower":  {follower(f.client).AccessList("policy"), sync},
	}
	before := policyRevision(t, shop(0))
	for user, l := range lists {
		for _, rule := range strings.Fields(l.list)[6:] {
			left := strings.Replace(l.list+" ", " "+rule+" ", " ", 1)
			err := l.use(as(left))
			if !errors.Is(err, redispolicy.ErrMisconfigured) || errors.Is(err, redispolicy.ErrUnavailable) || !strings.Contains(err.Error(), strings.TrimPrefix(rule, "+")) {
				t.Errorf("a %s without %s: %v", user, rule, err)
			}
		}
	}
	if n, err := f.client.Exists(t.Context(), policyHead, policyHistory, policyBundles).Result(); n != 0 || err != nil {
		t.Errorf("%d keys were written by who may not publish, %v", n, err)
	}
	if engine.Revision() != before {
		t.Error("another policy decides")
	}
	eventuallyPublished := publish(as(lists["publisher"].list))
	if eventuallyPublished != nil {
		t.Fatalf("Publish with the printed list: %v", eventuallyPublished)
	}
	if err := read(as(reader.AccessList("policy"))); err != nil {
		t.Errorf("read with the printed list: %v", err)
	}
	live := follower(as(lists["follower"].list))
	if err := live.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	testwait.Until(t, "the follower has the policy and hears", func() bool {
		s := live.Stats()
		return s.Err == nil && s.Subscribed && engine.Revision() == policyRevision(t, shop(1))
	})
}
