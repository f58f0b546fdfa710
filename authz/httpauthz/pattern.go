package httpauthz

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
)

// templates is how a pattern of net/http is named in rules.
//
//	pattern                    rule's object           rule's action
//	GET /notes/{id}            /notes/:id              GET
//	GET /files/{rest...}       /files/*, route:/files/*  GET
//	GET /files/                the same: net/http matches everything below
//	GET /files/{$}             /files/                 GET
//	GET /{$}                   /                       GET
//	GET api.test/notes/{id}    //api.test/notes/:id    GET
//
// GET also serves HEAD, which is decided as GET.

// parsePattern returns the route of a pattern as rules name it, and the names of its wildcards.
// Patterns that no rule can name, or that rules would read as another, are errors.
func parsePattern(pattern string) (r authz.Route, names []string, err error) {
	method, rest, spaced := strings.Cut(strings.ReplaceAll(pattern, "\t", " "), " ")
	switch rest = strings.TrimLeft(rest, " "); {
	case !spaced:
		return r, nil, fmt.Errorf("has no method: rules are about a method, write %q", "GET "+pattern)
	case !policy.IsMethod(method):
		return r, nil, fmt.Errorf("has the method %q, which no rule can name", method)
	case method == http.MethodConnect:
		return r, nil, fmt.Errorf("is for CONNECT, whose paths net/http does not clean")
	}
	slash := strings.IndexByte(rest, '/')
	if slash < 0 {
		return r, nil, fmt.Errorf("has no path")
	}
	r = authz.Route{Method: method, Host: rest[:slash]}
	segments := strings.Split(rest[slash+1:], "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		name, wildcard := strings.CutPrefix(segment, "{")
		name, closed := strings.CutSuffix(name, "}")
		switch {
		case wildcard && closed && last && name == "$":
			segment = ""
		case wildcard && closed && last && strings.HasSuffix(name, "..."):
			names, segment = append(names, strings.TrimSuffix(name, "...")), "*"
		case wildcard && closed:
			names, segment = append(names, name), ":"+name
		case last && segment == "":
			segment = "*"
		case strings.HasPrefix(segment, ":") || strings.ContainsAny(segment, "*%{}"):
			return r, nil, fmt.Errorf("has the segment %q, which a rule would read as something else", segment)
		}
		r.Path += "/" + segment
	}
	return r, names, nil
}

// example is a path of a template with word for each parameter.
func example(template, word string) string {
	segments := strings.Split(template, "/")
	for i, segment := range segments {
		if strings.HasPrefix(segment, ":") || segment == "*" {
			segments[i] = word
		}
	}
	return strings.Join(segments, "/")
}
