package policy_test

import (
	"errors"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/invisible"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// A decision is about a user that a session can have, and about no other: the two
// agree what an id is on every character that shows nothing, and on many that do.
func TestPoliciesAndSessionsAgreeWhatAUserIDIs(t *testing.T) {
	engine, err := policy.Load(policies.Files(), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) || !invisible.Is(r) && !unicode.IsMark(r) && r > 0x600 && r%61 != 0 || r >= 0xe1000 && r%4093 != 0 || r > 0x20000 && r < 0xe0000 && r%997 != 0 {
			continue
		}
		for _, id := range []string{string(r), "a" + string(r)} {
			_, refused := session.ParseUserID(id)
			_, err := engine.Decide(t.Context(), policy.Request{
				Tenant: tenant.MustParse("acme"), Subject: policy.Subject{ID: id}, Action: "GET", Object: policy.Route("/x"),
			})
			if errors.Is(err, policy.ErrRequest) != (refused != nil) {
				t.Fatalf("%+q: session %v, policy %v", id, refused, err)
			}
		}
	}
}
