package app

import (
	"io/fs"
	"testing"

	"github.com/reevehq/reeve/authz/policy/policytest"
)

func TestEveryRequestHasTheWantedEffect(t *testing.T) {
	files, err := fs.Sub(policyFiles, "policy")
	if err != nil {
		t.Fatal(err)
	}
	policytest.Run(t, files, "policy_test.csv")
}
