package impact

import (
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/internal/requestrow"
)

// Row returns a request as a table of requests writes it, which package policytest reads: tenant,
// subject, roles, action, object, attributes. The error says what a table cannot write, such as an
// attribute that is NULL or a text with a semicolon; the row is another request then.
func Row(r policy.Request) ([6]string, error) { return requestrow.Of(r) }
