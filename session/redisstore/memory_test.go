package redisstore

import (
	"strconv"
	"testing"
)

func TestAMemoryIsBoundedAndKeepsTheNewest(t *testing.T) {
	const limit = 100
	g := generations{limit: limit}
	for i := range 10 * limit {
		g.max(strconv.Itoa(i), uint64(i+1))
		if held := len(g.young) + len(g.old); held > 2*limit {
			t.Fatalf("%d entries are held, the limit is %d", held, 2*limit)
		}
		for j := max(0, i-limit+1); j <= i; j++ {
			if g.get(strconv.Itoa(j)) != uint64(j+1) {
				t.Fatalf("entry %d of the last %d is forgotten after %d", j, limit, i)
			}
		}
	}
	if g.get("0") != 0 {
		t.Error("the oldest entry is remembered")
	}
}

func TestAMemoryNeverGoesBack(t *testing.T) {
	m := newMemory()
	if m.ofUser("u", 5) != 5 || m.ofUser("u", 3) != 5 || m.ofShared("t", 7) != 7 || m.ofShared("t", 6) != 7 {
		t.Error("a lower epoch counts")
	}
	m.userRevoked("u", 9)
	if m.ofUser("u", 5) != 9 {
		t.Error("a revocation of this instance was forgotten")
	}
	if m.ofUser("v", 0) != 0 || m.ofShared("w", 0) != 0 || m.hasEnded("s") {
		t.Error("something is known of what was never seen")
	}
}

// Users who are merely active push out what was read of others, and no revocation.
func TestReadingOfOthersForgetsNoRevocation(t *testing.T) {
	m := newMemory()
	m.ofUser("heard", 1)
	m.ofUser("heard", 5) // somebody else revoked the user
	m.userRevoked("revoked", 5)
	for i := range 3 * keepSeen {
		m.ofUser("other "+strconv.Itoa(i), 1)
	}
	if m.ofUser("heard", 1) != 5 || m.ofUser("revoked", 1) != 5 {
		t.Error("a revocation was forgotten")
	}
}
