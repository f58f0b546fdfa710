package impact

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// Row returns a request as a table of requests writes it, which package policytest reads: tenant,
// subject, roles, action, object, attributes.
func Row(r policy.Request) [6]string {
	subject, object := "anonymous", r.Object.Route
	if r.Subject.ID != "" {
		subject = "user:" + r.Subject.ID
	}
	if object == "" {
		object = r.Object.Type
		if r.Object.ID != "" {
			object += ":" + r.Object.ID
		}
	}
	var roles, attributes []string
	if r.Subject.Roles != nil {
		for i := range r.Subject.Roles.Len() {
			roles = append(roles, r.Subject.Roles.At(i))
		}
	}
	for _, from := range []struct {
		prefix string
		of     policy.AttributeSource
	}{{"", r.Object.Attributes}, {"sub.", r.Subject.Attributes}, {"env.", r.Env}} {
		values, _ := from.of.(policy.Values)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			x := values[name]
			if list, is := x.([]string); is {
				x = strings.Join(list, "|")
			}
			attributes = append(attributes, fmt.Sprintf("%s%s=%v", from.prefix, name, x))
		}
	}
	return [6]string{r.Tenant.String(), subject, strings.Join(roles, " "), string(r.Action), object, strings.Join(attributes, ";")}
}
