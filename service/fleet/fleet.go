// Package fleet says which instances of a service run, by way of Redis: each one appears there
// with a heartbeat, and leaves when it stops or when its heartbeat does.
//
//	member, err := fleet.NewMember(fleet.Config{
//		Client: client, Name: "billing", Version: version,
//		Revision: engine.Revision,
//		State:    func() string { return "running" },
//	})
//	err = member.Start(ctx)
//	defer member.Close()
//
//	instances, err := fleet.List(ctx, client, "billing")
//
// For most uses the Config above is enough. The command reeve instances prints the list, and
// reeve history how many instances decide by which revision of the policy.
//
// The list is for people and for graphs. Nothing is decided by it: everybody who can write to
// Redis can write to it, so its content is bounded, and refused where it would not print. An
// instance that Redis does not answer goes on without it.
package fleet

import (
	"errors"
	"time"
)

// Errors of this package.
var (
	// ErrUnavailable means that Redis could not be asked, or gave no sensible answer.
	ErrUnavailable = errors.New("fleet: Redis is not available")

	// ErrMisconfigured means that Redis answers and forbids what has to be asked: its user lacks
	// what AccessList prints. Waiting does not mend it.
	ErrMisconfigured = errors.New("fleet: Redis is misconfigured")

	// ErrInvalid means that a config, a name or what is to be shown of an instance is invalid.
	ErrInvalid = errors.New("fleet: invalid")

	// ErrFull means that [MaxInstances] others are there.
	ErrFull = errors.New("fleet: too many instances")

	// ErrStarted means that a Member was started before or is closed.
	ErrStarted = errors.New("fleet: member started before")
)

// MaxInstances is how many instances of one service are listed at most.
const MaxInstances = 1024

// defaultTimeout ends each call to Redis.
const defaultTimeout = 2 * time.Second

// keys are where Redis keeps the instances of a service. They share a slot, so that one script
// may touch both on a cluster.
type keys struct {
	ends    string // sorted set: id → when in ms the instance is gone unless it sends a heartbeat
	records string // hash: id → what there is to know, as JSON
}

func newKeys(name string) keys {
	p := "reeve:fleet:{" + name + "}:"
	return keys{p + "ends", p + "records"}
}
