package review_test

import (
	"crypto/ed25519"
	"fmt"
	"log"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/authz/policy/review"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
)

// A review is signed by one and read by another, who has the public key.
func Example() {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		log.Fatal(err)
	}
	bundle, err := policy.ReadBundle(policies.Files())
	if err != nil {
		log.Fatal(err)
	}
	p, err := impact.New(bundle)
	if err != nil {
		log.Fatal(err)
	}
	r, err := review.New(review.Input{Policy: p, Revision: bundle.Revision(), Tenant: "acme", At: time.Now()})
	if err != nil {
		log.Fatal(err)
	}
	file, err := r.Sign(session.NewPrivateKey(private))
	if err != nil {
		log.Fatal(err)
	}
	r, err = review.Verify(file, []ed25519.PublicKey{public})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Tenant, len(r.Entries) > 0, r.Entries[0].Since)
	// Output: acme true unknown
}
