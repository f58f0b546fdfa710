//go:build unix

package integration_test

import (
	"crypto/ed25519"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy/redispolicy"
)

// A reader believes the keys that it was given, and gives the files of a publication as they were.
func TestAReaderSaysWhatIsPublishedAndWhatWas(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 0, redispolicy.FollowerConfig{})
	reader := func(key ed25519.PublicKey) *redispolicy.Reader {
		r, err := redispolicy.NewReader(redispolicy.ReaderConfig{Client: f.client, Name: "shop", Keys: []ed25519.PublicKey{key}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := reader(f.public)
	if _, err := r.Head(t.Context()); !errors.Is(err, redispolicy.ErrUnknown) {
		t.Errorf("nothing is published: %v", err)
	}
	old := f.publish(1)
	f.publish(2)
	head, err := r.Head(t.Context())
	if err != nil || head.ID != policyRevision(t, shop(2)) {
		t.Errorf("%+v, %v", head, err)
	}
	history, err := r.History(t.Context())
	if err != nil || len(history) != 2 || history[0] != head || history[1].Sequence != old.Sequence {
		t.Errorf("%+v, %v", history, err)
	}
	files, err := r.Files(t.Context(), history[1])
	if err != nil {
		t.Fatal(err)
	}
	data, err := fs.ReadFile(files, "policy.csv")
	if err != nil || !strings.HasPrefix(string(data), "# 1\n") {
		t.Errorf("%q, %v", data, err)
	}

	otherKey, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader(otherKey).Head(t.Context()); !errors.Is(err, redispolicy.ErrUntrusted) {
		t.Errorf("the head for another key: %v", err)
	}
	if list, err := reader(otherKey).History(t.Context()); !errors.Is(err, redispolicy.ErrUntrusted) || len(list) != 0 {
		t.Errorf("%d publications for another key, %v", len(list), err)
	}
	for name, content := range map[string]string{"another length": "x", "the same length": strings.Repeat("x", head.Size)} {
		if err := f.client.HSet(t.Context(), policyBundles, head.Hash, content).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Files(t.Context(), head); !errors.Is(err, redispolicy.ErrCorrupt) {
			t.Errorf("a bundle of %s: %v", name, err)
		}
	}
}
