// Package redisclient says which clients of Redis the packages that run scripts on one accept.
package redisclient

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Check returns why a client must not be used, or nil. Without deadlines of its calls, a Redis that
// does not answer would hold a caller for as long as the client's own limits allow.
func Check(client redis.UniversalClient) error {
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
		return fmt.Errorf("%T cannot be checked: only *redis.Client and *redis.ClusterClient are accepted", client)
	}
	switch {
	case !there:
		return errors.New("required")
	case !bounded:
		return errors.New("ContextTimeoutEnabled is off: calls would not end at their deadline, set it in the client's Options")
	}
	return nil
}

// IsName reports whether a name is 1 to 64 of [a-z0-9_-], so that it can be a part of keys and a word
// of records.
func IsName(name string) bool {
	for i := range len(name) {
		b := name[i]
		if !('a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '-' || b == '_') {
			return false
		}
	}
	return name != "" && len(name) <= 64
}
