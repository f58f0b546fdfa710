package release_test

import (
	"context"
	"fmt"
	"log"

	"github.com/reevehq/reeve/authz/policy/release"
	"github.com/reevehq/reeve/policies"
)

func ExampleCheck() {
	checked, err := release.Check(context.Background(), policies.Files())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(checked.Errors()), len(checked.Failed()), checked.Refusal())
	// Output: 0 0 <nil>
}
