package policies_test

import (
	"testing"

	"github.com/reevehq/reeve/authz/policy/policytest"
	"github.com/reevehq/reeve/policies"
)

func TestEveryRequestHasTheWantedEffect(t *testing.T) {
	policytest.Run(t, policies.Files(), "policy_test.csv")
}
