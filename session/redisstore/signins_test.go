package redisstore

import (
	"strconv"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

func linkOfUser(name string, n int) string { return user(name).ends + ":" + strconv.Itoa(n) }

// One account that signs in, or is signed out, 70,000 times at its provider costs nobody else what
// is remembered of theirs. Sign-ins beyond its share are remembered by their number.
func TestNoUserPushesOutTheSignInsOfOthers(t *testing.T) {
	m := newMemory()
	id := session.NewID()
	m.signIns.bind(linkOfUser("bob", 0), linkedNamed, id, "bob's", 1)
	m.signIns.end(linkOfUser("carol", 0), linkedNamed, 7, 1)
	m.cuts.maxNamed(user("bob").base, "bob's sign-in:{n-", 5)
	m.cuts.max(user("bob").ends, 6)
	m.cuts.max("of a tenant", 8)
	for i := range 70_000 {
		number := strconv.Itoa(i)
		m.signIns.bind(linkOfUser("mallory", i), linkedNamed, session.NewID(), "mallory's "+number, uint64(i+1))
		m.endSession(user("mallory"), "mallory's "+number, ending{change: uint64(i + 1)})
		m.cuts.maxNamed(user("mallory").base, "mallory's "+number+":{n-", 5)
		m.cuts.maxNamed("", "nobody's "+number+":{n-", 5)
	}
	if got := m.signIns.get(linkOfUser("bob", 0)); got.id != id || got.as != linkedNamed {
		t.Errorf("the sign-in of another user is remembered as %+v", got)
	}
	if m.endSession(user("bob"), "bob's", ending{change: 9}); m.signIns.get(linkOfUser("bob", 0)).ended != 9 {
		t.Error("the session of another user's sign-in is forgotten")
	}
	if m.signIns.get(linkOfUser("carol", 0)).ended != 7 {
		t.Error("that another user's sign-in has ended is forgotten")
	}
	if m.cuts.get("bob's sign-in:{n-") != 5 || m.cuts.get(user("bob").ends) != 6 || m.cuts.get("of a tenant") != 8 {
		t.Error("cuts of others are forgotten")
	}
	if n := len(m.signIns.links.values.all()); n != signInShare+2 {
		t.Errorf("%d sign-ins are remembered one by one, want %d of one user and 2 of others", n, signInShare)
	}
	if n := len(m.signIns.bonds.all()); n > signInShare+1 {
		t.Errorf("%d sessions are remembered to be of a sign-in, want those of the sign-ins that are", n)
	}
	if floor := m.signIns.links.floorOf(user("mallory").base); floor != 70_000-signInShare {
		t.Errorf("what is beyond the share is remembered by %d changes, want %d", floor, 70_000-signInShare)
	}
	if m.signIns.get(linkOfUser("mallory", 69_999)).ended != 70_000 || m.signIns.get(linkOfUser("mallory", 0)) != (linked{}) {
		t.Error("the newest of the user's sign-ins are remembered one by one, and no others")
	}
	if m.signIns.links.floorOf(user("bob").base) != 0 {
		t.Error("a user within the share is remembered by more than the sign-ins")
	}
}

// The keys that are held to tell the shares of users are no more than there are values, however many
// users have a few each.
func TestWhatTellsTheSharesOfUsersIsBounded(t *testing.T) {
	const limit = 100
	m, held := newSignIns(limit), 0
	for n := range 20 * limit {
		for i := range 5 {
			m.bind(linkOfUser(strconv.Itoa(n), i), linkedNamed, session.NewID(), strconv.Itoa(n)+" "+strconv.Itoa(i), uint64(i+1))
		}
	}
	for _, own := range m.links.users.all() {
		held += len(own.held)
		if cap(own.held) > 2*signInShare {
			t.Fatalf("a portion has room for %d keys", cap(own.held))
		}
	}
	if most := 3 * limit; held > most {
		t.Errorf("%d keys are held, at most %d should be", held, most)
	}
	for i := range 5 {
		if m.get(linkOfUser(strconv.Itoa(20*limit-1), i)) == (linked{}) {
			t.Error("a sign-in of the last user is forgotten")
		}
	}
}

// An end that comes without a number of its own leaves that of the adoption.
func TestASignInIsPushedOutWithItsHighestNumber(t *testing.T) {
	m := newSignIns(100)
	m.bind(linkOfUser("alice", 0), linkedNamed, session.NewID(), "record", 1000)
	m.endOf("record", 5)
	for i := range signInShare {
		m.end(linkOfUser("alice", i+1), linkedNamed, 1, 1)
	}
	if floor := m.links.floorOf(user("alice").base); floor != 1000 {
		t.Errorf("the floor is %d, want that of the adoption", floor)
	}
}

// A clock that was ahead when a key was pushed out, and is right now, does not outdate the floor: by it
// a Redis that is behind is noticed.
func TestAClockThatIsSetBackForgetsNoFloor(t *testing.T) {
	m := newSignIns(100)
	for i := range signInShare + 1 {
		m.end(linkOfUser("alice", i), linkedNamed, 1, uint64(i+1))
	}
	own := m.links.users.get(user("alice").base)
	if floor := own.lowest(); floor != 1 {
		t.Fatalf("the floor is %d", floor)
	}
	own.floor.at = own.floor.at.Add(time.Minute)
	if floor := own.lowest(); floor != 1 {
		t.Errorf("a minute before it came about the floor is %d", floor)
	}
	own.floor.at = time.Now().Add(time.Hour - session.EndsKept - time.Second)
	if floor := own.lowest(); floor != 0 {
		t.Errorf("when Redis need not know of it the floor is %d", floor)
	}
}
