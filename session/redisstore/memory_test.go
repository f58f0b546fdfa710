package redisstore

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func TestAMemoryIsBoundedAndKeepsTheNewest(t *testing.T) {
	const limit = 100
	var g generations
	g.limit = limit
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

// user returns the keys of a user as far as a memory looks at them.
func user(name string) userKeys { return names{prefix: "reeve"}.userAt("reeve:{u-" + name + "}:") }

func (m *memory) userEpoch(name string) uint64 { return m.ofUser(known{}, user(name)).epochs.user }

func TestAMemoryNeverGoesBack(t *testing.T) {
	m := newMemory()
	for _, epoch := range []uint64{5, 3} {
		m.readUser(user("u").epoch, epoch)
		m.shared.max("t", epoch+2)
		m.setStatus("t", status{tenant.Suspended, epoch})
		m.made.raise(user("u"), "s", stamp{version: epoch, print: uint32(epoch), steps: epoch}, 1)
	}
	m.setStatus("t", status{tenant.Active, 4})
	k := m.ofUser(m.ofTenant("g", "t"), user("u"))
	if k.epochs != (epochs{user: 5, tenant: 7}) || k.status != (status{tenant.Suspended, 5}) || m.ofSession("s") != (stamp{version: 5, print: 5, steps: 5}) {
		t.Errorf("an older state counts: %+v, %+v", k, m.ofSession("s"))
	}
	m.revoked.max(user("u").epoch, 9)
	m.readUser(user("u").epoch, 5)
	if m.userEpoch("u") != 9 {
		t.Error("a revocation of this instance was forgotten")
	}
	if (m.ofUser(m.ofTenant("g", "w"), user("v")) != known{}) || (m.ofSession("x") != stamp{}) {
		t.Error("something is known of what was never seen")
	}
}

// Users who are merely active push out what was read of others, and no revocation.
func TestReadingOfOthersForgetsNoRevocation(t *testing.T) {
	m := newMemory()
	m.readUser(user("heard").epoch, 1)
	m.readUser(user("heard").epoch, 5) // somebody else revoked the user
	m.revoked.max(user("revoked").epoch, 5)
	m.made.raise(user("out"), "signed out", stamp{gone: true}, 1)
	for i := range 3 * keepSeen {
		name := "other " + strconv.Itoa(i)
		m.readUser(user(name).epoch, 1)
		m.readSession(user(name), name, stamp{version: 2}, 1)
	}
	if m.userEpoch("heard") != 5 || m.userEpoch("revoked") != 5 || !m.ofSession("signed out").gone {
		t.Error("a revocation was forgotten")
	}
}

// One account that signs out 70,000 times, or as often changes its sessions, costs nobody else what
// is remembered of them. Changes beyond its share are remembered by the last of them.
func TestNoUserPushesOutWhatIsRememberedOfOthers(t *testing.T) {
	m := newMemory()
	m.made.raise(user("bob"), "bob's", stamp{gone: true}, 1)
	m.readSession(user("carol"), "carol's", stamp{version: 2}, 1)
	for i := range 70_000 {
		m.made.raise(user("mallory"), "made "+strconv.Itoa(i), stamp{gone: true}, uint64(i+1))
		m.readSession(user("mallory"), "met "+strconv.Itoa(i), stamp{version: 2}, uint64(i+1))
	}
	if !m.ofSession("bob's").gone || m.ofSession("carol's").version != 2 {
		t.Error("a user who changed much pushed out what was remembered of others")
	}
	if last := m.ofUser(known{}, user("mallory")).last; last != 70_000 {
		t.Errorf("the user over the share is remembered by change %d, want the last one", last)
	}
	if n := len(m.made.sessions.all()); n != userShare+1 {
		t.Errorf("%d sessions are remembered, want %d of one and 1 of the other", n, userShare)
	}
	if !m.ofSession("made 0").gone || m.ofSession("made 100").gone {
		t.Error("the first of the user's sessions are remembered one by one, and no others")
	}
	if m.ofUser(known{}, user("bob")).last != 0 {
		t.Error("a user within the share is remembered by more than the sessions")
	}
}

// Two histories can have one version: what was acknowledged in the one is dead in the other.
func TestAMarkOutdatesWhatIsOlderOrOfAnotherHistory(t *testing.T) {
	m := stampOf(3, "sealed")
	for name, c := range map[string]struct {
		stamp   stamp
		version uint64
		sealed  string
		want    bool
	}{
		"nothing is known":            {stamp{}, 1, "other", false},
		"the same record":             {m, 3, "sealed", false},
		"a newer one":                 {m, 4, "other", false},
		"an older one":                {m, 2, "other", true},
		"another one of that version": {m, 3, "other", true},
		"one that was ended":          {stamp{gone: true}, 9, "other", true},
		"only steps are known":        {stamp{steps: 7}, 1, "other", false},
	} {
		if got := c.stamp.outdates(c.version, c.sealed); got != c.want {
			t.Errorf("%s: outdated %v, want %v", name, got, c.want)
		}
	}
}

// A suspension is lifted by a newer version alone.
func TestOfTwoStatusesTheNewerOrTheStricterCounts(t *testing.T) {
	active, suspended := tenant.Active, tenant.Suspended
	for _, c := range []struct{ held, read, want status }{
		{status{suspended, 5}, status{active, 4}, status{suspended, 5}},
		{status{suspended, 5}, status{active, 5}, status{suspended, 5}},
		{status{active, 5}, status{suspended, 5}, status{suspended, 5}},
		{status{suspended, 5}, status{active, 6}, status{active, 6}},
		{status{active, 5}, status{suspended, 4}, status{active, 5}},
		{status{}, status{active, 1}, status{active, 1}},
	} {
		if got := c.held.newer(c.read); got != c.want {
			t.Errorf("%v, then %v: %v counts, want %v", c.held, c.read, got, c.want)
		}
	}
}

// This is the memory of all that is remembered when everything is full, with names as long as real
// ones, and how much of it one change is.
func TestWhatIsRememberedTakesABoundedAmountOfMemory(t *testing.T) {
	testneed.Optimized(t)
	held := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	n, err := newNames("reeve", session.NewSecretKey(make([]byte, session.MinKeyLength)))
	if err != nil {
		t.Fatal(err)
	}
	before := held()
	m := newMemory()
	for i := range 2 * keepMade {
		u := n.userAt(n.prefix + ":{u-" + fmt.Sprintf("%022d", i) + "}:")
		m.made.raise(u, u.member(fmt.Sprintf("%032d", i)).record, stamp{version: 2, print: 1, steps: 1}, 1)
	}
	stamps := (held() - before) / (2 * keepMade)
	for i := range 2 * keepRead {
		u := n.userAt(n.prefix + ":{u-" + fmt.Sprintf("%022d", i) + "}:")
		m.read.raise(u, u.member(fmt.Sprintf("%032d", i)).record, stamp{version: 2, print: 1, steps: 1}, 1)
		m.seen.max(u.epoch, 1)
		m.revoked.max(u.epoch, 1)
	}
	for i := range 2 * keepShared {
		m.shared.max(n.prefix+":{t-"+fmt.Sprintf("%022d", i)+"}", 1)
		m.setStatus(n.prefix+":{t-"+fmt.Sprintf("%022d", i)+"}", status{tenant.Active, 1})
	}
	own := held() - before
	for i := range 2 * keepMade { // a sign-in at a provider of each user, which has ended
		u := n.userAt(n.prefix + ":{u-" + fmt.Sprintf("%022d", i) + "}:")
		link, record := u.ends+":"+fmt.Sprintf("%022d", i), u.member(fmt.Sprintf("%032d", i)).record
		m.signIns.bind(link, linkedNamed, session.NewID(), record, 1)
		m.signIns.end(link, linkedNamed, 1, 1)
	}
	signIns := (held() - before - own) / (2 * keepMade)
	for i := range 2 * keepRevoked {
		u := n.userAt(n.prefix + ":{u-" + fmt.Sprintf("%022d", i) + "}:")
		m.limits.max(u.epoch, 1)
		m.blocks.update(u.block, func(block) block { return block{true, 1} })
		m.cuts.max(u.ends, 1)
		m.cuts.maxNamed(u.base, n.prefix+":{n-"+fmt.Sprintf("%022d", i)+"}", 1)
		m.cuts.maxNamed("", n.prefix+":{n-nobody's"+fmt.Sprintf("%013d", i)+"}", 1)
	}
	for i := range 2 * keepShared {
		m.cuts.max(n.prefix+":{t-"+fmt.Sprintf("%022d", i)+"}", 1)
	}
	all := held() - before
	t.Logf("a change of a user of one session: %d bytes, an end of a sign-in at a provider: %d bytes; sessions and tenants: %d MB, everything: %d MB", stamps, signIns, own>>20, all>>20)
	if stamps > 600 || signIns > 1000 || own > 64<<20 || all > 160<<20 {
		t.Errorf("a change takes %d bytes, a sign-in %d, sessions and tenants %d MB and everything %d MB, want at most 600 and 1,000 bytes, 64 and 160 MB", stamps, signIns, own>>20, all>>20)
	}
	runtime.KeepAlive(m)
}
