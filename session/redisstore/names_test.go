package redisstore

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func testNames(tb testing.TB, key byte) names {
	tb.Helper()
	n, err := newNames("reeve", session.NewSecretKey(bytes.Repeat([]byte{key}, session.MinKeyLength)))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func (k userKeys) all(s sessionKeys) []string {
	return []string{k.epoch, k.index, k.order, k.events, s.record, s.seen, s.refresh}
}

func drawRef(t *rapid.T, label string) session.Ref {
	tenants := rapid.StringMatching(`[a-zA-Z0-9][a-zA-Z0-9_-]{0,5}`)
	users := rapid.OneOf(rapid.StringMatching(`[ab_.@|/\\%#{}:*?-]{1,4}`), rapid.StringMatching(`[a-z0-9]{1,6}`))
	return session.Ref{
		Tenant: tenant.MustParse(tenants.Draw(t, label+" tenant")),
		User:   session.MustParseUserID(users.Draw(t, label+" user")),
		ID:     session.NewID(),
	}
}

// The keys of one user share a slot and those of two users share nothing, whatever their
// ids are, also when one id continues the other.
func TestKeysOfTwoUsersNeverCollide(t *testing.T) {
	n := testNames(t, 1)
	tag := regexp.MustCompile(`^reeve:\{u-[A-Za-z0-9_-]{22}\}:[a-z]`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawRef(t, "a"), drawRef(t, "b")
		ua, sa := n.ref(a)
		ub, sb := n.ref(b)
		same := a.Tenant == b.Tenant && a.User == b.User
		if (ua.base == ub.base) != same {
			t.Fatalf("%v and %v: %s, %s", a, b, ua.base, ub.base)
		}
		for _, ka := range ua.all(sa) {
			if !tag.MatchString(ka) || strings.Count(ka, "{") != 1 || strings.Count(ka, "}") != 1 {
				t.Fatalf("%q is not under one hash tag", ka)
			}
			if !strings.HasPrefix(ka, ua.base) {
				t.Fatalf("%q is not under %q", ka, ua.base)
			}
			for _, kb := range ub.all(sb) {
				if !same && ka == kb {
					t.Fatalf("%v and %v share %q", a, b, ka)
				}
			}
		}
		if sa.record == sb.record {
			t.Fatal("two sessions share a record")
		}
	})
}

func TestPartsOfADigestAreNotRunTogether(t *testing.T) {
	n := testNames(t, 1)
	seen := map[string][]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"", "ab"}, {"ab", ""}, {"a", "", "b"}} {
		d := n.digest("user", parts...)
		if other, ok := seen[d]; ok {
			t.Errorf("%q and %q have one digest", parts, other)
		}
		seen[d] = parts
	}
	if n.digest("user", "a") == n.digest("tenant", "a") {
		t.Error("a user and a tenant of one name have one digest")
	}
	if n.digest("user", "a") == testNames(t, 2).digest("user", "a") {
		t.Error("the digest does not depend on the key")
	}
}

// Events name sessions by members; who has the key reads the digest that logs show.
func TestAMemberLeadsToTheDigestOfItsSessionOnlyWithTheKey(t *testing.T) {
	n, id := testNames(t, 1), session.NewID()
	member := n.memberOf(id)
	if shown, ok := n.shown(member); !ok || shown != id.Fingerprint() {
		t.Errorf("%q, %v, want %q", shown, ok, id.Fingerprint())
	}
	if shown, _ := testNames(t, 2).shown(member); shown == id.Fingerprint() {
		t.Error("another key shows the digest")
	}
	for _, text := range []string{"", "x", "=", member[:20], member + "!"} {
		if shown, ok := n.shown(text); ok {
			t.Errorf("%q is shown as %q", text, shown)
		}
	}
}

func TestNoIDIsInAKeyName(t *testing.T) {
	n := testNames(t, 1)
	ref := session.Ref{Tenant: tenant.MustParse("canary-tenant"), User: session.MustParseUserID("canary-user"), ID: session.NewID()}
	user, keys := n.ref(ref)
	for _, key := range append(user.all(keys), n.tenant(ref.Tenant), n.global(), keys.member) {
		for _, secret := range []string{"canary", ref.ID.Reveal(), ref.ID.Fingerprint(), string(ref.ID.Bytes())} {
			if strings.Contains(key, secret) {
				t.Errorf("%q contains %q", key, secret)
			}
		}
	}
}
