package policytest

import (
	"slices"

	"github.com/reevehq/reeve/authz/policy"
)

// ParseRequest reads a request as a row of a table writes it: the row's first six values. It is
// for tools that ask about one request. It needs the declared attributes as [Load] does.
func ParseRequest(tenant, subject, roles, action, object, attributes string, declared []policy.Attribute) (policy.Request, error) {
	kinds := map[[2]string]policy.AttributeKind{}
	for _, a := range slices.Concat(policy.EnvAttributes(), declared) {
		kinds[[2]string{a.Type, a.Name}] = a.Kind
	}
	c, err := parse([]string{tenant, subject, roles, action, object, attributes, "deny", ""}, kinds)
	return c.Request, err
}
