// Package redispolicy brings one policy to every instance of a service, by way of Redis.
//
//	publisher, err := redispolicy.NewPublisher(redispolicy.PublisherConfig{Client: client, Name: "billing", Key: session.NewPrivateKey(private)})
//	published, err := publisher.Publish(ctx, os.DirFS("policies"))
//
//	follower, err := redispolicy.NewFollower(redispolicy.FollowerConfig{Client: client, Engine: engine, Name: "billing", Keys: []ed25519.PublicKey{public}})
//	err = follower.Start(ctx)
//	defer follower.Close()
//
// For most uses, publish from the pipeline that tests the policy, and follow in every instance.
// If each instance has the files on its own disk, package filepolicy follows them without Redis,
// and has the same form.
//
// A bundle is all files of a policy, kept under the SHA-256 of its bytes and never changed.
// A signed record says which bundle holds, under a sequence that only grows; going back is
// publishing an older bundle under a new sequence. Followers are told by pub/sub and ask
// every few seconds besides, and take a bundle as a whole or not at all: one that is
// forged, replayed, damaged or does not load changes nothing.
//
// A tenant to which ceiling.csv gives a key publishes its own rows by a [TenantPublisher], under a
// record of its own, and they take effect beside the policy. Such a key signs nothing else that
// counts: no other tenant's rows, not the common policy, and nothing above the ceiling. Until the
// first rows are there the tenant is closed.
//
// An attacker with write access to Redis can keep a new policy from arriving. They cannot make
// an instance take a policy that the key's holder did not publish, nor go back to an older one.
// Only an instance that has just started, and has seen no newer record, can be given an old one.
package redispolicy

import (
	"errors"

	"github.com/reevehq/reeve/tenant"
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

	// ErrTooLarge means that a bundle is larger than the config allows.
	ErrTooLarge = errors.New("redispolicy: bundle too large")

	// ErrUnknown means that the history holds no publication of that ID.
	ErrUnknown = errors.New("redispolicy: unknown revision")

	// ErrConflict means that others kept publishing at the same moment.
	ErrConflict = errors.New("redispolicy: too many publishers at once")

	// ErrStarted means that a Follower was started before or is closed.
	ErrStarted = errors.New("redispolicy: follower started before")
)

// HistoryLength is how many records Redis keeps, and the bundles that they name.
const HistoryLength = 20

// keys are where Redis keeps a policy. They share a slot, so that one script may touch
// them all on a cluster.
type keys struct{ head, history, bundles, channel, tenants string }

func newKeys(name string) keys {
	p := "reeve:policy:{" + name + "}:"
	return keys{tenants: p + "tenant:", head: p + "head", history: p + "history", bundles: p + "bundles", channel: p + "announce"}
}

// tenant is where Redis keeps the rows that a tenant publishes.
func (k keys) tenant(id tenant.ID) string { return k.tenants + id.String() }
