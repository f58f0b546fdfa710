//go:build unix

package integration_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/internal/testwait"
)

// The attacker writes to Redis what they like. They have no key.
func TestNobodyWithoutTheKeyChangesThePolicy(t *testing.T) {
	t.Parallel()
	opts := onlyPolled
	opts.MaxSize = 16 << 10
	f := newFleet(t, 1, opts)
	i := f.instances[0]
	old := f.publish(0)
	oldHead := f.client.Get(t.Context(), policyHead).Val()
	now := f.publish(1)
	f.converge(now.ID)
	head := f.client.Get(t.Context(), policyHead).Val()
	bundle := f.client.HGet(t.Context(), policyBundles, now.Hash).Val()
	_, mallory, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// resigned is the head with some words changed and signed by a key.
	resigned := func(key ed25519.PrivateKey, change func(words []string)) string {
		words := strings.Split(head, " ")[:7]
		change(words)
		signed := strings.Join(words, " ")
		return signed + " " + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(signed)))
	}
	next := fmt.Sprint(now.Sequence + 1)
	// signed is a head for other bytes.
	signed := func(data []byte) func() {
		sum := sha256.Sum256(data)
		hash := hex.EncodeToString(sum[:])
		return func() {
			f.client.HSet(t.Context(), policyBundles, hash, data)
			f.client.Set(t.Context(), policyHead, resigned(f.private, func(w []string) { w[2], w[3], w[5] = next, hash, fmt.Sprint(len(data)) }), 0)
		}
	}
	var empty bytes.Buffer
	if err := zip.NewWriter(&empty).Close(); err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		attack func()
		want   error
	}{
		"a record of another key": {func() { f.client.Set(t.Context(), policyHead, resigned(mallory, func(w []string) { w[2] = next }), 0) }, redispolicy.ErrUntrusted},
		"a record with another sequence": {func() {
			f.client.Set(t.Context(), policyHead, strings.Replace(head, " "+fmt.Sprint(now.Sequence)+" ", " "+next+" ", 1), 0)
		}, redispolicy.ErrUntrusted},
		"a record of another policy": {func() {
			f.client.Set(t.Context(), policyHead, resigned(f.private, func(w []string) { w[1], w[2] = "staging", next }), 0)
		}, redispolicy.ErrUntrusted},
		"no record at all":          {func() { f.client.Set(t.Context(), policyHead, strings.Repeat("x", 1<<20), 0) }, redispolicy.ErrUntrusted},
		"an older record, replayed": {func() { f.client.Set(t.Context(), policyHead, oldHead, 0) }, redispolicy.ErrReplayed},
		"another record of the same sequence": {func() {
			f.client.Set(t.Context(), policyHead, resigned(f.private, func(w []string) { w[6] = "1" }), 0)
		}, redispolicy.ErrReplayed},
		"no record any more":    {func() { f.client.Del(t.Context(), policyHead) }, redispolicy.ErrUnavailable},
		"a key of another type": {func() { f.client.Del(t.Context(), policyHead); f.client.LPush(t.Context(), policyHead, "x") }, redispolicy.ErrUnavailable},
		"a bundle with other bytes": {func() {
			f.client.HSet(t.Context(), policyBundles, now.Hash, strings.Replace(bundle, "deny", "allo", 1))
			f.client.Set(t.Context(), policyHead, resigned(f.private, func(w []string) { w[2] = next }), 0)
		}, redispolicy.ErrCorrupt},
		"a bundle that is gone": {func() {
			f.client.HDel(t.Context(), policyBundles, now.Hash)
			f.client.Set(t.Context(), policyHead, resigned(f.private, func(w []string) { w[2] = next }), 0)
		}, redispolicy.ErrCorrupt},
		"a bundle that is larger than allowed": {func() {
			f.client.HSet(t.Context(), policyBundles, now.Hash, strings.Repeat("x", 1<<20))
			f.client.Set(t.Context(), policyHead, resigned(f.private, func(w []string) { w[2] = next }), 0)
		}, redispolicy.ErrTooLarge},
		// Not even with the key does what is no policy become one.
		"signed bytes that are no bundle":    {signed([]byte("PK\x03\x04 not really")), redispolicy.ErrCorrupt},
		"a signed bundle that does not load": {signed(empty.Bytes()), policy.ErrInvalid},
	} {
		refused, failures := i.follower.Stats().Refused, i.follower.Stats().Failures
		logged := strings.Count(i.log.String(), "refused")
		c.attack()
		testwait.Until(t, name+" is noticed", func() bool { return errors.Is(i.follower.Stats().Err, c.want) })
		looked := i.follower.Stats().Checks
		testwait.Until(t, name+" is looked at again", func() bool { return i.follower.Stats().Checks > looked+5 })
		s := i.follower.Stats()
		if s.Revision != now.ID || s.Sequence != now.Sequence || i.engine.Revision() != now.ID {
			t.Errorf("%s changed the policy: %+v", name, s)
		}
		if c.want == redispolicy.ErrUnavailable {
			if s.Failures == failures {
				t.Errorf("%s is not counted", name)
			}
		} else if s.Refused != refused+1 || strings.Count(i.log.String(), "refused") != logged+1 {
			t.Errorf("%s is reported %d times: %s", name, s.Refused-refused, i.log)
		}
		// The genuine record is believed again.
		f.client.Del(t.Context(), policyHead)
		f.client.HSet(t.Context(), policyBundles, now.Hash, bundle)
		f.client.Set(t.Context(), policyHead, head, 0)
		testwait.Until(t, "all is well again after "+name, func() bool { return i.follower.Stats().Err == nil })
	}
	// The one that does not load was tried once, however often it was looked at.
	if n := strings.Count(i.loads.String(), "policy refused"); n != 1 {
		t.Errorf("a bundle that does not load was tried %d times", n)
	}
	// And publishing goes on, over whatever is in the way.
	f.client.Set(t.Context(), policyHead, "rubbish", 0)
	if r := f.publish(2); r.Sequence <= old.Sequence {
		t.Errorf("%+v", r)
	}
	f.converge(policyRevision(t, shop(2)))
}
