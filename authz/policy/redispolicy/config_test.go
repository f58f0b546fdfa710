package redispolicy

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
)

func TestConfigsThatAreWrongAreAllNamed(t *testing.T) {
	good := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
	hanging := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer good.Close()
	defer hanging.Close()
	engine, err := policy.Load(policies.Files(), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewPublisher(PublisherConfig{Client: good, Name: "billing", Key: session.NewPrivateKey(key(0))}); err != nil {
		t.Error(err)
	}
	if _, err := NewFollower(FollowerConfig{Client: good, Engine: engine, Name: "billing", Keys: public(key(0))}); err != nil {
		t.Error(err)
	}
	_, err = NewPublisher(PublisherConfig{Client: hanging, Name: "Billing}", Trusted: []ed25519.PublicKey{nil}})
	names(t, err, "Client: ", "Name: ", "Key: ", "Trusted[0]: ")
	for _, k := range []session.SecretKey{session.NewSecretKey(key(0)), session.NewPrivateKey(key(0)[:63])} {
		_, err = NewPublisher(PublisherConfig{Client: good, Name: "billing", Key: k})
		names(t, err, "Key: an ed25519 private key")
	}
	_, err = NewFollower(FollowerConfig{Engine: &policy.Engine{}})
	names(t, err, "Client: ", "Engine: ", "Name: ", "Keys: ")
	_, err = NewFollower(FollowerConfig{Client: good, Engine: engine, Name: strings.Repeat("x", 65), Keys: []ed25519.PublicKey{{1}}})
	names(t, err, "Name: ", "Keys[0]: ")
	_, err = NewFollower(FollowerConfig{Client: good, Engine: engine, Name: "billing", Keys: public(key(0)), Poll: -1, Pause: -1, Timeout: -1, MaxSize: -1})
	names(t, err, "Poll: -1ns: not below zero", "Pause: -1ns", "Timeout: -1ns", "MaxSize: -1: not below zero")
	_, err = NewPublisher(PublisherConfig{Client: good, Name: "billing", Key: session.NewPrivateKey(key(0)), Timeout: -1, MaxSize: -1})
	names(t, err, "Timeout: -1ns", "MaxSize: -1")
}

func TestAFollowerIsClosedTwiceAndStartedOnce(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
	defer client.Close()
	engine, err := policy.Load(policies.Files(), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFollower(FollowerConfig{Client: client, Engine: engine, Name: "billing", Keys: public(key(0))})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Start(t.Context()); !errors.Is(err, ErrStarted) {
			t.Errorf("started again: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func names(t *testing.T, err error, fields ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("they are accepted")
	}
	text, ours := strings.CutPrefix(err.Error(), "redispolicy: invalid config: ")
	if !ours {
		t.Errorf("it does not say whose config is invalid: %v", err)
	}
	for _, f := range fields {
		if !strings.Contains("\n"+text, "\n"+f) {
			t.Errorf("%s is not named: %v", f, err)
		}
	}
}
