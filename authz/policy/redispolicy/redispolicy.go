// Package redispolicy brings one policy to every instance of a service, by way of Redis.
//
//	publisher, err := redispolicy.NewPublisher(client, redispolicy.PublisherOptions{Name: "billing", Key: session.NewPrivateKey(private)})
//	revision, err := publisher.Publish(ctx, os.DirFS("policies"))
//
//	follower, err := redispolicy.NewFollower(client, engine, redispolicy.FollowerOptions{Name: "billing", Keys: []ed25519.PublicKey{public}})
//	err = follower.Start(ctx)
//	defer follower.Close()
//
// A bundle is all files of a policy, kept under the SHA-256 of its bytes and never changed.
// A signed record says which bundle holds, under a sequence that only grows; going back is
// publishing an older bundle under a new sequence. Followers are told by pub/sub and ask
// every few seconds besides, and take a bundle as a whole or not at all: one that is
// forged, replayed, damaged or does not load changes nothing.
//
// Who can write to Redis can keep a new policy from arriving. They cannot make an instance
// take a policy that the key's holder did not publish, nor go back to an older one; only an
// instance that has just started, and has seen no newer record, can be given an old one.
package redispolicy

import (
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Errors of this package. The policy that was loaded before keeps deciding on each.
var (
	// ErrUnavailable means that Redis could not be asked, or gave no sensible answer.
	ErrUnavailable = errors.New("redispolicy: Redis is not available")

	// ErrMisconfigured means that Redis answers and forbids what has to be asked: its user lacks
	// what AccessList prints. Waiting does not mend it.
	ErrMisconfigured = errors.New("redispolicy: Redis is misconfigured")

	// ErrUntrusted means that a record is not signed by a trusted key, or is of another
	// policy.
	ErrUntrusted = errors.New("redispolicy: untrusted record")

	// ErrReplayed means that a genuine record is older than the one that holds.
	ErrReplayed = errors.New("redispolicy: replayed record")

	// ErrCorrupt means that a bundle is not the one that its record names.
	ErrCorrupt = errors.New("redispolicy: corrupt bundle")

	// ErrTooLarge means that a bundle is larger than the options allow.
	ErrTooLarge = errors.New("redispolicy: bundle too large")

	// ErrUnknown means that the history holds no such revision.
	ErrUnknown = errors.New("redispolicy: unknown revision")

	// ErrConflict means that others kept publishing at the same moment.
	ErrConflict = errors.New("redispolicy: too many publishers at once")

	// ErrStarted means that a Follower was started before or is closed.
	ErrStarted = errors.New("redispolicy: follower started before")
)

// Defaults of the options.
const (
	DefaultPoll    = 10 * time.Second
	DefaultPause   = 200 * time.Millisecond
	DefaultTimeout = 2 * time.Second
	DefaultMaxSize = 8 << 20 // bytes
)

// HistoryLength is how many records Redis keeps, and the bundles that they name.
const HistoryLength = 20

// keys are where Redis keeps a policy. They share a slot, so that one script may touch
// them all on a cluster.
type keys struct{ head, history, bundles, channel string }

func newKeys(name string) keys {
	p := "reeve:policy:{" + name + "}:"
	return keys{head: p + "head", history: p + "history", bundles: p + "bundles", channel: p + "announce"}
}

// validName accepts 1 to 64 of [a-z0-9_-]. A name is a word of a record and a part of keys.
func validName(name string) bool {
	for i := range len(name) {
		b := name[i]
		if !('a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '-' || b == '_') {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// checkClient returns why a client must not be used, or nil. Without deadlines of its
// calls, a Redis that hangs would hang those who ask it.
func checkClient(client redis.UniversalClient) error {
	there, bounded := false, false
	switch c := client.(type) {
	case nil:
	case *redis.Client:
		if there = c != nil; there {
			bounded = c.Options().ContextTimeoutEnabled
		}
	case *redis.ClusterClient:
		if there = c != nil; there {
			bounded = c.Options().ContextTimeoutEnabled
		}
	default:
		return fmt.Errorf("client: %T cannot be checked: only *redis.Client and *redis.ClusterClient are accepted", client)
	}
	switch {
	case !there:
		return errors.New("client: nil")
	case !bounded:
		return errors.New("client: ContextTimeoutEnabled is off: calls would not end at their deadline, set it in the client's Options")
	}
	return nil
}
