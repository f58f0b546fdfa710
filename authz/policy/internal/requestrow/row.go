// Package requestrow writes a request as the values of a row of a table of requests, which package
// policytest reads. It exists apart from it, since that package is linked with testing.
package requestrow

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

// Of returns the values of a row: tenant, subject, roles, action, object, attributes. An error says
// what of the request a table cannot write; the row is another request then.
func Of(r policy.Request) ([6]string, error) {
	tenantID, subject, object := "", "anonymous", r.Object.Route
	if !r.Tenant.IsZero() {
		tenantID = r.Tenant.String()
	}
	if r.Subject.ID != "" {
		subject = "user:" + r.Subject.ID
	}
	if object == "" {
		object = r.Object.Type
		if r.Object.ID != "" {
			object += ":" + r.Object.ID
		}
	}
	w := writer{}
	if strings.TrimSpace(object) != object {
		w.cannot("the object", "begins or ends with a space")
	}
	var roles []string
	if r.Subject.Roles != nil {
		for i := range r.Subject.Roles.Len() {
			roles = append(roles, r.Subject.Roles.At(i))
		}
	}
	for _, part := range []struct {
		prefix string
		of     policy.AttributeSource
	}{{"", r.Object.Attributes}, {"sub.", r.Subject.Attributes}, {"env.", r.Env}} {
		values, _ := part.of.(policy.Values)
		w.values(part.prefix, values)
	}
	return [6]string{tenantID, subject, strings.Join(roles, " "), string(r.Action), object, strings.Join(w.pairs, ";")}, w.err
}

// writer writes attributes, and remembers the first that it cannot.
type writer struct {
	pairs []string
	err   error
}

func (w *writer) cannot(name, why string) {
	if w.err == nil {
		w.err = fmt.Errorf("%s %s", name, why)
	}
}

// values writes attributes by their names. Those of a parent stand behind its name, and a parent of
// which nothing is known is its name alone.
func (w *writer) values(prefix string, values policy.Values) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		whole, text := prefix+name, ""
		switch x := values[name].(type) {
		case nil:
			w.cannot(whole, "is NULL")
			continue
		case policy.Values:
			if len(x) > 0 {
				w.values(whole+".", x)
				continue
			}
		case []string:
			text = w.list(whole, x)
		case time.Time:
			text = x.UTC().Format(time.RFC3339Nano)
		default:
			text = fmt.Sprint(x)
		}
		w.pair(whole, text)
	}
}

func (w *writer) list(name string, texts []string) string {
	if slices.Equal(texts, []string{""}) {
		w.cannot(name, "is a list of one empty text")
	}
	for _, s := range texts {
		if strings.Contains(s, "|") {
			w.cannot(name, "has a text with | in it")
		}
	}
	return strings.Join(texts, "|")
}

func (w *writer) pair(name, text string) {
	if why := unwritable(text); why != "" {
		w.cannot(name, why)
	}
	w.pairs = append(w.pairs, name+"="+text)
}

// unwritable says why a table cannot write the value of an attribute, and "" where it can.
func unwritable(text string) string {
	n := len(text)
	switch {
	case strings.ContainsAny(text, ";\r\n"):
		return "has a semicolon or a line break in it"
	case strings.TrimSpace(text) != text:
		return "begins or ends with a space"
	case n > 1 && (text[0] == '\'' || text[0] == '"') && text[n-1] == text[0]:
		return "stands in quotes"
	}
	return ""
}
