package review_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/authz/policy/review"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
)

func day(n int) time.Time { return time.Date(2026, 1, n, 8, 0, 0, 0, time.UTC) }

// published is a policy of some rows as it was published on a day.
func published(t *testing.T, n int, rows ...string) review.Published {
	t.Helper()
	model, err := fs.ReadFile(policies.Files(), policy.ModelFile)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(rows, "\n"), ", _,") {
		model = []byte(strings.Replace(string(model), "g = _, _, _\n", "g = _, _, _, (_, _)\n", 1))
	}
	bundle, err := policy.ReadBundle(fstest.MapFS{
		policy.ModelFile:      {Data: model},
		policy.PolicyFile:     {Data: []byte(strings.Join(rows, "\n") + "\n")},
		policy.AttributesFile: {Data: []byte("invoice, owner, string, no, owner\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := impact.New(bundle)
	if err != nil {
		t.Fatal(err)
	}
	return review.Published{Policy: p, Revision: bundle.Revision(), Sequence: uint64(n), At: day(n)}
}

// of reviews the first of a history on the 30th.
func of(t *testing.T, tenant string, history ...review.Published) review.Review {
	t.Helper()
	r, err := review.New(review.Input{Name: "shop", Policy: history[0].Policy, Revision: history[0].Revision, Tenant: tenant, At: day(30), History: history})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func since(t *testing.T, r review.Review, subject, action string) string {
	t.Helper()
	i := slices.IndexFunc(r.Entries, func(e review.Entry) bool { return strings.Contains(e.Who, subject) && e.Actions == action })
	if i < 0 {
		t.Fatalf("no entry of %s %s: %+v", subject, action, r.Entries)
	}
	return r.Entries[i].Since.String()
}

const (
	viewer  = "p, role:viewer, *, invoice, read, true, allow"
	editor  = "p, role:editor, *, invoice, update, true, allow"
	owner   = "p, role:editor, *, invoice, update, r.obj.owner == r.sub.id, allow"
	barred  = "p, role:intern, *, invoice, read, true, deny"
	members = "g, user:alice, role:editor, acme"
)

func TestSinceIsThePublicationThatAllowedTheLastPartOfAnEntry(t *testing.T) {
	r := of(t, "", published(t, 9, viewer, editor), published(t, 7, viewer, editor), published(t, 5, viewer), published(t, 3, viewer))
	if got := since(t, r, "role:viewer", "read"); got != "2026-01-03T08:00:00Z or before" {
		t.Errorf("what was always so: %s", got)
	}
	if got := since(t, r, "role:editor", "update"); got != "2026-01-07T08:00:00Z" {
		t.Errorf("what began: %s", got)
	}
	r = of(t, "", published(t, 9, viewer), published(t, 7, editor), published(t, 5, viewer))
	if got := since(t, r, "role:viewer", "read"); got != "2026-01-09T08:00:00Z" {
		t.Errorf("what was taken away and came back: %s", got)
	}
	r = of(t, "", published(t, 9, editor), published(t, 7, owner))
	if got := since(t, r, "role:editor", "update"); got != "2026-01-09T08:00:00Z" {
		t.Errorf("a condition that is gone: %s", got)
	}
	r = of(t, "", published(t, 9, owner), published(t, 7, editor))
	if got := since(t, r, "role:editor", "update"); got != "2026-01-07T08:00:00Z or before" {
		t.Errorf("a condition that is new narrows: %s", got)
	}
	r = of(t, "", published(t, 9, viewer), published(t, 7, viewer, barred))
	if got := since(t, r, "role:viewer", "read"); got != "2026-01-09T08:00:00Z" {
		t.Errorf("a deny that is gone: %s", got)
	}
	r = of(t, "", published(t, 9, viewer, editor, members), published(t, 7, viewer, editor))
	if len(r.Grants) != 1 || r.Grants[0].Since.String() != "2026-01-09T08:00:00Z" || r.Grants[0].Who != "user:alice" {
		t.Errorf("a new member: %+v", r.Grants)
	}
	if got := since(t, r, "role:viewer", "read"); got != "2026-01-07T08:00:00Z or before" {
		t.Errorf("what a new member has nothing to do with: %s", got)
	}
}

// A role with an end is a line with its time, and what it allows says until when.
func TestARoleWithAnEndSaysWhenItIsGiven(t *testing.T) {
	until := func(n int, end string) review.Published {
		return published(t, n, editor, "g, user:alice, role:editor, acme, _, "+end)
	}
	r := of(t, "acme", until(9, "2026-03-01 00:00:00"), until(7, "2026-02-01 00:00:00"), until(5, "2026-04-01 00:00:00"))
	march := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	if len(r.Grants) != 1 || !r.Grants[0].Start.IsZero() || !r.Grants[0].End.Equal(march) || r.Grants[0].Since.String() != "2026-01-09T08:00:00Z" {
		t.Errorf("a role that lasts longer: %+v", r.Grants)
	}
	i := slices.IndexFunc(r.Entries, func(e review.Entry) bool { return strings.HasPrefix(e.Who, "user:alice") })
	if i < 0 || r.Entries[i].When != "r.env.time < '2026-03-01T00:00:00Z'" || r.Entries[i].Undecided || r.Entries[i].Since.String() != "2026-01-09T08:00:00Z" {
		t.Errorf("what it allows: %+v", r.Entries)
	}
	r = of(t, "", until(9, "2026-02-01 00:00:00"), until(7, "2026-03-01 00:00:00"))
	if r.Grants[0].Since.String() != "2026-01-07T08:00:00Z or before" {
		t.Errorf("a role that ends sooner is not new: %+v", r.Grants)
	}
}

func TestWithoutAHistoryOfThePolicyNothingIsKnownOfTheTime(t *testing.T) {
	now := published(t, 9, viewer, members)
	for name, history := range map[string][]review.Published{"none": nil, "of another policy": {published(t, 8, viewer)}} {
		r, err := review.New(review.Input{Policy: now.Policy, Revision: now.Revision, At: day(30), History: history})
		if err != nil {
			t.Fatal(err)
		}
		if r.Entries[0].Since.String() != "unknown" || r.Grants[0].Since.String() != "unknown" || !r.PublishedAt.IsZero() || r.Sequence != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for name, in := range map[string]review.Input{
		"no policy":   {Revision: "r", At: day(1)},
		"no revision": {Policy: now.Policy, At: day(1)},
		"no time":     {Policy: now.Policy, Revision: "r"},
		"no tenant":   {Policy: now.Policy, Revision: "r", At: day(1), Tenant: "Not A Tenant"},
	} {
		if _, err := review.New(in); !errors.Is(err, review.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAReviewOfOneTenantHasNoGrantsOfAnother(t *testing.T) {
	r := of(t, "acme", published(t, 9, viewer, members, "g, user:bob, role:viewer, globex", "g, user:eve, role:viewer, *"))
	for _, g := range r.Grants {
		if g.Tenant == "globex" {
			t.Errorf("%+v", g)
		}
	}
	if len(r.Grants) != 2 {
		t.Errorf("%+v", r.Grants)
	}
}

func signed(t *testing.T) (review.Review, []byte, ed25519.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := of(t, "", published(t, 9, viewer, owner, members), published(t, 5, viewer))
	file, err := r.Sign(session.NewPrivateKey(private))
	if err != nil {
		t.Fatal(err)
	}
	return r, file, public
}

func TestASignedReviewIsReadBackAndByNoOtherKey(t *testing.T) {
	r, file, public := signed(t)
	otherKey, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := review.Verify(file, []ed25519.PublicKey{otherKey, public})
	if err != nil || cmp.Diff(r, got) != "" {
		t.Errorf("%v\n%s", err, cmp.Diff(r, got))
	}
	if !bytes.Contains(file, []byte(`"r.obj.owner == r.sub.id"`)) {
		t.Errorf("people cannot read it:\n%s", file)
	}
	for _, keys := range [][]ed25519.PublicKey{nil, {otherKey}, {nil}, {public[:31]}} {
		if got, err := review.Verify(file, keys); !errors.Is(err, review.ErrUntrusted) || len(got.Entries) != 0 {
			t.Errorf("%v", err)
		}
	}
	for name, key := range map[string]session.SecretKey{"none": {}, "random bytes": session.NewSecretKey(bytes.Repeat([]byte("ab"), 32))} {
		if _, err := r.Sign(key); !errors.Is(err, review.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of a file in which any one byte is another, either the review is the same or there is none.
func TestNoByteOfASignedReviewCanBeChanged(t *testing.T) {
	r, file, public := signed(t)
	for i := range file {
		for _, to := range []byte{file[i] ^ 1, file[i] ^ 0x20} {
			bad := bytes.Clone(file)
			bad[i] = to
			if got, err := review.Verify(bad, []ed25519.PublicKey{public}); err == nil && !cmp.Equal(r, got) {
				t.Fatalf("byte %d: %s", i, cmp.Diff(r, got))
			}
		}
		if got, err := review.Verify(append(bytes.Clone(file[:i]), file[i+1:]...), []ed25519.PublicKey{public}); err == nil && !cmp.Equal(r, got) {
			t.Fatalf("without byte %d: %s", i, cmp.Diff(r, got))
		}
	}
}

func TestWhatTwoReadersCouldReadDifferentlyIsRefused(t *testing.T) {
	_, file, public := signed(t)
	inject := func(before, more string) []byte { return bytes.Replace(file, []byte(before), []byte(more+before), 1) }
	for name, bad := range map[string][]byte{
		"a second review":        inject(`"review":`, `"review": {"entries": []},`),
		"a review in other case": inject(`"review":`, `"Review": {"entries": []},`),
		"a member twice":         inject(`"entries":`, `"entries": [],`),
		"a second value":         append(bytes.Clone(file), "{}"...),
		"nothing":                nil,
		"a list":                 []byte("[]"),
		"nested without end":     bytes.Repeat([]byte("["), 1<<20),
		"no UTF-8":               bytes.Replace(file, []byte("role:viewer"), []byte("role:\xff"), 1),
		"a byte order mark":      append([]byte("\ufeff"), file...),
		"a fraction":             bytes.Replace(file, []byte(`"sequence": 9`), []byte(`"sequence": 9.5`), 1),
	} {
		if _, err := review.Verify(bad, []ed25519.PublicKey{public}); !errors.Is(err, review.ErrMalformed) && !errors.Is(err, review.ErrUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A key that signs something else as well signs no review by it.
func TestASignatureWithoutTheWordOfTheFormatIsNoReview(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	forge := func(message string) []byte {
		signature := base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(message)))
		return fmt.Appendf(nil, `{"format":"reeve-review-1","key":"","review":{"at":"2026-01-01T00:00:00Z","entries":[],"grants":[],"revision":"r"},"signature":"%s"}`, signature)
	}
	const text = `{"at":"2026-01-01T00:00:00Z","entries":[],"grants":[],"revision":"r"}`
	if _, err := review.Verify(forge("reeve-review-1\n"+text), []ed25519.PublicKey{public}); err != nil {
		t.Fatalf("the form that is documented: %v", err)
	}
	if _, err := review.Verify(forge(text), []ed25519.PublicKey{public}); !errors.Is(err, review.ErrUntrusted) {
		t.Errorf("%v", err)
	}
	if _, err := review.Verify(bytes.Replace(forge("reeve-review-1\n"+text), []byte(`"revision":"r"`), []byte(`"revision":"r","more":1`), 1), []ed25519.PublicKey{public}); err == nil {
		t.Error("a member that is not shown is taken")
	}
}
