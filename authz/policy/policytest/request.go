package policytest

import "github.com/reevehq/reeve/authz/policy"

// ParseRequest reads a request as a row of a table writes it: the row's first six values. It is
// for tools that ask about one request. It needs the declared attributes as [Load] does.
func ParseRequest(tenant, subject, roles, action, object, attributes string, declared []policy.Attribute) (policy.Request, error) {
	c, err := parse([]string{tenant, subject, roles, action, object, attributes, "deny", ""}, declaredKinds(declared))
	return c.Request, err
}
