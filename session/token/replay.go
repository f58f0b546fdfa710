package token

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// ReplayKey names one thing that may be used once. It is a digest, so that a store learns
// nothing of what it stands for and a stranger's text never reaches a key of its own.
type ReplayKey = [sha256.Size]byte

// ReplayStore remembers what was used, on every instance of a service alike. The stores
// of packages memstore and redisstore are two. Methods are safe for concurrent use and
// answer within a time limit of their own.
//
// An error means that the store cannot tell, which is an outage: nothing is accepted. An
// error of Use leaves open whether the key was recorded. A store must not ask a second
// time by itself, since it would take its own first attempt for a replay.
type ReplayStore interface {
	// Use records key for at least ttl and reports whether it was fresh: of any number of
	// calls with one key, at most one is told so until ttl has passed. The ttl of one kind of
	// key is the whole time in which one is accepted: a store that may have lost keys fails
	// until so much time has passed since.
	Use(ctx context.Context, key ReplayKey, ttl time.Duration) (fresh bool, err error)

	// Used reports whether key is recorded, and records nothing. The ttl is that of Use: where
	// Use would fail because keys may have been lost, so does Used.
	Used(ctx context.Context, key ReplayKey, ttl time.Duration) (bool, error)
}

// replicaSkew is how far the clocks of two instances of a service may differ before one
// forgets what the other still accepts.
const replicaSkew = time.Minute

// replayKey is injective in kind and parts: each is preceded by its length.
func replayKey(kind string, parts ...string) ReplayKey {
	h := sha256.New()
	for _, part := range append([]string{kind}, parts...) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return ReplayKey(h.Sum(nil))
}
