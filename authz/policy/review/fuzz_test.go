package review_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy/review"
	"github.com/reevehq/reeve/session"
)

// FuzzVerify: no file is a review but one that was signed, and nothing panics.
func FuzzVerify(f *testing.F) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	public, _ := private.Public().(ed25519.PublicKey)
	genuine := review.Review{Revision: "r", At: time.Unix(0, 0).UTC(), Entries: []review.Entry{{Who: "role:a", When: "r.obj.size < 3 && true"}}, Grants: []review.Grant{}}
	file, err := genuine.Sign(session.NewPrivateKey(private))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(file[:len(file)/2])
	f.Add([]byte(`{"format":"reeve-review-1","review":{"a":1e3},"key":"","signature":""}`))
	f.Add([]byte(`{"format":"reeve-review-1","review":{"a":[{"b":"\ud800"}]},"key":"","signature":""}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := review.Verify(file, []ed25519.PublicKey{public})
		if err == nil && (r.Revision != genuine.Revision || len(r.Entries) != 1 || r.Entries[0] != genuine.Entries[0]) {
			t.Fatalf("%q is believed: %+v", file, r)
		}
	})
}
