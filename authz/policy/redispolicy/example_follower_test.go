package redispolicy_test

import (
	"context"
	"crypto/ed25519"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/session"
)

// A pipeline publishes what it has tested. Only it has the private key.
func ExampleNewPublisher() {
	publish := func(ctx context.Context, client *redis.Client, key session.SecretKey) error {
		publisher, err := redispolicy.NewPublisher(redispolicy.PublisherConfig{Client: client, Name: "billing", Key: key})
		if err != nil {
			return err
		}
		_, err = publisher.Publish(ctx, os.DirFS("policies"))
		return err
	}
	_ = publish
}

// Every instance follows. Sync waits for the published policy, so that nothing is served by an
// older one.
func ExampleNewFollower() {
	follow := func(ctx context.Context, client *redis.Client, engine *policy.Engine, public ed25519.PublicKey) (*redispolicy.Follower, error) {
		follower, err := redispolicy.NewFollower(redispolicy.FollowerConfig{
			Client: client, Engine: engine, Name: "billing", Keys: []ed25519.PublicKey{public},
		})
		if err != nil {
			return nil, err
		}
		if err := follower.Sync(ctx); err != nil {
			return nil, err
		}
		return follower, follower.Start(ctx) // the caller closes it
	}
	_ = follow
}
