package condition

import (
	"strings"

	"github.com/reevehq/reeve/internal/hint"
)

// Parameters returns the names of a route template's parameters, in their order: "id" and "key"
// of "/users/:id/keys/:key".
func Parameters(template string) []string {
	var names []string
	for segment := range strings.SplitSeq(template, "/") {
		if name, ok := strings.CutPrefix(segment, ":"); ok {
			names = append(names, name)
		}
	}
	return names
}

// parameter returns the attribute that r.obj.<name> names in a rule for one route.
func parameter(template, name string) (a *Attribute, why string) {
	var names []string
	times := 0
	for _, p := range Parameters(template) {
		if p == name {
			times++
		}
		if IsName(p) {
			names = append(names, p)
		}
	}
	switch {
	case times == 1:
		return &Attribute{Type: template, Name: name, Kind: KindString, part: PartObject}, ""
	case times > 1:
		return nil, "two parameters of the route are called " + name + ": rename one of them"
	case len(names) == 0:
		return nil, "the route has no parameter that r.obj." + name + " could be: of an object a rule for its type may ask, in the handler"
	}
	why = "the route has no parameter " + hint.Text(name) + ": its parameters are " + hint.List(names)
	if near := hint.Nearest(name, names); near != "" {
		why += "; did you mean r.obj." + near + "?"
	}
	return nil, why
}
