package redispolicy

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
)

func TestOptionsThatAreWrongAreAllNamed(t *testing.T) {
	good := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
	hanging := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer good.Close()
	defer hanging.Close()
	engine, err := policy.Load(policies.Files(), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewPublisher(good, PublisherOptions{Name: "billing", Key: session.NewPrivateKey(key(0))}); err != nil {
		t.Error(err)
	}
	if _, err := NewFollower(good, engine, FollowerOptions{Name: "billing", Keys: public(key(0))}); err != nil {
		t.Error(err)
	}
	_, err = NewPublisher(hanging, PublisherOptions{Name: "Billing}", Trusted: []ed25519.PublicKey{nil}})
	names(t, err, "client: ", "Name: ", "Key: ", "Trusted[0]: ")
	for _, k := range []session.SecretKey{session.NewSecretKey(key(0)), session.NewPrivateKey(key(0)[:63])} {
		_, err = NewPublisher(good, PublisherOptions{Name: "billing", Key: k})
		names(t, err, "Key: an ed25519 private key")
	}
	_, err = NewFollower(nil, &policy.Engine{}, FollowerOptions{})
	names(t, err, "client: ", "engine: ", "Name: ", "Keys: ")
	_, err = NewFollower(good, engine, FollowerOptions{Name: strings.Repeat("x", 65), Keys: []ed25519.PublicKey{{1}}})
	names(t, err, "Name: ", "Keys[0]: ")
}

func names(t *testing.T, err error, fields ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("they are accepted")
	}
	for _, f := range fields {
		if !strings.Contains(err.Error(), f) {
			t.Errorf("%s is not named: %v", f, err)
		}
	}
}
