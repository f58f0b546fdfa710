package impact

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

// Row returns a request as a table of requests writes it, which package policytest reads: tenant,
// subject, roles, action, object, attributes. A table cannot write NULL: it leaves out such an
// attribute.
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
		attributes = append(attributes, attributesOf(from.prefix, values)...)
	}
	return [6]string{r.Tenant.String(), subject, strings.Join(roles, " "), string(r.Action), object, strings.Join(attributes, ";")}
}

// attributesOf returns attributes as a table writes them. Those of a parent stand behind its name.
func attributesOf(prefix string, values policy.Values) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		x := values[name]
		switch v := x.(type) {
		case nil:
			continue
		case policy.Values:
			list = append(list, attributesOf(prefix+name+".", v)...)
			continue
		case []string:
			x = strings.Join(v, "|")
		case time.Time:
			x = v.UTC().Format(time.RFC3339Nano)
		}
		list = append(list, fmt.Sprintf("%s%s=%v", prefix, name, x))
	}
	return list
}
