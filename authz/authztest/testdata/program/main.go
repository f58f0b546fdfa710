// Command program is no test, and tries to make callers all the same.
package main

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
)

func main() {
	engine := authz.Must(policy.Load(policies.Files(), policy.Options{}))
	caller := authztest.Caller{Tenant: "acme", User: "alice", Roles: []string{"admin"}}
	try(func() { authztest.Request(new(testing.T), engine, caller, httptest.NewRequest("GET", "/", nil)) })
	try(func() { authztest.As(struct{ testing.TB }{}, engine, caller) })
}

// try prints why f panics.
func try(f func()) {
	defer func() { fmt.Println(recover()) }()
	f()
}
